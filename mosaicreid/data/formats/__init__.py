"""Datasets in their authors' own forms, a module each; none of their files was at hand when these readers were written.

The facts that they are built from are public descriptions of the formats, and the tests' files are made on the spot.
"""

import warnings
from pathlib import Path

import pandas as pd

from mosaicreid.attributes import Annotation
from mosaicreid.data.formats import agreid_v2, veri776
from mosaicreid.datasets.definition import ForeignDataset

_FORMS = {"agreid_v2": agreid_v2.read, "veri776": veri776.read}


def read_foreign(
    dataset: ForeignDataset, root: Path, *, warn: bool = True
) -> tuple[pd.DataFrame, dict[str, Annotation] | None]:
    """Images (path, split, pid and camid, int64, sorted by path) and labels by train and test, None without their file.

    Numbers of images other than the published ones are a UserWarning, if ``warn``.

    Raises:
        InputError: a folder or list that is missing, a name that is not the form's, or labels that are damaged.
    """
    images, labels = _FORMS[dataset.form](dataset, Path(root))
    for difference in image_differences(dataset, images) if warn else ():
        warnings.warn(f"{dataset.name} at {root}: {difference}", stacklevel=3)
    return images, labels


def image_differences(dataset: ForeignDataset, images: pd.DataFrame) -> list[str]:
    """One line per split that has another number of images than published."""
    found = images["split"].value_counts()
    return [
        f"{split} has {found.get(split, 0)} images, expected {wanted}"
        for split, wanted in dataset.images.items()
        if found.get(split, 0) != wanted
    ]
