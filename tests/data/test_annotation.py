"""The authors' files, their oddities one by one, and files with one thing wrong."""

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


def file_name(dataset: str) -> str:
    return get_dataset(dataset).annotation.file_name


@pytest.fixture(scope="session")
def real(annotations):
    return {dataset: read_annotation(annotations / file_name(dataset), dataset) for dataset in DATASETS}


def column(annotation: Annotation, attribute: str) -> np.ndarray:
    return annotation.codes[:, annotation.schema.attributes.index(attribute)].astype(int)


def labels(annotation: Annotation, attribute: str) -> np.ndarray:
    return np.array([code.bit_count() for code in column(annotation, attribute).tolist()])


def holders(annotation: Annotation, attribute: str, value: str) -> int:
    """Identities with a value, however many others they have."""
    bit = annotation.schema.group(attribute).values.index(value)
    return int((column(annotation, attribute) >> bit & 1).sum())


def test_splits_hold_the_published_identities(real):
    sizes = {(dataset, split): len(real[dataset][split].pids) for dataset in DATASETS for split in ("train", "test")}
    assert sizes == {
        ("market1501", "train"): 751,
        ("market1501", "test"): 750,
        ("dukemtmc", "train"): 702,
        ("dukemtmc", "test"): 1110,
    }
    for splits in real.values():
        assert not set(splits["train"].pids) & set(splits["test"].pids)
        assert splits["train"].pids.dtype == np.int64


def test_field_orders_differ_between_splits_and_do_not_matter(real, annotations):
    for dataset in DATASETS:
        content = scipy.io.loadmat(annotations / file_name(dataset))[Path(file_name(dataset)).stem][0, 0]
        orders = {split: content[split].dtype.names for split in ("train", "test")}
        assert orders["train"] != orders["test"]
        assert set(orders["train"]) == set(orders["test"])
        # Each attribute equals the field of its name, wherever that stands.
        for split in ("train", "test"):
            field = content[split][0, 0]["hat"].ravel()
            assert (column(real[dataset][split], "hat") == 1 << (field.astype(int) - 1)).all()


def test_identities_are_strings_in_the_file_and_numbers_here(real, annotations):
    content = scipy.io.loadmat(annotations / "market_attribute.mat")["market_attribute"][0, 0]["test"][0, 0]
    assert content["image_index"].ravel()[0].item() == "0001"
    assert real["market1501"]["test"].pids[0] == 1


@pytest.mark.parametrize(
    ("dataset", "split", "attribute", "value", "identities"),
    [
        # Most people of Market-1501, filmed in summer, have short sleeves; most of DukeMTMC no long coat.
        ("market1501", "test", "up", "long", 45),
        ("market1501", "test", "up", "short", 705),
        ("dukemtmc", "test", "top", "short", 995),
        ("dukemtmc", "test", "top", "long", 115),
        ("market1501", "test", "clothes", "dress", 85),
        ("market1501", "test", "clothes", "pants", 665),
        ("market1501", "test", "down", "long", 262),
        ("market1501", "test", "hair", "short", 475),
        ("market1501", "test", "gender", "male", 414),
        ("market1501", "test", "age", "teenager", 640),
        ("market1501", "test", "hat", "yes", 23),
        ("market1501", "train", "hat", "yes", 20),
        ("dukemtmc", "train", "shoecolour", "dark", 598),
        ("dukemtmc", "train", "shoecolour", "light", 104),
        ("dukemtmc", "train", "boots", "yes", 191),
    ],
)
def test_states_are_decoded(real, dataset, split, attribute, value, identities):
    assert holders(real[dataset][split], attribute, value) == identities


def test_two_duke_train_identities_have_no_upper_length(real):
    assert int((column(real["dukemtmc"]["train"], "top") == 0).sum()) == 2
    assert (real["dukemtmc"]["train"].table()["top"] == "").sum() == 2


def test_only_upper_length_and_colours_are_ever_unlabelled_or_doubled(real):
    for dataset in DATASETS:
        for split in ("train", "test"):
            odd = {name for name in get_schema(dataset).attributes if (labels(real[dataset][split], name) != 1).any()}
            assert odd <= {"upcolour", "downcolour", "top"}


@pytest.mark.parametrize(
    ("dataset", "split", "upper", "lower", "several_lower"),
    [
        ("market1501", "train", 78, 30, 0),
        ("market1501", "test", 69, 44, 0),
        ("dukemtmc", "train", 1, 0, 0),
        ("dukemtmc", "test", 14, 11, 23),
    ],
)
def test_missing_and_several_colours_stay_visible(real, dataset, split, upper, lower, several_lower):
    annotation = real[dataset][split]
    assert int((labels(annotation, "upcolour") == 0).sum()) == upper
    assert int((labels(annotation, "downcolour") == 0).sum()) == lower
    assert int((labels(annotation, "upcolour") > 1).sum()) == 0
    assert int((labels(annotation, "downcolour") > 1).sum()) == several_lower
    assert annotation.table()["downcolour"].str.contains("+", regex=False).sum() == several_lower


def test_one_duke_identity_has_three_lower_colours(real):
    table = real["dukemtmc"]["test"].table()["downcolour"]
    assert table[table.str.count(r"\+") == 2].to_dict() == {5951: "black+white+red"}
    assert (table.str.count(r"\+") == 1).sum() == 22


def test_experts_that_market_trains_and_hardly_uses(real):
    market = real["market1501"]
    assert holders(market["train"], "downcolour", "purple") == 2
    assert holders(market["test"], "downcolour", "purple") == 0
    assert holders(market["test"], "downcolour", "yellow") == 1


def test_writing_and_reading_the_real_files_gives_the_same(real, annotations, tmp_path):
    for dataset in DATASETS:
        path = tmp_path / file_name(dataset)
        write_annotation(path, real[dataset])
        again = read_annotation(path, dataset)
        for split in ("train", "test"):
            assert np.array_equal(again[split].pids, real[dataset][split].pids)
            assert np.array_equal(again[split].codes, real[dataset][split].codes)
        # Field by field, and in the authors' order.
        written, original = (
            scipy.io.loadmat(file)[path.stem][0, 0] for file in (path, annotations / file_name(dataset))
        )
        assert written.dtype.names == original.dtype.names
        for split in original.dtype.names:
            assert written[split].dtype.names == original[split].dtype.names
            for field in original[split].dtype.names:
                mine, theirs = written[split][0, 0][field], original[split][0, 0][field]
                assert mine.dtype == theirs.dtype
                assert mine.tolist() == theirs.tolist()


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
    for split, annotation in read_annotation(tmp_path / "a.mat", dataset).items():
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
    train = read_annotation(saved(tmp_path / "a.mat", content), "dukemtmc")["train"]
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
    train = read_annotation(saved(tmp_path / "a.mat", content), "dukemtmc")["train"]
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
            found = read_annotation(path, "dukemtmc")
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
        read_annotation(path, "dukemtmc")
    assert "duke_attribute.mat" in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no annotation file at .*nowhere\.mat"):
        read_annotation(tmp_path / "nowhere.mat", "dukemtmc")
    (tmp_path / "text.mat").write_text("not a MATLAB file\n" * 20)
    with pytest.raises(InputError, match=r"text\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "text.mat", "dukemtmc")
    (tmp_path / "empty.mat").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "empty.mat", "dukemtmc")
    write_annotation(tmp_path / "whole.mat", {split: plain(split, [1, 2]) for split in ("train", "test")})
    (tmp_path / "half.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"half\.mat is not a MATLAB 5 file"):
        read_annotation(tmp_path / "half.mat", "dukemtmc")
    with pytest.raises(InputError, match="holds duke_attribute, expected market_attribute"):
        read_annotation(tmp_path / "whole.mat", "market1501")


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
