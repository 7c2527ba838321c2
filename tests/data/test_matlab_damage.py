"""Damaged files: the careful reader against scipy's, which is asked in a process of its own, for it may crash.

The campaign on any annotation file, with counts of how its damaged copies end:

    PYTHONPATH=. python tests/data/test_matlab_damage.py FILE.mat 5000
"""

import json
import random
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.data.matlab import read_variable
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.errors import InputError

SCIPY = """
import json, sys, scipy.io

def plain(value):
    if value.dtype.names:
        return {name: plain(value[name].flat[0]) for name in value.dtype.names}
    if value.dtype == object:
        return [plain(item) for item in value.ravel(order="F")]
    return value.ravel(order="F").tolist()

variable, *paths = sys.argv[1:]
for path in paths:
    try:
        result = json.dumps(plain(scipy.io.loadmat(path)[variable]))
    except Exception:
        result = "null"
    print(result, flush=True)
"""


def plain(value):
    """A value as nested lists and dictionaries, which any reader can be compared by."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    # scipy's texts are numpy's, which lose zeros at their end.
    return [row.rstrip("\0") for row in value] if isinstance(value, tuple) else value.tolist()


def scipys(paths: list[Path], variable: str) -> tuple[list, int]:
    """What scipy reads from each of ``paths``, None where it refuses or crashes; and how often it crashed."""
    readings, crashes = [], 0
    while len(readings) < len(paths):
        rest = [str(path) for path in paths[len(readings) :]]
        done = subprocess.run([sys.executable, "-c", SCIPY, variable, *rest], capture_output=True, text=True)
        readings += map(json.loads, done.stdout.splitlines())
        if len(readings) < len(paths):
            assert done.returncode < 0, done.stderr
            readings.append(None)
            crashes += 1
    return readings, crashes


def campaign(whole: bytes, variable: str, folder: Path, *, mutations: int, truncations: int, seed: int = 0) -> Counter:
    """Read copies with one byte changed, or cut short: how many are refused, read as the whole file, or otherwise.

    Whatever is read otherwise is what scipy reads, too, where scipy survives it.
    """
    generator = random.Random(seed)
    copies = []
    for _ in range(mutations):
        copy = bytearray(whole)
        copy[generator.randrange(len(whole))] ^= generator.randrange(1, 256)
        copies.append(bytes(copy))
    copies += [whole[: generator.randrange(len(whole))] for _ in range(truncations)]
    ends, others = Counter(), []
    path = folder / "whole.mat"
    path.write_bytes(whole)
    expected = plain(read_variable(path, variable))
    for number, copy in enumerate(copies):
        path = folder / f"{number}.mat"
        path.write_bytes(copy)
        try:
            found = plain(read_variable(path, variable))
        except InputError as error:
            message = str(error)
        else:
            message = ""
        if message:
            assert message.isprintable()
            assert str(path) in message
            ends["refused"] += 1
            continue
        ends["equal" if found == expected else "other"] += 1
        if found != expected:
            others.append((path, found))
    readings, ends["scipy crashed"] = scipys([path for path, _ in others], variable)
    for (path, found), reading in zip(others, readings, strict=True):
        ends["scipy refused"] += reading is None
        assert reading in (None, found), path
    return ends


def annotation_like(people: int = 8) -> dict:
    random_ = np.random.default_rng(0)
    identities = np.empty((1, people), dtype=object)
    identities[0] = [f"{pid:04d}" for pid in range(people)]
    fields = {name: random_.integers(0, 3, (1, people), dtype=np.uint8) for name in ("age", "backpack", "hat")}
    return {split: fields | {"image_index": identities} for split in ("train", "test")}


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_are_refused_or_read_as_scipy_does(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": annotation_like()}, do_compression=compressed)
    ends = campaign(path.read_bytes(), "a", tmp_path, mutations=500, truncations=100)
    assert ends["refused"] + ends["equal"] + ends["other"] == 600
    assert ends["refused"] > 300
    assert (ends["other"] > 0) != compressed


@pytest.mark.parametrize("variable", ["market_attribute", "duke_attribute"])
def test_damaged_copies_of_the_real_files(annotations, tmp_path, variable):
    whole = (annotations / f"{variable}.mat").read_bytes()
    ends = campaign(whole, variable, tmp_path, mutations=500, truncations=100)
    # Compressed data have a checksum: nothing is read otherwise, and only the header's free text may change.
    assert ends["other"] == 0
    assert 580 < ends["refused"] < 600
    ends = campaign(inflated(whole), variable, tmp_path, mutations=150, truncations=20)
    assert ends["refused"] + ends["equal"] + ends["other"] == 170


def inflated(whole: bytes) -> bytes:
    """The file of one compressed variable without compression."""
    return whole[:128] + zlib.decompress(whole[136:])


def test_the_byte_that_crashes_scipy_1_17_is_refused(tmp_path):
    schema = get_schema("market1501")
    ones = np.ones((8, len(schema.groups)), dtype=np.int16)
    path = tmp_path / "market_attribute.mat"
    write_annotation(path, {split: Annotation(schema, split, np.arange(8), ones) for split in ("train", "test")})
    content = bytearray(path.read_bytes())
    content[672] = 0xF6
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_annotation(path, get_dataset("market1501"))
    assert str(error.value) == (
        f"{path} is not a MATLAB 5 file in one piece (market_attribute.test.age: numbers of an unknown type: 246); "
        "it was damaged or cut short, expected market_attribute.mat"
    )


if __name__ == "__main__":
    import tempfile

    source, number = Path(sys.argv[1]), int(sys.argv[2])
    for what, content in (("as it is", source.read_bytes()), ("inflated", inflated(source.read_bytes()))):
        with tempfile.TemporaryDirectory() as name:
            counts = campaign(content, source.stem, Path(name), mutations=number, truncations=number // 5)
            print(source.name, what, dict(counts))
