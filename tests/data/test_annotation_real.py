"""The authors' files, where they are present: their numbers, and their oddities one by one."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.datasets import DATASETS, get_dataset, get_schema


def file_name(dataset: str) -> str:
    return get_dataset(dataset).annotation.file_name


@pytest.fixture(scope="session")
def real(annotations):
    return {dataset: read_annotation(annotations / file_name(dataset), get_dataset(dataset)) for dataset in DATASETS}


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
        again = read_annotation(path, get_dataset(dataset))
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
