"""Labels of test images from a table of a user's: another model's predictions, say.

The table is as ``data.tables`` has it: a column pid or path, and one per attribute with the names of its values.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.data.folders import DISTRACTOR, Images, ReidData
from mosaicreid.data.tables import read_codes, read_image_table
from mosaicreid.datasets.definition import Dataset, TableDataset
from mosaicreid.errors import InputError
from mosaicreid.files import leads_below
from mosaicreid.labels.permuted import Codes


def read_labels(file: Path, data: ReidData, dataset: Dataset, attributes: Sequence[str]) -> tuple[Codes, Codes]:
    """The codes of query (Q, A) and gallery (G, A) that the CSV table ``file`` gives ``attributes``; 0 for all others.

    Every person, or every image of one, needs a row; distractors may have one. Rows of training images are passed over.

    Raises:
        InputError: as ``data.tables.read_codes``; test people without a row, or rows of nobody in the dataset.
    """
    file = Path(file)
    unknown = dataset.unknown if isinstance(dataset, TableDataset) else ()
    key, rows, codes = read_codes(file, dataset.schema, tuple(attributes), unknown=unknown)
    place = pd.Series(np.arange(len(rows)), index=rows)
    names = _names(data, dataset) if key == "pid" else None
    splits = [images.paths if names is None else [names[path] for path in images.paths] for images in _splits(data)]
    _check_known(file, key, rows, splits, data.root)
    found = [place.reindex(split).to_numpy(dtype=float) for split in splits[1:]]
    for split, where, images in zip(("query", "gallery"), found, (data.query, data.gallery), strict=True):
        missing = np.flatnonzero(np.isnan(where) & (images.pids > DISTRACTOR))
        if len(missing):
            people = len(np.unique(images.pids[missing]))
            raise InputError(
                f"{file} has no row for {people} people of {split}, like {key} of {images.paths[missing[0]]}; expected "
                "one for each; an empty cell means that nothing is known"
            )
    query, gallery = (np.where(np.isnan(at)[:, None], 0, codes[np.nan_to_num(at).astype(np.int64)]) for at in found)
    return query, gallery


def _splits(data: ReidData) -> tuple[Images, Images, Images]:
    return data.train, data.query, data.gallery


def _names(data: ReidData, dataset: Dataset) -> dict[str, str]:
    """The identity of every image as the tables spell it."""
    if isinstance(dataset, TableDataset):
        table = read_image_table(data.root, dataset)
        return dict(zip(table["path"], table["name"], strict=True))
    return {path: str(pid) for images in _splits(data) for path, pid in zip(images.paths, images.pids, strict=True)}


def _check_known(file: Path, key: str, rows: pd.Series, splits: list, root: Path) -> None:
    """InputError where a row is of nobody: junk, which the protocol leaves out, is somebody."""
    strange = rows[~rows.isin({name for split in splits for name in split})]
    for name in strange:
        junk = name in ("-1", "0") if key == "pid" else leads_below(name) and (root / name).is_file()
        if not junk:
            raise InputError(
                f"{file}: {key} {name[:100]!r} is in no split of the dataset at {root}; likely cause: a table "
                "of another dataset"
            )
