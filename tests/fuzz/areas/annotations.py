"""Annotation files: damaged bytes and odd fields, against scipy's reader and a decoding of its own."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse
from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_bytes

from mosaicreid.attributes import Annotation, Schema
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.datasets import DATASETS, get_dataset

# One process for all files: scipy may crash, and is started again then.
_SCIPY = """
import json, sys, scipy.io

def plain(value):
    if value.dtype.names:
        return {name: plain(value[name].flat[0]) for name in value.dtype.names}
    if value.dtype == object:
        return [plain(item) for item in value.ravel(order="F")]
    if value.dtype.kind == "U":
        return [str(text).rstrip("\\0") for text in value.ravel()]
    return value.ravel(order="F").tolist()

for line in sys.stdin:
    path, variable = json.loads(line)
    try:
        result = json.dumps(plain(scipy.io.loadmat(path)[variable]))
    except Exception:
        result = "null"
    print(result, flush=True)
"""


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        self._files: dict[str, bytes] = {}
        for name in DATASETS:
            generator, schema = np.random.default_rng(0), get_dataset(name).schema
            people = {}
            for split, first in (("train", 1), ("test", 50)):
                codes = np.stack([1 << generator.integers(len(g.values), size=9) for g in schema.groups], axis=1)
                people[split] = Annotation(schema, split, np.arange(first, first + 9), codes.astype(np.int16))
            write_annotation(folder / f"{name}.mat", people)
            self._files[name] = (folder / f"{name}.mat").read_bytes()
        self._scipy: subprocess.Popen[str] | None = None
        self._started()

    def attempt(self, random: Random, place: Path) -> None:
        name = random.choice(DATASETS)
        dataset, path = get_dataset(name), place / "annotation.mat"
        variable = Path(dataset.annotation.file_name).stem
        path.write_bytes(self._files[name])
        valid = False
        if random.random() < 0.6:
            path.write_bytes(bad_bytes(random, self._files[name]))
        else:
            content = _structures(path, variable)
            split = content[random.choice(["train", "test"])]
            valid = random.random() < 0.3
            _harmless(random, split) if valid else _odd(random, split)
            scipy.io.savemat(path, {variable: content}, do_compression=random.random() < 0.5)
        found = must(lambda: read_annotation(path, dataset)) if valid else read_annotation(path, dataset)
        reading = self._reading(path, variable)
        if reading is None:
            assert found.keys() == {"train", "test"}, "scipy refuses the file"
            return
        for split, annotation in found.items():
            pids, codes = _decoded(reading[split], dataset.schema, dataset.annotation)
            assert annotation.pids.tolist() == pids, f"identities {annotation.pids.tolist()}, scipy's {pids}"
            assert annotation.codes.tolist() == codes, "other codes than scipy's"

    def _reading(self, path: Path, variable: str) -> Any:
        process = self._started()
        try:
            process.stdin.write(json.dumps([str(path), variable]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            # Started anew for the next file, outside of the watch over this one.
            return None
        return json.loads(line)

    def _started(self) -> subprocess.Popen[str]:
        if self._scipy is None or self._scipy.poll() is not None:
            self._scipy = subprocess.Popen(
                [sys.executable, "-c", _SCIPY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._scipy


def _structures(path: Path, variable: str) -> dict[str, dict[str, Any]]:
    whole = scipy.io.loadmat(path)[variable]
    return {
        split: {name: whole[split].flat[0][name].flat[0] for name in whole[split].flat[0].dtype.names}
        for split in whole.dtype.names
    }


def _harmless(random: Random, split: dict[str, Any]) -> None:
    """Another way to write the same."""
    numbers = [name for name in split if name != "image_index"]
    match random.randrange(4):
        case 0:
            for name in numbers:
                split[name] = split[name].astype(random.choice(["u1", "u2", "i4", "f4", "f8", "i8"]))
        case 1:
            order = random.sample(list(split), len(split))
            values = {name: split[name] for name in order}
            split.clear()
            split.update(values)
        case 2:
            order = np.array(random.sample(range(9), 9))
            for name in split:
                split[name] = split[name][:, order]
        case _:
            for name in split:
                split[name] = split[name].T


def _odd(random: Random, split: dict[str, Any]) -> None:
    name = random.choice(list(split))
    value = split[name]
    at = random.randrange(value.size)
    match random.randrange(9):
        case 0:
            del split[name]
        case 1:
            split[random.choice(["stranger", "hat2", "age2"])] = value
        case 2:
            split[name] = value[:, :-1] if random.random() < 0.5 else np.concatenate([value, value], axis=1)
        case 3:
            odd = [np.ones((1, 9)) * 1j, "text", {"a": 1}, np.zeros((0, 0)), np.ones((1, 9), dtype=bool)]
            odd += [scipy.sparse.csc_array(np.ones((1, 9))), np.array([["a", 1]], dtype=object), np.ones((3, 3))]
            split[name] = random.choice(odd)
        case 4 | 5 if name != "image_index":
            split[name] = value.astype(np.float64)
            split[name][0, at] = random.choice([n for n in NUMBERS if n != 10**400])
        case _:
            identities = split["image_index"] = split["image_index"].copy()
            texts = [*TEXTS, "0001\n", " 1", "1.0", "99999999999", "0x1", 5.0, np.array([]), str(identities[0, 0][0])]
            identities[0, random.randrange(9)] = random.choice(texts)


def _decoded(structure: Any, schema: Schema, layout: Any) -> tuple[list[int], list[list[int]]]:
    """Identities in order and their codes, from plain lists alone."""
    people = ["".join(text) for text in structure["image_index"]]
    rows = {}
    for number, person in enumerate(people):
        row = []
        for group in schema.groups:
            values = [structure[field][number] for field in layout.fields(group)]
            bits = [int(value) - 1 for value in values] if len(values) > 1 else []
            single = 0 if bits or values[0] == 0 else 2 ** (int(values[0]) - 1)
            row.append(sum(bit * 2**place for place, bit in enumerate(bits)) or single)
        rows[int(person)] = row
    return sorted(rows), [rows[person] for person in sorted(rows)]
