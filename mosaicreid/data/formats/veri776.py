"""VeRi-776: three folders of images named after vehicle and camera, labels as XML that is declared GB2312.

``image_train``, ``image_query`` and ``image_test`` hold ``0002_c002_00030600_0.jpg``; ``train_label.xml`` and
``test_label.xml`` an ``Item`` per image with imageName, vehicleID, cameraID, colorID and typeID.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from mosaicreid.attributes import Annotation, Schema
from mosaicreid.datasets.definition import ForeignDataset
from mosaicreid.errors import InputError

_FOLDERS = {"train": "image_train", "query": "image_query", "gallery": "image_test"}
_FILES = {"train": "train_label.xml", "test": "test_label.xml"}
_NAME = re.compile(r"(\d{4})_c(\d{3})_\d{8}_\d+\.jpg", re.ASCII)
_CAMERAS = 20
_FIELDS = ("colorID", "typeID")
# Older files leave the type of these vehicles open; it is the second.
_OPEN, _THEIR_TYPE = (3, 7, 41), 2
_MOST_BYTES = 2**26


def read(dataset: ForeignDataset, root: Path) -> tuple[pd.DataFrame, dict[str, Annotation] | None]:
    """The images and their labels, as ``formats.read_foreign``."""
    rows = [row for split, folder in _FOLDERS.items() for row in _images(root / folder, split)]
    images = pd.DataFrame(rows, columns=["path", "split", "pid", "camid"]).sort_values("path", ignore_index=True)
    there = [split for split, file in _FILES.items() if (root / file).is_file()]
    if not there:
        return images, None
    if len(there) < len(_FILES):
        raise InputError(f"{root} has {_FILES[there[0]]} alone; expected {' and '.join(_FILES.values())}")
    return images, {split: _labels(root / file, split, dataset.schema) for split, file in _FILES.items()}


def _images(folder: Path, split: str) -> list[tuple[str, str, int, int]]:
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; VeRi-776 has {', '.join(_FOLDERS.values())} below its root")
    rows = []
    for name in sorted(entry.name for entry in folder.iterdir()):
        if name.startswith(".") or name == "Thumbs.db":
            continue
        match = _NAME.fullmatch(name)
        if not match or not 1 <= int(match[2]) <= _CAMERAS:
            raise InputError(
                f"{folder / name} is not an image of VeRi-776, which look like 0002_c002_00030600_0.jpg, with "
                f"c001 to c{_CAMERAS:03d}"
            )
        rows.append((f"{folder.name}/{name}", split, int(match[1]), int(match[2])))
    return rows


def _labels(file: Path, split: str, schema: Schema) -> Annotation:
    """The labels of vehicles, which all items of a vehicle must agree on."""
    codes: dict[int, tuple[int, int]] = {}
    for number, item in enumerate(_items(file), start=1):
        where = f"{file.name}, item {number}"
        values = {name: item.get(name, "") for name in ("imageName", "vehicleID", *_FIELDS)}
        wrong = [name for name in ("vehicleID", *_FIELDS) if not re.fullmatch(r"[0-9]{1,6}", values[name])]
        if wrong:
            raise InputError(f"{where}: {wrong[0]} is {values[wrong[0]][:40]!r}; expected a number")
        vehicle, colour, kind = (int(values[name]) for name in ("vehicleID", *_FIELDS))
        kind = _THEIR_TYPE if kind == 0 and vehicle in _OPEN else kind
        for name, value, group in zip(_FIELDS, (colour, kind), schema.groups, strict=True):
            if not 1 <= value <= len(group.values):
                raise InputError(
                    f"{where}: {name} of vehicle {vehicle} is {value}; expected 1 to {len(group.values)}, and 0 as "
                    f"the type of {', '.join(map(str, _OPEN))} alone"
                )
        if codes.setdefault(vehicle, (colour, kind)) != (colour, kind):
            raise InputError(f"{where}: vehicle {vehicle} has other labels than before; expected one colour and type")
    pids = np.array(sorted(codes), dtype=np.int64)
    table = np.array([[1 << (value - 1) for value in codes[pid]] for pid in pids.tolist()], dtype=np.int16)
    return Annotation(schema, split, pids, table.reshape(len(pids), len(schema.groups)))


def _items(file: Path) -> list[ElementTree.Element]:
    """The items of a label file, whose bytes are GB2312 whatever parser is at hand."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file} ({error.strerror}); expected XML") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{file} has more than {_MOST_BYTES >> 20} MiB; expected the labels of VeRi-776")
    try:
        text = content.decode("gb2312")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not GB2312 text ({error.reason}); expected the labels of VeRi-776") from error
    # The parser knows no multi-byte encoding, and takes text without a declaration. Entities are none of this format.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff"))
    if "<!" in text.replace("<!--", ""):
        raise InputError(f"{file} declares a document type or entities; expected plain items")
    try:
        items = list(ElementTree.fromstring(text).iter("Item"))
    except ElementTree.ParseError as error:
        raise InputError(f"{file} is not XML that can be read: {error}") from error
    if not items:
        raise InputError(f"{file} has no Item; expected one per image")
    return items
