import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import write_annotation
from mosaicreid.data.folders import (
    FOLDERS,
    count_differences,
    expected_counts,
    parse_images,
    passed_over,
    read_dataset,
    read_file_list,
    read_folders,
    read_truth,
)
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.datasets.definition import Counts
from mosaicreid.errors import InputError

NAMES = {
    "train": ["0007_c3s3_077419_03.jpg", "0002_c1s1_000451_03.jpg"],
    "query": ["0001_c1s1_001051_00.jpg"],
    "gallery": ["0001_c2s1_001976_01.jpg", "0000_c1s1_000151_01.jpg", "-1_c1s1_000401_03.jpg"],
}


def write_folders(root: Path, names: dict[str, list[str]]) -> Path:
    for split, folder in FOLDERS.items():
        (root / folder).mkdir(parents=True)
        for name in names[split]:
            (root / folder / name).touch()
    return root


@pytest.fixture
def root(tmp_path):
    """A folder like Market-1501's, of empty files, that states its own counts."""
    write_folders(tmp_path / "root", NAMES)
    marker = {
        "like": "market1501",
        "counts": {
            "train": {"images": 2, "identities": 2},
            "query": {"images": 1, "identities": 1},
            "gallery": {"images": 3, "identities": 1},
        },
    }
    (tmp_path / "root" / "synthetic.json").write_text(json.dumps(marker))
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("dataset", "images", "identities", "cameras"),
    [
        ("market1501", (12936, 3368, 19732), (751, 750, 750), 6),
        ("dukemtmc", (16522, 2228, 17661), (702, 702, 1110), 8),
    ],
)
def test_real_file_lists_have_the_published_numbers(annotations, dataset, images, identities, cameras):
    listed = read_file_list(annotations / f"{dataset}.files.txt.gz", get_dataset(dataset))
    assert tuple(map(len, listed.values())) == images
    assert tuple(part.counts().identities for part in listed.values()) == identities
    for part in listed.values():
        assert np.unique(part.camids).tolist() == list(range(1, cameras + 1))
        assert list(part.paths) == sorted(part.paths)
        assert part.pids.dtype == part.camids.dtype == np.int64
    assert count_differences(listed, expected_counts(get_dataset(dataset), annotations)) == []


def test_market_has_junk_and_distractors_in_its_gallery_alone(annotations):
    listed = read_file_list(annotations / "market1501.files.txt.gz", get_dataset("market1501"))
    gallery = listed["gallery"]
    assert int((gallery.pids == -1).sum()) == 3819
    assert int((gallery.pids == 0).sum()) == 2798
    assert len(gallery.without_junk()) == 19732 - 3819
    assert int((gallery.without_junk().pids == 0).sum()) == 2798
    assert all((listed[split].pids > 0).all() for split in ("train", "query"))
    duke = read_file_list(annotations / "dukemtmc.files.txt.gz", get_dataset("dukemtmc"))
    assert all((part.pids > 0).all() for part in duke.values())


def test_names_are_parsed():
    market = ["a/b/-1_c6s2_000401_03.jpg", "0000_c1s1_000151_01.jpg", "1488_c3s6_022316_04.jpg.jpg"]
    images = parse_images(market, get_dataset("market1501"))
    assert images.paths == tuple(market)
    assert images.pids.tolist() == [-1, 0, 1488]
    assert images.camids.tolist() == [6, 1, 3]
    images = parse_images(["query/7140_c8_f0046182.jpg"], get_dataset("dukemtmc"))
    assert (images.pids.tolist(), images.camids.tolist()) == ([7140], [8])
    assert len(parse_images([], get_dataset("dukemtmc"))) == 0


@given(
    st.lists(st.tuples(st.sampled_from([-1, 0, 1, 77, 1501, 9999]), st.integers(1, 6), st.integers(0, 999999))),
)
def test_parsing_inverts_naming(images):
    names = [f"{'-1' if pid < 0 else f'{pid:04d}'}_c{camid}s1_{frame:06d}_00.jpg" for pid, camid, frame in images]
    parsed = parse_images(names, get_dataset("market1501"))
    assert parsed.pids.tolist() == [pid for pid, _, _ in images]
    assert parsed.camids.tolist() == [camid for _, camid, _ in images]


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("query/0001_c7s1_001051_00.jpg", "market1501"),
        ("query/0001_c0s1_001051_00.jpg", "market1501"),
        ("query/-2_c1s1_001051_00.jpg", "market1501"),
        ("query/01_c1s1_001051_00.jpg", "market1501"),
        ("query/0001_c1s1_001051_00.png", "market1501"),
        ("query/0001_c1s1_001051_00.jpg\n", "market1501"),
        ("query/0001_c1s1_\u2028001051_00.jpg", "market1501"),
        ("query/0001_c2_f0046182.jpg", "market1501"),
        ("query/0001_c9_f0046182.jpg", "dukemtmc"),
        ("query/0001_c1s1_001051_00.jpg", "dukemtmc"),
        ("query/", "dukemtmc"),
    ],
)
def test_names_that_do_not_parse_are_refused_by_path(name, dataset):
    with pytest.raises(InputError) as error:
        parse_images(["query/0001_c2_f0046182.jpg"] * (dataset == "dukemtmc") + [name], get_dataset(dataset))
    shown = name if name.isprintable() else repr(name)
    assert str(error.value).startswith(f"{shown} is not an image name of {dataset}")
    assert str(error.value).isprintable()


def test_dataset_is_read_sorted_without_junk(root):
    data = read_dataset(get_dataset("market1501"), root)
    assert data.name == "market1501"
    assert data.train.paths == tuple(f"bounding_box_train/{name}" for name in sorted(NAMES["train"]))
    assert data.train.pids.tolist() == [2, 7]
    assert data.query.camids.tolist() == [1]
    # Junk is gone, the distractor is not.
    assert data.gallery.pids.tolist() == [0, 1]
    assert data.annotation is None
    assert all((root / path).is_file() for path in data.gallery.paths)


def some_annotation() -> dict[str, Annotation]:
    schema = get_schema("market1501")
    return {
        split: Annotation(schema, split, np.array(pids), np.ones((len(pids), 12), dtype=np.int16))
        for split, pids in (("train", [2, 7]), ("test", [1]))
    }


def test_annotation_is_found_in_the_root_or_where_it_is_said_to_be(root, tmp_path):
    write_annotation(tmp_path / "elsewhere.mat", some_annotation())
    data = read_dataset(get_dataset("market1501"), root, annotation=tmp_path / "elsewhere.mat")
    assert data.annotation is not None
    assert data.annotation["train"].pids.tolist() == [2, 7]
    write_annotation(root / "market_attribute.mat", some_annotation())
    data = read_dataset(get_dataset("market1501"), root)
    assert data.annotation is not None
    assert data.annotation["test"].pids.tolist() == [1]
    with pytest.raises(InputError, match=r"no annotation file at .*missing"):
        read_dataset(get_dataset("market1501"), root, annotation=tmp_path / "missing.mat")


SYSTEMS = [
    *("Thumbs.db", "thumbs.db", "desktop.ini", "Desktop.ini", "$RECYCLE.BIN", "System Volume Information"),
    *(".DS_Store", "._0001_c1s1_001051_00.jpg", ".Spotlight-V100", ".Trashes", "__MACOSX", "Icon\r"),
    *(".nfs000000000a1b2c3d", ".fuse_hidden0000001a00000001", "@eaDir", "#recycle", "lost+found"),
    *(".ipynb_checkpoints", ".git", ".0001_c1s1_001051_00.jpg.Xy12Zw", "~$notes.docx"),
]


@pytest.mark.parametrize("name", SYSTEMS)
def test_files_that_systems_leave_behind_are_passed_over(root, name):
    (root / "query" / name).touch()
    (root / "bounding_box_train" / name).mkdir()
    folders = read_folders(get_dataset("market1501"), root)
    assert [len(images) for images in folders.values()] == [2, 1, 3]
    assert passed_over(root) == [f"bounding_box_train/{name}", f"query/{name}"]


@pytest.mark.parametrize(
    "name", ["notes.txt", "0001_c1s1_001051_00.jpg~", "Copy of 0001_c1s1_001051_00.jpg", "Thumbs.db.jpg", "labels", "~"]
)
@pytest.mark.parametrize("kind", [Path.touch, Path.mkdir])
def test_everything_else_is_refused_by_name(root, name, kind):
    kind(root / "query" / name)
    assert passed_over(root) == []
    with pytest.raises(InputError) as error:
        read_folders(get_dataset("market1501"), root)
    assert str(error.value).startswith(f"{root}: query/{name} is not an image name of market1501")


def test_what_is_named_like_an_image_and_is_no_file_is_refused(root):
    (root / "query" / "0001_c2s1_001051_00.jpg").mkdir()
    with pytest.raises(InputError, match=r"query/0001_c2s1_001051_00\.jpg is not a file; expected an image"):
        read_folders(get_dataset("market1501"), root)
    (root / "query" / "0001_c2s1_001051_00.jpg").rmdir()
    (root / "query" / "0001_c2s1_001051_00.jpg").symlink_to(root / "nowhere.jpg")
    with pytest.raises(InputError, match="is not a file"):
        read_folders(get_dataset("market1501"), root)
    (root / "query" / "0001_c2s1_001051_00.jpg").unlink()
    # A link to an image is one.
    (root / "query" / "0001_c2s1_001051_00.jpg").symlink_to(root / "query" / NAMES["query"][0])
    assert len(read_folders(get_dataset("market1501"), root)["query"]) == 2


def test_a_folder_that_cannot_be_read_is_named(root, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    # Permissions do not bind the users that tests run as in containers.
    monkeypatch.setattr("mosaicreid.data.folders.os.scandir", refuse)
    with pytest.raises(InputError, match=r"cannot read the folder .*bounding_box_train \(Permission denied\)"):
        read_folders(get_dataset("market1501"), root)


@pytest.mark.parametrize("split", FOLDERS)
def test_a_missing_folder_is_named(root, split):
    (root / FOLDERS[split]).rename(root / "elsewhere")
    with pytest.raises(InputError, match=f"no folder {root / FOLDERS[split]}"):
        read_dataset(get_dataset("market1501"), root)


def test_a_relative_root_is_told_with_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"no folder data/bounding_box_train; .*the working folder is {tmp_path}"):
        read_dataset(get_dataset("market1501"), Path("data"))


def test_other_counts_than_the_published_are_a_warning_with_both_numbers(root):
    (root / "synthetic.json").unlink()
    with pytest.warns(UserWarning, match="market1501 at") as caught:
        read_dataset(get_dataset("market1501"), root)
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == 6
    assert messages[0] == f"market1501 at {root}: train has 2 images, expected 12936"
    assert messages[3] == f"market1501 at {root}: query has 1 identities, expected 750"


def test_a_synthetic_folder_is_held_to_its_own_counts(root):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_dataset(get_dataset("market1501"), root)
    assert expected_counts(get_dataset("market1501"), root)["gallery"] == Counts(images=3, identities=1)
    (root / "query" / "0001_c3s1_001051_00.jpg").touch()
    with pytest.warns(UserWarning, match="query has 2 images, expected 1"):
        read_dataset(get_dataset("market1501"), root)


def test_a_damaged_or_foreign_marker_is_refused(root):
    marker = root / "synthetic.json"
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps(content | {"like": "dukemtmc"}))
    with pytest.raises(InputError, match=r"synthetic\.json says the folder is like dukemtmc"):
        read_dataset(get_dataset("market1501"), root)
    for damaged in ("", "[]", "{}", "[" * 10**6, json.dumps(content | {"counts": {"train": 3}})):
        marker.write_text(damaged)
        with pytest.raises(InputError, match=r"synthetic\.json does not state like and counts"):
            read_dataset(get_dataset("market1501"), root)


def test_file_lists_are_read_plain_or_compressed(tmp_path):
    lines = [f"{FOLDERS[split]}/{name}" for split, names in NAMES.items() for name in names]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    (tmp_path / "list.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    plain = read_file_list(tmp_path / "list.txt", get_dataset("market1501"))
    assert {split: images.paths for split, images in plain.items()} == {
        split: tuple(sorted(f"{FOLDERS[split]}/{name}" for name in names)) for split, names in NAMES.items()
    }
    packed = read_file_list(tmp_path / "list.txt.gz", get_dataset("market1501"))
    assert {split: images.paths for split, images in packed.items()} == {
        split: images.paths for split, images in plain.items()
    }
    with pytest.raises(InputError, match=r"no file list at .*nothing"):
        read_file_list(tmp_path / "nothing.txt", get_dataset("market1501"))
    (tmp_path / "list.txt").write_text("gt_bbox/0001_c1s1_001051_00.jpg\n")
    with pytest.raises(InputError, match="unknown image folder of 'gt_bbox/0001_c1s1_001051_00"):
        read_file_list(tmp_path / "list.txt", get_dataset("market1501"))


def test_the_truth_of_a_world_and_of_none(root):
    data = root.parent
    root.rename(data / "market1501")
    marker = data / "market1501" / "synthetic.json"
    stated = json.loads(marker.read_text(encoding="utf-8"))
    marker.write_text(json.dumps(stated | {"truth": [{"attribute": "hat", "hidden": 0.5}]}), encoding="utf-8")
    truth = read_truth(data, "market1501")
    assert truth is not None
    assert truth.to_dict("list") == {"attribute": ["hat"], "hidden": [0.5]}
    unlike = [{"attribute": "hat", "hidden": 0.5}, {"attribute": "age"}]
    twice = [{"attribute": "hat"}, {"attribute": "hat"}]
    for truth in (unlike, twice, [{"hidden": 0.5}], [{"attribute": 3}]):
        marker.write_text(json.dumps(stated | {"truth": truth}), encoding="utf-8")
        with pytest.raises(InputError, match=r"synthetic\.json"):
            read_truth(data, "market1501")
    for damaged in ("", "[]", json.dumps(stated), json.dumps(stated | {"truth": 3}), "[" * 10**6):
        marker.write_text(damaged, encoding="utf-8")
        with pytest.raises(InputError, match=r"synthetic\.json does not state"):
            read_truth(data, "market1501")
    marker.unlink()
    assert read_truth(data, "market1501") is None
    assert read_truth(None, "market1501") is None


def test_unknown_dataset_is_refused(tmp_path):
    for call in (
        lambda: parse_images([], get_dataset("msmt17")),
        lambda: read_dataset(get_dataset("msmt17"), tmp_path),
    ):
        with pytest.raises(InputError, match="unknown dataset 'msmt17'; expected one of: market1501, dukemtmc"):
            call()
