"""AG-ReID.v2: a folder per identity, protocols as lists of paths, attributes as 0/1 columns in a MATLAB file.

``train_all``, ``query`` and ``gallery`` hold folders ``P0001T04041A0`` with images ``P0001T04041A0C0F31.jpg``: person,
day and half of it, altitude, camera, frame. A protocol is a text file beside them, a path below the root a line.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mosaicreid.attributes import Annotation, Schema
from mosaicreid.data.matlab import read_variable
from mosaicreid.datasets.definition import ForeignDataset
from mosaicreid.errors import InputError

_FILE, _VARIABLE = "qut_attribute_v8.mat", "qut_attribute"
_IDENTITY = "image_index"
_NAME = re.compile(r"P(\d{4})T(\d{5})A(\d)C([0-9])F(\d+)\.jpg", re.ASCII)
# Drone, CCTV and wearable camera, in the order in which users of the dataset number them.
_CAMERAS = {"0": 1, "3": 2, "2": 3}
_TRAIN, _TEST = "train_all", ("query", "gallery")
_NO, _YES = 1, 2
_UNKNOWN = "unknown"
_MOST_BYTES = 2**26


def read(dataset: ForeignDataset, root: Path) -> tuple[pd.DataFrame, dict[str, Annotation] | None]:
    """The images of a protocol and their labels, as ``formats.read_foreign``."""
    paths = _listed(root / dataset.protocol)
    rows = [(path, "train") for path in _found(root / _TRAIN)] + [(path, path.split("/")[0]) for path in paths]
    for path in paths:
        if not (root / path).is_file():
            raise InputError(f"{root / dataset.protocol} lists {path}, which is not below {root}; expected every image")
    parsed = [_parse(path, root) for path, _ in rows]
    images = pd.DataFrame(rows, columns=["path", "split"])
    images["pid"], images["camid"] = np.array(parsed, dtype=np.int64).reshape(-1, 2).T
    images = images.sort_values("path", ignore_index=True)
    file = root / _FILE
    return images, _labels(file, dataset.schema) if file.is_file() else None


def _found(folder: Path) -> list[str]:
    """The images in the folders below ``folder``; what systems hide there is passed over."""
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; AG-ReID.v2 has {', '.join((_TRAIN, *_TEST))} below its root")
    paths = []
    for inner in sorted(folder.iterdir()):
        if inner.name.startswith("."):
            continue
        if not inner.is_dir():
            raise InputError(f"{inner} is not a folder; expected one per identity, like P0001T04041A0")
        names = sorted(image.name for image in inner.iterdir() if not image.name.startswith("."))
        paths += [f"{folder.name}/{inner.name}/{name}" for name in names]
    return paths


def _listed(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(f"{file} has more than {_MOST_BYTES >> 20} MiB; expected a list of image paths")
        lines = [line.strip() for line in file.read_text(encoding="utf-8").split("\n")]
    except OSError as error:
        raise InputError(f"no protocol at {file} ({error.strerror}); expected a list of image paths") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text; expected a list of image paths") from error
    paths = [line for line in lines if line]
    for number, path in enumerate(lines, start=1):
        if path and (path.split("/")[0] not in _TEST or ".." in path.split("/") or not path.isprintable()):
            raise InputError(f"{file}, line {number}: {path[:100]!r}; expected a path below query/ or gallery/")
    if len(set(paths)) < len(paths) or not paths:
        raise InputError(f"{file} lists {'an image twice' if paths else 'nothing'}; expected every image once")
    return paths


def _parse(path: str, root: Path) -> tuple[int, int]:
    """Identity and camera of an image path."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    if not match or match[4] not in _CAMERAS:
        raise InputError(
            f"{root}: {path[:100]!r} is not an image of AG-ReID.v2, which look like P0001T04041A0C0F31.jpg, with "
            f"C{', C'.join(_CAMERAS)}"
        )
    return int(match[1] + match[2] + match[3]), _CAMERAS[match[4]]


def _labels(file: Path, schema: Schema) -> dict[str, Annotation]:
    content = read_variable(file, _VARIABLE)
    result = {}
    for split in ("train", "test"):
        where = f"{file.name}, {split}"
        columns = content.get(split) if isinstance(content, dict) else None
        if not isinstance(columns, dict) or _IDENTITY not in columns:
            raise InputError(f"{where}: no such split with {_IDENTITY}; expected the annotation of AG-ReID.v2")
        pids = _identities(columns[_IDENTITY], where)
        codes = np.zeros((len(pids), len(schema.groups)), dtype=np.int16)
        places = _places(schema)
        for name, values in columns.items():
            if name == _IDENTITY:
                continue
            if _plain(name) not in places:
                raise InputError(f"{where}: field {name[:60]!r} is not an attribute and value of AG-ReID.v2")
            column, bit = places.pop(_plain(name))
            if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif" or len(values) != len(pids):
                raise InputError(f"{where}: field {name} has not a number for each of {len(pids)} identities")
            wrong = np.flatnonzero(~np.isin(values, (_NO, _YES)))
            if len(wrong):
                raise InputError(
                    f"{where}: field {name}, identity {pids[wrong[0]]}: value {values[wrong[0]]}, expected 1 or 2"
                )
            if bit is not None:
                codes[:, column] |= (values == _YES).astype(np.int16) << bit
        # What is left had no field: of an attribute some values may be missing, but not all.
        left = [column for column, bit in places.values() if bit is not None]
        without = [group.name for column, group in enumerate(schema.groups) if left.count(column) == len(group.values)]
        if without:
            raise InputError(f"{where}: no field of {', '.join(without)}; expected one per value of each attribute")
        order = np.argsort(pids)
        result[split] = Annotation(schema, split, pids[order], codes[order])
    return result


def _places(schema: Schema) -> dict[str, tuple[int, int | None]]:
    """Column and bit by a field's name without case and signs; bit None for what is no label."""
    places: dict[str, tuple[int, int | None]] = {}
    for column, group in enumerate(schema.groups):
        for bit, value in enumerate(group.values):
            places[_plain(group.name + value)] = column, bit
        places[_plain(group.name + _UNKNOWN)] = column, None
    return places


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _identities(values: Any, where: str) -> np.ndarray:
    """Identities, numbers or texts of them."""
    if isinstance(values, (list, tuple)):
        texts = ["".join(value) if isinstance(value, (str, tuple)) else "" for value in values]
    else:
        numbers = np.asarray(values, dtype=float)
        texts = [str(int(value)) if np.isfinite(value) and value == int(value) else "" for value in numbers]
    wrong = [text for text in texts if not re.fullmatch(r"[0-9]{1,12}", text)]
    if wrong:
        raise InputError(f"{where}: field {_IDENTITY} holds {wrong[0][:40]!r}; expected identities like 1040410")
    pids = np.array(texts, dtype=np.int64)
    if len(np.unique(pids)) < len(pids):
        raise InputError(f"{where}: field {_IDENTITY} names an identity twice; expected each once")
    return pids
