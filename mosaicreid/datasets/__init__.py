"""The datasets, a file each, and the registry that everything else asks about them.

A new dataset is a file like ``market1501.py`` and its line in ``_REGISTERED``.
"""

from mosaicreid.attributes import Schema
from mosaicreid.datasets.definition import Dataset
from mosaicreid.datasets.dukemtmc import DUKEMTMC
from mosaicreid.datasets.market1501 import MARKET1501
from mosaicreid.errors import one_of

_REGISTERED = {dataset.name: dataset for dataset in (MARKET1501, DUKEMTMC)}

DATASETS = tuple(_REGISTERED)
TITLES = {name: dataset.title for name, dataset in _REGISTERED.items()}


def get_dataset(name: str) -> Dataset:
    """The dataset called ``name``.

    Raises:
        InputError: no dataset of this name.
    """
    if name not in _REGISTERED:
        raise one_of("dataset", name, DATASETS)
    return _REGISTERED[name]


def get_schema(name: str) -> Schema:
    """The attributes of the dataset called ``name`` (Table 1); errors as ``get_dataset``."""
    return get_dataset(name).schema
