"""The datasets, a file each, and the registry that everything else asks about them.

A dataset in the package is a file like ``market1501.py`` and its line in ``_REGISTERED``; ``_FOREIGN`` are others that
can be read, which no sweep trains unless it is told to. A user's own is a TOML file ``datasets/NAME.toml`` in the
folder that commands are given in (see ``schema_file``).
"""

import re
from pathlib import Path

from mosaicreid.attributes import Schema
from mosaicreid.datasets.agreid_v2 import AGREID_V2
from mosaicreid.datasets.definition import Dataset, FolderDataset
from mosaicreid.datasets.dukemtmc import DUKEMTMC
from mosaicreid.datasets.market1501 import MARKET1501
from mosaicreid.datasets.schema_file import NAME, read_definition
from mosaicreid.datasets.veri776 import VERI776
from mosaicreid.errors import InputError, one_of

_REGISTERED = {dataset.name: dataset for dataset in (MARKET1501, DUKEMTMC)}

_FOREIGN = {dataset.name: dataset for dataset in (*AGREID_V2, VERI776)}

DATASETS = tuple(_REGISTERED)
TITLES = {name: dataset.title for name, dataset in _REGISTERED.items()}
DEFINITIONS = Path("datasets")


def get_dataset(name: str) -> Dataset:
    """The dataset called ``name``: of the package, or of the file ``datasets/NAME.toml`` in the working folder.

    Raises:
        InputError: no dataset of this name, or a file that does not describe one (see ``schema_file``).
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name in _FOREIGN:
        return _FOREIGN[name]
    path = DEFINITIONS / f"{name}.toml"
    # The name comes from a user and must not lead out of the folder.
    if not re.fullmatch(NAME, name) or not path.is_file():
        raise one_of("dataset", name, (*DATASETS, *_FOREIGN, f"one of your own in {DEFINITIONS}/NAME.toml"))
    dataset = read_definition(path)
    if dataset.name != name:
        raise InputError(f"{path} describes the dataset {dataset.name!r}; expected {name!r}, as the file is called")
    return dataset


def get_folder_dataset(name: str) -> FolderDataset:
    """The dataset of the package called ``name``.

    Raises:
        InputError: no such dataset.
    """
    if name not in _REGISTERED:
        raise one_of("dataset", name, DATASETS)
    return _REGISTERED[name]


def get_schema(name: str) -> Schema:
    """The attributes of the dataset called ``name`` (Table 1); errors as ``get_dataset``."""
    return get_dataset(name).schema
