"""A dataset in two tables of the user's own, images and attributes, as ``datasets.schema_file`` describes it.

``images.csv`` has the columns path (below the root, with /), split (train, query or gallery), pid and camid::

    path,split,pid,camid
    park/000001.jpg,train,anna,north gate

``attributes.csv`` has pid or path, and a column per attribute with the names of its values; several labels are joined
by +, and an empty cell, or a text that the dataset calls unknown, is no label::

    pid,hat,colour
    anna,no,red+blue

Identities that are numbers keep them, and so do cameras numbered from 1; any others are numbered from 1 in the order of
their names. The identity -1 is junk and 0 a distractor, among names too. Further columns are ignored.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.attributes import Annotation, AttributeGroup, ImageAnnotation, Schema
from mosaicreid.datasets.definition import TableDataset
from mosaicreid.errors import InputError, one_of
from mosaicreid.files import leads_below
from mosaicreid.tables import read_texts

SPLITS = ("train", "query", "gallery")
_IMAGE_COLUMNS = ("path", "split", "pid", "camid")
_INTEGER = r"-?[0-9]{1,15}"
_NOBODY = {"-1": -1, "0": 0}
_MOST_BYTES = 2**30


def read_image_table(root: Path, dataset: TableDataset) -> pd.DataFrame:
    """The images of ``dataset`` under ``root``: path, split, pid and camid (int64), and name, the pid as written.

    Sorted by path, so that the order of the rows does not matter.

    Raises:
        InputError: no such table, not CSV in UTF-8, a row of another length than the header, a column or cell that is
            missing or breaks the line, a split of another name, a path that leads out of the root, has another spelling
            than its shortest, or occurs twice.
    """
    file = Path(root) / dataset.images
    table = _read(file, _IMAGE_COLUMNS)
    for column in _IMAGE_COLUMNS:
        _check_printable(table[column], file)
        empty = np.flatnonzero(table[column].str.strip() == "")
        if len(empty):
            raise InputError(f"{file}, line {empty[0] + 2}: no {column}; expected one in every row")
    for row, path in enumerate(table["path"], start=2):
        if not leads_below(path):
            raise InputError(f"{file}, line {row}: path is {path[:100]!r}; expected one below {root}, like a/b.jpg")
    twice = table["path"][table["path"].duplicated()]
    if len(twice):
        raise InputError(f"{file}: {twice.iloc[0]} is listed more than once; expected every image once")
    for row, split in enumerate(table["split"], start=2):
        if split not in SPLITS:
            raise one_of(f"split in {file}, line {row}", split, SPLITS)
    return (
        table[list(_IMAGE_COLUMNS)]
        .assign(
            name=_canonical(table["pid"]),
            pid=_identities(table["pid"], file),
            camid=_cameras(table["camid"]),
        )
        .sort_values("path", ignore_index=True)
    )


def read_attribute_table(
    root: Path, dataset: TableDataset, images: pd.DataFrame
) -> dict[str, Annotation] | dict[str, ImageAnnotation] | None:
    """The labels of ``images`` (of ``read_image_table``), by train and test; None where there is no such table.

    Rows of identities or images that are not in ``images`` are left out; ``data check`` lists them.

    Raises:
        InputError: not CSV in UTF-8, a row of another length than the header, neither or both of pid and path, a column
            of an attribute that is missing, a row that occurs twice, or a label outside the schema.
    """
    file = Path(root) / dataset.attributes
    if not file.is_file():
        return None
    schema = dataset.schema
    key, names, codes = read_codes(file, schema, schema.attributes, unknown=dataset.unknown)
    in_train = images["split"] == "train"
    splits = {"train": images[in_train], "test": images[~in_train]}
    if key == "path":
        return {split: _by_path(schema, split, rows, names, codes) for split, rows in splits.items()}
    return {split: _by_pid(schema, split, rows, names, codes) for split, rows in splits.items()}


def read_codes(
    file: Path, schema: Schema, attributes: tuple[str, ...], *, unknown: tuple[str, ...] = ()
) -> tuple[str, pd.Series, npt.NDArray[np.int16]]:
    """The labels in a table: whether rows are of a ``pid`` or a ``path``, which (N,), and their codes (N, A) int16.

    A covers the schema; attributes beside ``attributes`` need no column and stay unlabelled. Texts of ``unknown`` mean
    no label, as an empty cell does.

    Raises:
        InputError: as ``read_attribute_table``.
    """
    table = _read(file, attributes)
    key, names = _named(table, file)
    twice = names[names.duplicated()]
    if len(twice):
        raise InputError(f"{file}: {key} {twice.iloc[0][:100]!r} has more than one row; expected one each")
    codes = np.zeros((len(table), len(schema.groups)), dtype=np.int16)
    for column, group in enumerate(schema.groups):
        if group.name in attributes:
            codes[:, column] = _codes(table, group, unknown, file)
    return key, names, codes


def strangers(root: Path, dataset: TableDataset, images: pd.DataFrame) -> list[str]:
    """Identities or images of the attribute table that no image of ``images`` has; none where there is no table."""
    file = Path(root) / dataset.attributes
    if not file.is_file():
        return []
    key, names = _named(_read(file, dataset.schema.attributes), file)
    return names[~names.isin(images["path" if key == "path" else "name"])].tolist()


def _read(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV file whose cells are texts."""
    table = read_texts(file, most=_MOST_BYTES)
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"{file} has no column {', '.join(missing)}; it has {', '.join(map(repr, table))[:200]}")
    if not len(table):
        raise InputError(f"{file} has a header alone; expected rows")
    return table


def _named(table: pd.DataFrame, file: Path) -> tuple[str, pd.Series]:
    """Whether rows are of a pid or a path, and which."""
    keys = [key for key in ("pid", "path") if key in table]
    if len(keys) != 1:
        raise InputError(f"{file} has {' and '.join(keys) or 'neither pid nor path'}; expected one of pid and path")
    _check_printable(table[keys[0]], file)
    return keys[0], _canonical(table["pid"]) if keys == ["pid"] else table["path"]


def _check_printable(names: pd.Series, file: Path) -> None:
    for row, name in enumerate(names, start=2):
        if not name.isprintable():
            raise InputError(f"{file}, line {row}: {names.name} is {name[:100]!r}; expected no line break or control")


def _canonical(names: pd.Series) -> pd.Series:
    """Identities as text, 7 and 0007 alike where all are numbers."""
    return names.astype(np.int64).astype(str) if names.str.fullmatch(_INTEGER).all() else names


def _identities(names: pd.Series, file: Path) -> npt.NDArray[np.int64]:
    """Numbers as they are where all are; else names from 1 on in their order, with nobody in particular as ever."""
    if names.str.fullmatch(_INTEGER).all():
        numbers: npt.NDArray[np.int64] = names.to_numpy().astype(np.int64)
        if numbers.min() < min(_NOBODY.values()):
            raise InputError(f"{file}: pid is {numbers.min()}; expected identities from 0, and -1 for junk")
        return numbers
    nobody = names.isin(list(_NOBODY)).to_numpy()
    pids: npt.NDArray[np.int64] = names.map(_NOBODY).fillna(0).to_numpy().astype(np.int64)
    pids[~nobody] = _rank(names[~nobody].to_numpy(dtype=str))
    return pids


def _cameras(names: pd.Series) -> npt.NDArray[np.int64]:
    """Numbers as they are where all are from 1; else 1, 2, ... in the order of numbers or names."""
    if names.str.fullmatch(_INTEGER).all():
        numbers: npt.NDArray[np.int64] = names.to_numpy().astype(np.int64)
        return numbers if numbers.min() >= 1 else _rank(numbers)
    return _rank(names.to_numpy(dtype=str))


def _rank(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The place of each value among the different ones, from 1."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64) + 1


def _codes(table: pd.DataFrame, group: AttributeGroup, unknown: tuple[str, ...], file: Path) -> npt.NDArray[np.int16]:
    """(N,) int16: a bit per value that a cell names."""
    none = {"", *unknown}
    of_text = {}
    for text in table[group.name].unique():
        labels = [] if text.strip() in none else [part.strip() for part in text.split("+")]
        for label in labels:
            if label not in group.values:
                row = int(np.flatnonzero(table[group.name] == text)[0]) + 2
                raise one_of(
                    f"label of {group.name} in {file}, line {row}", label, (*group.values, *sorted(none - {""}))
                )
        of_text[text] = sum(1 << group.values.index(label) for label in set(labels))
    return table[group.name].map(of_text).to_numpy(dtype=np.int16)


def _by_pid(
    schema: Schema, split: str, images: pd.DataFrame, names: pd.Series, codes: npt.NDArray[np.int16]
) -> Annotation:
    people = images.drop_duplicates("name").set_index("name")["pid"]
    known = np.flatnonzero(names.isin(people.index))
    pids = people.loc[names.iloc[known]].to_numpy(dtype=np.int64)
    order = np.argsort(pids)
    return Annotation(schema, split, pids[order], codes[known[order]])


def _by_path(
    schema: Schema, split: str, images: pd.DataFrame, paths: pd.Series, codes: npt.NDArray[np.int16]
) -> ImageAnnotation:
    known = np.flatnonzero(paths.isin(images["path"]))
    return ImageAnnotation(schema, split, tuple(paths.iloc[known]), codes[known])
