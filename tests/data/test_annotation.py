"""What is written is read again; files with one thing wrong. The authors' own files: ``test_annotation_real``."""

import random
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.datasets import DATASETS, get_dataset, get_schema
from mosaicreid.errors import InputError

DUKE = get_dataset("dukemtmc")


@st.composite
def annotated(draw, dataset: str, split: str) -> Annotation:
    schema = get_schema(dataset)
    pids = draw(st.lists(st.integers(1, 9999), min_size=1, max_size=6, unique=True).map(sorted))
    columns = []
    for group in schema.groups:
        bits = range(len(group.values))
        code = st.sampled_from([0, *(1 << bit for bit in bits)])
        if len(get_dataset(dataset).annotation.fields(group)) > 1:
            code = st.integers(0, (1 << len(group.values)) - 1)
        columns.append(draw(st.lists(code, min_size=len(pids), max_size=len(pids))))
    return Annotation(schema, split, np.array(pids), np.array(columns, dtype=np.int16).T)


@given(data=st.data(), dataset=st.sampled_from(DATASETS))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(data, dataset, tmp_path):
    written = {split: data.draw(annotated(dataset, split)) for split in ("train", "test")}
    write_annotation(tmp_path / "a.mat", written)
    write_annotation(tmp_path / "b.mat", written)
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    for split, annotation in read_annotation(tmp_path / "a.mat", get_dataset(dataset)).items():
        assert np.array_equal(annotation.pids, written[split].pids)
        assert np.array_equal(annotation.codes, written[split].codes)


def plain(split: str, pids: list[int], dataset: str = "dukemtmc") -> Annotation:
    """Everyone has the first value of everything."""
    schema = get_schema(dataset)
    return Annotation(schema, split, np.array(pids), np.ones((len(pids), len(schema.groups)), dtype=np.int16))


def structures() -> dict:
    """A DukeMTMC annotation of three people as nested dictionaries, to be spoilt and saved."""
    content = {}
    for split, pids in (("train", ["0001", "0008"]), ("test", ["0002"])):
        fields = [field for group in DUKE.schema.groups for field in DUKE.annotation.fields(group)]
        values = {field: np.ones((1, len(pids))) for field in fields}
        identities = np.empty((1, len(pids)), dtype=object)
        identities[0] = pids
        content[split] = values | {"image_index": identities}
    return content


def saved(path: Path, content: dict, variable: str = "duke_attribute") -> Path:
    scipy.io.savemat(path, {variable: content})
    return path


def test_identities_come_sorted(tmp_path):
    content = structures()
    content["train"]["image_index"][0] = ["0008", "0001"]
    content["train"]["hat"][0] = [2, 1]
    train = read_annotation(saved(tmp_path / "a.mat", content), get_dataset("dukemtmc"))["train"]
    assert train.pids.tolist() == [1, 8]
    assert train.table()["hat"].tolist() == ["no", "yes"]


def words(*texts: str) -> np.ndarray:
    cells = np.empty((1, len(texts)), dtype=object)
    cells[0] = texts
    return cells


def spoil(split: str, field: str, values: list) -> dict:
    content = structures()
    content[split][field] = np.array([values], dtype=object if field == "image_index" else float)
    return content


def changed(split: str, field: str, values: object) -> dict:
    content = structures()
    content[split][field] = values
    return content


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.uint64, np.float32])
def test_numbers_of_any_type_and_identities_as_rows_of_text(tmp_path, dtype):
    content = changed("train", "hat", np.array([[2, 1]], dtype=dtype))
    content["train"]["image_index"] = np.array(["0008", "0001"])
    train = read_annotation(saved(tmp_path / "a.mat", content), get_dataset("dukemtmc"))["train"]
    assert train.pids.tolist() == [1, 8]
    assert train.table()["hat"].tolist() == ["no", "yes"]


def test_a_flipped_bit_is_refused_or_changes_one_thing(tmp_path):
    """No reader without a checksum sees that a code became another allowed one; nothing worse may pass."""
    path = tmp_path / "duke_attribute.mat"
    whole = {split: plain(split, list(range(first, first + 60))) for split, first in (("train", 1), ("test", 101))}
    write_annotation(path, whole)
    content, generator, passed = path.read_bytes(), random.Random(0), []
    for _ in range(250):
        copy = bytearray(content)
        copy[generator.randrange(len(copy))] ^= 1 << generator.randrange(8)
        path.write_bytes(copy)
        try:
            found = read_annotation(path, get_dataset("dukemtmc"))
        except InputError:
            continue
        cells = {
            split: {
                (pid, column, code) for pid, row in zip(a.pids, a.codes, strict=True) for column, code in enumerate(row)
            }
            for split, a in (*found.items(), *((f"whole {split}", a) for split, a in whole.items()))
        }
        lost = {cell for split in whole for cell in cells[f"whole {split}"] - cells[split]}
        people, columns = {pid for pid, _, _ in lost}, {column for _, column, _ in lost}
        assert len(people) <= 1
        assert len(columns) in (0, 1, 10)
        passed.append(len(columns))
    # The free text, padding and spare flags; and codes that became others.
    assert passed.count(0) > 10
    assert 0 < len(passed) - passed.count(0) < 25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoil("train", "hat", [1, 3]), "train: field hat, identity 8: value 3.0, expected one of 0, 1, 2"),
        (spoil("train", "hat", [1.5, 1]), "train: field hat, identity 1: value 1.5"),
        (spoil("train", "hat", [np.nan, 1]), "train: field hat, identity 1: value nan"),
        (spoil("train", "hat", [-1, 1]), "train: field hat, identity 1: value -1.0"),
        (spoil("test", "upred", [0]), "test: field upred, identity 2: value 0.0, expected one of 1, 2"),
        (spoil("test", "upred", [3]), "test: field upred, identity 2: value 3.0, expected one of 1, 2"),
        (spoil("train", "hat", [1]), "train: field hat has 1 values for 2 identities"),
        (spoil("train", "hat", [1, 1, 1]), "train: field hat has 3 values for 2 identities"),
        (spoil("train", "image_index", ["0001", "0001"]), "image_index: identity 1 occurs more than once"),
        (spoil("train", "image_index", ["0001", "x8"]), "image_index: identity 'x8' is not a number"),
        (spoil("train", "image_index", ["0001", ""]), "image_index: identity '' is not a number"),
        (spoil("train", "scarf", [1, 1]), "train: field scarf is unknown"),
        (spoil("train", "image_index", ["0001", "9" * 30]), "image_index: identity '9+' is not a number"),
        (
            spoil("train", "image_index", ["0001", 8]),
            "image_index holds no texts, expected one like '0002' per identity",
        ),
        (changed("train", "image_index", np.array([[1, 8]])), "image_index holds no texts"),
        (changed("train", "hat", np.array([[True, True]])), "train: field hat holds no numbers, expected one per"),
        (changed("train", "hat", "12"), "train: field hat holds no numbers"),
        (changed("train", "hat", np.array([[1, 2 + 1j]])), r"duke_attribute\.train\.hat: complex numbers; expected"),
        (changed("train", "hat", scipy.sparse.csc_matrix([[1.0, 2.0]])), r"train\.hat: sparse numbers; expected"),
        (
            changed("train", "hat", np.array([[1, 2**64 - 1]], dtype=np.uint64)),
            "identity 8: value 18446744073709551615",
        ),
        (structures() | {"train": np.zeros((0, 0))}, "train: expected one structure, got 0"),
        (structures() | {"train": 5}, "train: field .*hat.* is missing; expected 24 fields"),
        (structures() | {"train": structures()["train"] | {"hat": words("a", "b")}}, "field hat holds no numbers"),
        ({split: {k: v for k, v in c.items() if k != "top"} for split, c in structures().items()}, "top is missing"),
        ({"train": structures()["train"]}, "test: no such split; the file has train"),
    ],
)
def test_a_file_with_one_thing_wrong_is_refused(content, message, tmp_path):
    path = saved(tmp_path / "duke_attribute.mat", content)
    with pytest.raises(InputError, match=message) as error:
        read_annotation(path, get_dataset("dukemtmc"))
    assert "duke_attribute.mat" in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no annotation file at .*nowhere\.mat"):
        read_annotation(tmp_path / "nowhere.mat", get_dataset("dukemtmc"))
    (tmp_path / "text.mat").write_text("not a MATLAB file\n" * 20)
    with pytest.raises(InputError, match=r"text\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "text.mat", get_dataset("dukemtmc"))
    (tmp_path / "empty.mat").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "empty.mat", get_dataset("dukemtmc"))
    write_annotation(tmp_path / "whole.mat", {split: plain(split, [1, 2]) for split in ("train", "test")})
    (tmp_path / "half.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"half\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "half.mat", get_dataset("dukemtmc"))
    with pytest.raises(InputError, match="holds duke_attribute, expected market_attribute"):
        read_annotation(tmp_path / "whole.mat", get_dataset("market1501"))


def test_what_the_format_cannot_hold_is_not_written(tmp_path):
    path = tmp_path / "a.mat"
    twice = plain("train", [3, 7])
    twice.codes[1, twice.schema.attributes.index("boots")] = 0b11
    with pytest.raises(InputError, match="identity 7 has several labels of boots"):
        write_annotation(path, {"train": twice, "test": plain("test", [1])})
    with pytest.raises(InputError, match="splits train and test; got train"):
        write_annotation(path, {"train": plain("train", [1])})
    mixed = {"train": plain("train", [1]), "test": plain("test", [2], "market1501")}
    with pytest.raises(InputError, match="got dukemtmc, market1501"):
        write_annotation(path, mixed)
    assert not path.exists()


def test_equal_annotations_are_equal_bytes_on_every_day(tmp_path, monkeypatch):
    schema = get_schema("market1501")
    codes = np.ones((2, len(schema.groups)), dtype=np.int16)
    annotations = {split: Annotation(schema, split, np.array([3, 8]), codes) for split in ("train", "test")}
    for day in ("Mon Jan  1 00:00:00 2001", "Fri Dec 31 23:59:59 2032"):
        monkeypatch.setattr("time.asctime", lambda *_, day=day: day)
        write_annotation(tmp_path / f"{day}.mat", annotations)
    one, other = (file.read_bytes() for file in tmp_path.iterdir())
    assert one == other
    assert one[:116] == b"MATLAB 5.0 MAT-file, written by mosaicreid".ljust(116)
