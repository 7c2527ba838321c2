"""The annotation files of Lin et al. (2019), one .mat file a dataset, read and written.

A file holds one structure per split: a row of numbers per field, one number per identity, and ``image_index`` with
the identities as strings. An attribute with one field has value v coded as v + 1 and 0 where the annotators gave
none; a colour has one field per value, 1 for no and 2 for yes, so none or several may be set.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from mosaicreid.attributes import Annotation
from mosaicreid.data.matlab import read_variable
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.definition import AnnotationLayout, FolderDataset
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path

_NO, _YES = 1, 2

_IDENTITY_FIELD = "image_index"


def read_annotation(path: Path, dataset: FolderDataset) -> dict[str, Annotation]:
    """Read the annotation of ``dataset`` from its .mat file: ``{"train": Annotation, "test": Annotation}``.

    What the annotators left open stays visible: no label is code 0, several colours are several bits. Identities come
    sorted.

    Raises:
        InputError: the file is missing, damaged, not a MATLAB 5 file or another dataset's; a split or field is missing,
            unknown or of another kind; lengths differ; an identity repeats or is not a number; a value is not a code of
            its field.
    """
    schema, layout = dataset.schema, dataset.annotation
    fields_of = {group.name: layout.fields(group) for group in schema.groups}
    content = _load(Path(path), layout)
    result = {}
    for split in ("train", "test"):
        where = f"{Path(path).name}, {split}"
        columns = _columns(content, chain.from_iterable(fields_of.values()), split, where)
        pids = _identities(columns.pop(_IDENTITY_FIELD), where)
        for field, values in columns.items():
            if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif":
                raise InputError(f"{where}: field {field} holds no numbers, expected one per identity")
            if len(values) != len(pids):
                raise InputError(f"{where}: field {field} has {len(values)} values for {len(pids)} identities")
        codes = np.zeros((len(pids), len(schema.groups)), dtype=np.int16)
        for column, group in enumerate(schema.groups):
            fields = fields_of[group.name]
            if len(fields) == 1:
                allowed = range(len(group.values) + 1)
                values = _checked(columns[fields[0]], allowed, fields[0], pids, where)
                codes[:, column] = (1 << values) >> 1
            else:
                for bit, field in enumerate(fields):
                    values = _checked(columns[field], (_NO, _YES), field, pids, where)
                    codes[:, column] |= (values - 1) << bit
        order = np.argsort(pids)
        result[split] = Annotation(schema, split, pids[order], codes[order])
    return result


def write_annotation(path: Path, annotations: Mapping[str, Annotation]) -> None:
    """Write ``{"train": ..., "test": ...}`` to ``path``, structured like the authors' file; equal input, equal bytes.

    Raises:
        InputError: a split is missing, the datasets of the splits differ, or an attribute other than a colour has
            several labels, which the format cannot hold.
    """
    if set(annotations) != {"train", "test"}:
        raise InputError(f"an annotation file has the splits train and test; got {', '.join(sorted(annotations))}")
    datasets = {annotation.schema.dataset for annotation in annotations.values()}
    if len(datasets) != 1:
        raise InputError(f"both splits of an annotation file are one dataset's; got {', '.join(sorted(datasets))}")
    layout = get_folder_dataset(datasets.pop()).annotation
    content = {split: _structure(annotations[split], layout) for split in layout.order}
    with atomic_path(Path(path)) as temporary:
        scipy.io.savemat(temporary, {Path(layout.file_name).stem: content}, appendmat=False)
        # The first 116 bytes are free text, in which scipy puts the time of writing.
        with temporary.open("r+b") as file:
            file.write(b"MATLAB 5.0 MAT-file, written by mosaicreid".ljust(116))


def _load(path: Path, layout: AnnotationLayout) -> Any:
    """The structure that holds the splits."""
    if not path.is_file():
        raise InputError(
            f"no annotation file at {path}; `mosaicreid data annotations` fetches it, or name it with --annotation"
        )
    return read_variable(path, Path(layout.file_name).stem)


def _columns(content: Any, fields: Iterable[str], split: str, where: str) -> dict[str, Any]:
    """Field name -> its values, exactly ``fields`` and the identities'."""
    names = tuple(content) if isinstance(content, dict) else ()
    if split not in names:
        raise InputError(f"{where}: no such split; the file has {', '.join(names) or 'none'}")
    structure = content[split]
    if not isinstance(structure, dict) and len(structure) != 1:
        raise InputError(f"{where}: expected one structure, got {len(structure)}")
    found = set(structure) if isinstance(structure, dict) else set()
    expected = {*fields, _IDENTITY_FIELD}
    for problem, wrong in (("is missing", expected - found), ("is unknown", found - expected)):
        if wrong:
            raise InputError(f"{where}: field {', '.join(sorted(wrong))} {problem}; expected {len(expected)} fields")
    return dict(structure)


def _identities(values: Any, where: str) -> np.ndarray:
    """The numbers of a cell array of texts, or of the rows of a text."""
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, (str, tuple)) for value in values):
        raise InputError(f"{where}: field {_IDENTITY_FIELD} holds no texts, expected one like '0002' per identity")
    texts = ["".join(value) for value in values]
    for text in texts:
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise InputError(f"{where}: field {_IDENTITY_FIELD}: identity {text[:40]!r} is not a number like '0002'")
    pids = np.array(texts, dtype=np.int64)
    unique, counts = np.unique(pids, return_counts=True)
    if len(unique) != len(pids):
        raise InputError(f"{where}: field {_IDENTITY_FIELD}: identity {unique[counts > 1][0]} occurs more than once")
    return pids


def _checked(values: np.ndarray, allowed: Any, field: str, pids: np.ndarray, where: str) -> np.ndarray:
    """``values`` as int64, every one of them in ``allowed``."""
    wrong = np.flatnonzero(~np.isin(values, list(allowed)))
    if len(wrong):
        raise InputError(
            f"{where}: field {field}, identity {pids[wrong[0]]}: value {values[wrong[0]]}, "
            f"expected one of {', '.join(map(str, allowed))}"
        )
    return values.astype(np.int64)


def _structure(annotation: Annotation, layout: AnnotationLayout) -> dict[str, np.ndarray]:
    """One split as field name -> (1, P), in the authors' order of fields."""
    columns: dict[str, np.ndarray] = {}
    for column, group in enumerate(annotation.schema.groups):
        fields = layout.fields(group)
        codes = annotation.codes[:, column].astype(np.int64)
        if len(fields) > 1:
            for bit, field in enumerate(fields):
                columns[field] = np.where(codes >> bit & 1, _YES, _NO)
        else:
            twice = np.flatnonzero(codes & (codes - 1))
            if len(twice):
                raise InputError(
                    f"{annotation.split}: identity {annotation.pids[twice[0]]} has several labels of {group.name}, "
                    f"which its one field {fields[0]} cannot hold; only colours may have them"
                )
            columns[fields[0]] = np.array([code.bit_length() for code in codes.tolist()])
    structure = {field: columns[field].astype(np.uint8)[np.newaxis] for field in layout.order[annotation.split].split()}
    identities = np.empty((1, len(annotation.pids)), dtype=object)
    identities[0] = [f"{pid:04d}" for pid in annotation.pids.tolist()]
    return structure | {_IDENTITY_FIELD: identities}
