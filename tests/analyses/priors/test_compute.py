import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from mosaicreid.analyses.priors.compute import SEVERAL, UNLABELLED, attribute_priors, dataset_priors
from mosaicreid.analyses.priors.figures import plot_priors
from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.folders import parse_images, read_file_list
from mosaicreid.datasets import DATASETS, get_dataset, get_schema

SCHEMA = get_schema("dukemtmc")


def annotation(codes: list[list[int]], pids: list[int], split: str = "test") -> Annotation:
    return Annotation(SCHEMA, split, np.array(pids), np.array(codes, dtype=np.int16))


@pytest.fixture(scope="session")
def real(annotations):
    return {
        dataset: dataset_priors(
            read_file_list(annotations / f"{dataset}.files.txt.gz", get_dataset(dataset)),
            read_annotation(annotations / get_dataset(dataset).annotation.file_name, get_dataset(dataset)),
        )
        for dataset in DATASETS
    }


def cell(table, split: str, attribute: str, value: str) -> tuple[int, int]:
    row = table.query("split == @split and attribute == @attribute and value == @value")
    return int(row["images"].item()), int(row["identities"].item())


def test_images_are_weighted_by_identity():
    people = annotation([[1] * 10, [2] * 6 + [0, 2, 0b101, 2]], [4, 9])
    # Identity 4 three times, 9 once; 0 and 5 have no annotation.
    table = attribute_priors(people, [4, 4, 0, 9, 4, 5, -1]).set_index(["attribute", "value"])
    assert table.loc[("hat", "no"), ["images", "identities", "share"]].tolist() == [3, 1, 0.75]
    assert table.loc[("hat", "yes"), ["images", "identities", "share"]].tolist() == [1, 1, 0.25]
    assert table.loc[("top", UNLABELLED), "share"] == 0.25
    assert table.loc[("downcolour", SEVERAL), "share"] == 0.25
    assert table.loc[("downcolour", "red"), "images"] == 0
    assert table.loc[("upcolour", "white"), "share"] == 0.25


def test_no_annotated_image_has_no_share():
    table = attribute_priors(annotation([[1] * 10], [4]), [0, 5])
    assert table["images"].sum() == 0
    assert table["share"].isna().all()


@given(st.data())
def test_every_image_is_in_one_row_of_each_attribute(data):
    codes = [[data.draw(st.integers(0, (1 << len(group.values)) - 1)) for group in SCHEMA.groups] for _ in range(3)]
    pids = data.draw(st.lists(st.sampled_from([0, 2, 3, 4]), min_size=1).filter(any))
    sums = attribute_priors(annotation(codes, [2, 3, 4]), pids).groupby("attribute")[["images", "share"]].sum()
    assert (sums["images"] == np.count_nonzero(pids)).all()
    assert np.allclose(sums["share"], 1)


def test_splits_add_up_and_query_counts_as_test():
    images = {
        "train": parse_images(["0002_c1_f0000001.jpg", "0002_c2_f0000001.jpg"], get_dataset("dukemtmc")),
        "query": parse_images(["0005_c1_f0000001.jpg"], get_dataset("dukemtmc")),
        "gallery": parse_images(["0005_c2_f0000001.jpg"], get_dataset("dukemtmc")),
    }
    people = {"train": annotation([[1] * 10], [2], "train"), "test": annotation([[2] * 10], [5])}
    table = dataset_priors(images, people)
    assert table["dataset"].unique().tolist() == ["dukemtmc"]
    assert cell(table, "train", "boots", "no") == (2, 1)
    assert cell(table, "test", "boots", "yes") == (2, 1)
    assert cell(table, "all", "boots", "yes") == (2, 1)
    assert cell(table, "all", "boots", "no") == (2, 1)
    assert not table["value"].isin([UNLABELLED, SEVERAL]).any()


@pytest.mark.parametrize(
    ("dataset", "train", "test"), [("market1501", 12936, 3368 + 13115), ("dukemtmc", 16522, 19889)]
)
def test_real_priors_count_every_annotated_image(real, dataset, train, test):
    sums = real[dataset].groupby(["split", "attribute"])[["images", "share"]].sum()
    for split, images in (("train", train), ("test", test), ("all", train + test)):
        assert (sums.loc[split, "images"] == images).all()
        assert np.allclose(sums.loc[split, "share"], 1)


def test_real_priors_show_the_annotation_as_it_is(real, annotations):
    assert cell(real["market1501"], "test", "hat", "yes")[1] == 23
    assert cell(real["market1501"], "test", "downcolour", "purple") == (0, 0)
    assert cell(real["market1501"], "test", "upcolour", UNLABELLED)[1] == 69
    assert cell(real["dukemtmc"], "test", "downcolour", SEVERAL)[1] == 23
    assert cell(real["dukemtmc"], "train", "top", UNLABELLED)[1] == 2
    # Counted anew from the list of names: images of the two train identities whose upper length is missing.
    train = read_annotation(annotations / "duke_attribute.mat", get_dataset("dukemtmc"))["train"]
    missing = {f"{pid:04d}" for pid in train.pids[train.codes[:, SCHEMA.attributes.index("top")] == 0].tolist()}
    names = read_file_list(annotations / "dukemtmc.files.txt.gz", get_dataset("dukemtmc"))["train"].paths
    images = sum(name.rpartition("/")[2].split("_")[0] in missing for name in names)
    assert cell(real["dukemtmc"], "train", "top", UNLABELLED) == (images, 2)


def test_figure_draws_every_share(real):
    table = real["dukemtmc"].query("split == 'all'")
    axes = plot_priors(table.assign(source="real"), SCHEMA).axes[0]
    widths = [patch.get_width() for patch in axes.patches]
    assert sorted(widths) == pytest.approx(sorted(table.loc[table["share"] > 0, "share"]))
    named = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert named == [group.description for group in SCHEMA.groups]
    assert sum(widths) == pytest.approx(len(SCHEMA.groups))
    black = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == "#303030"]
    assert len(black) == 2
    assert axes.get_title(loc="left") == ""


def test_figure_has_a_second_bar_for_the_synthetic_world(real):
    table = real["market1501"].query("split == 'all'")
    both = table.assign(source="real")
    both = both._append(table.assign(source="synthetic"), ignore_index=True)
    axes = plot_priors(both, get_schema("market1501")).axes[0]
    assert len(axes.patches) == 2 * int((table["share"] > 0).sum())
    assert axes.get_title(loc="left") == "Thick bars: Market-1501. Thin bars: Market-like world."
