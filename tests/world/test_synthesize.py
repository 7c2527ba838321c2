"""The synthetic folders: same bytes for the same seed, the real formats, the stated truth, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.check import check_dataset
from mosaicreid.data.folders import DISTRACTOR, JUNK, read_dataset, read_folders
from mosaicreid.datasets import DATASETS, get_dataset, get_folder_dataset
from mosaicreid.errors import InputError
from mosaicreid.world.synthesize import synthesize

SIZE = {"height": 32, "width": 16}


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", params=DATASETS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp("synthetic") / request.param
    synthesize(root, like=request.param, identities=15, seed=3, workers=1, **SIZE)
    return request.param, root


def test_bytes_do_not_depend_on_the_number_of_workers(world: tuple[str, Path], tmp_path: Path) -> None:
    dataset, root = world
    synthesize(tmp_path / "again", like=dataset, identities=15, seed=3, workers=2, **SIZE)
    assert contents(tmp_path / "again") == contents(root)


def test_another_seed_gives_other_people(tmp_path: Path, world: tuple[str, Path]) -> None:
    dataset, root = world
    synthesize(tmp_path / "other", like=dataset, identities=15, seed=4, workers=1, **SIZE)
    first, second = (
        read_annotation(folder / get_dataset(dataset).annotation.file_name, get_dataset(dataset))
        for folder in (root, tmp_path / "other")
    )
    assert not np.array_equal(first["test"].codes, second["test"].codes)


def test_readers_find_nothing_wrong(world: tuple[str, Path]) -> None:
    dataset, root = world
    report = check_dataset(root)
    assert report.dataset == dataset
    assert not report.problems


def test_query_is_one_image_per_person_and_camera(world: tuple[str, Path]) -> None:
    dataset, root = world
    data = read_dataset(get_dataset(dataset), root)
    pairs = list(zip(data.query.pids.tolist(), data.query.camids.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert data.annotation is not None
    people = set(data.annotation["test"].pids.tolist())
    in_no_query = round(get_folder_dataset(dataset).synthetic.options.distractor_identities * len(people))
    assert set(data.query.pids.tolist()) <= people
    assert len(set(data.query.pids.tolist())) == len(people) - in_no_query
    # As in the real protocol, every query has a match that another camera took.
    for pid, camid in pairs:
        assert ((data.gallery.pids == pid) & (data.gallery.camids != camid)).any()


def test_two_thirds_of_the_people_train(world: tuple[str, Path]) -> None:
    dataset, root = world
    data = read_dataset(get_dataset(dataset), root)
    assert data.annotation is not None
    assert (len(data.annotation["train"].pids), len(data.annotation["test"].pids)) == (10, 5)
    assert set(data.train.pids.tolist()) == set(data.annotation["train"].pids.tolist())
    assert not set(data.train.pids.tolist()) & set(data.gallery.pids.tolist())


def test_only_market_has_junk_and_distractors(world: tuple[str, Path]) -> None:
    dataset, root = world
    gallery = read_folders(get_dataset(dataset), root)["gallery"].pids
    own = (gallery > DISTRACTOR).sum()
    expected = (round(0.2 * own), round(0.25 * own)) if dataset == "market1501" else (0, 0)
    assert ((gallery == DISTRACTOR).sum(), (gallery == JUNK).sum()) == expected


def test_images_have_the_size_asked_for(tmp_path: Path) -> None:
    synthesize(tmp_path / "world", like="dukemtmc", identities=4, seed=0, workers=1, height=64, width=24)
    sizes = set()
    for path in (tmp_path / "world").rglob("*.jpg"):
        with Image.open(path) as image:
            sizes.add(image.size)
    assert sizes == {(24, 64)}


def test_marker_states_counts_seed_and_truth(world: tuple[str, Path]) -> None:
    dataset, root = world
    stated = json.loads((root / "synthetic.json").read_text())
    assert (stated["like"], stated["seed"], stated["identities"]) == (dataset, 3, 15)
    assert (stated["height"], stated["width"]) == (32, 16)
    for split, images in read_folders(get_dataset(dataset), root).items():
        assert stated["counts"][split]["images"] == len(images)
    for row in stated["truth"]:
        assert 0 <= row["test_knowledge_gain_bits"] < 4
        assert row["knowledge_gain_bits"] == pytest.approx(row["entropy_bits"] - row["shown_bits"])


def test_people_of_a_real_annotation(tmp_path: Path, annotations: Path) -> None:
    file = annotations / get_dataset("market1501").annotation.file_name
    synthesize(tmp_path / "world", like="market1501", identities=8, seed=0, annotation=file, workers=1, **SIZE)
    real = np.concatenate([split.codes for split in read_annotation(file, get_dataset("market1501")).values()])
    drawn = read_annotation(
        tmp_path / "world" / get_dataset("market1501").annotation.file_name, get_dataset("market1501")
    )
    known = {tuple(codes) for codes in real.tolist()}
    assert {tuple(codes) for split in drawn.values() for codes in split.codes.tolist()} <= known


def test_annotation_of_the_other_dataset_is_refused(tmp_path: Path, annotations: Path) -> None:
    file = annotations / get_dataset("dukemtmc").annotation.file_name
    with pytest.raises(InputError, match="another dataset"):
        synthesize(tmp_path / "world", like="market1501", identities=8, seed=0, annotation=file)
    assert not (tmp_path / "world").exists()


def test_more_people_than_the_annotation_has_are_refused(tmp_path: Path, annotations: Path) -> None:
    file = annotations / get_dataset("market1501").annotation.file_name
    with pytest.raises(InputError, match="1501"):
        synthesize(tmp_path / "world", like="market1501", identities=1502, seed=0, annotation=file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"like": "cuhk03"}, "unknown dataset 'cuhk03'"),
        ({"identities": 3}, "3 identities"),
        ({"identities": 10_000}, "four digits"),
        ({"height": -128}, "-128x64"),
        ({"width": 0}, "128x0"),
        ({"seed": -1}, "seed -1"),
        ({"workers": 0}, "0 workers"),
        ({"visibility": {"shoes": 0.5}}, "shoes"),
        ({"visibility": {"hat": 1.5}}, "visibility of hat"),
        ({"visibility": {"hat": float("nan")}}, "visibility of hat"),
        ({"annotation": Path("nowhere.mat")}, "no annotation file"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    settings: dict[str, object] = {"like": "market1501", "identities": 4, "seed": 0}
    with pytest.raises(InputError, match=message):
        synthesize(tmp_path / "world", **(settings | change))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="nothing is overwritten"):
        synthesize(tmp_path, like="market1501", identities=4, seed=0)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    synthesize(tmp_path / "world", like="market1501", identities=4, seed=0, workers=1, **SIZE)
    empty = tmp_path / "empty"
    empty.mkdir()
    synthesize(empty, like="market1501", identities=4, seed=0, workers=1, **SIZE)
    assert contents(empty) == contents(tmp_path / "world")


def test_a_failure_leaves_no_half_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("mosaicreid.world.synthesize.write_annotation", fail)
    with pytest.raises(OSError, match="disk full"):
        synthesize(tmp_path / "world", like="market1501", identities=4, seed=0, workers=1, **SIZE)
    assert list(tmp_path.iterdir()) == []


def test_what_was_drawn_before_is_replaced_on_demand(tmp_path):
    root = tmp_path / "world"
    synthesize(root, like="dukemtmc", identities=4, seed=0, height=32, width=16, workers=1)
    before = {path.name for path in (root / "query").iterdir()}
    synthesize(root, like="dukemtmc", identities=6, seed=1, height=32, width=16, workers=1, replace=True)
    assert json.loads((root / "synthetic.json").read_text())["identities"] == 6
    assert {path.name for path in (root / "query").iterdir()} != before
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "synthetic.json").unlink(), "has no synthetic.json that proves it synthetic"),
        (lambda root: (root / "synthetic.json").write_text("[]"), "has no synthetic.json that proves it synthetic"),
        (lambda root: (root / "notes.txt").write_text("mine"), r"notes\.txt is none of the files"),
        (lambda root: (root / "query" / "mine.jpg").write_bytes(b"x"), r"mine\.jpg is none of the files"),
        (lambda root: (root / "query" / "deeper").mkdir(), r"deeper is none of the files"),
    ],
)
def test_a_folder_that_is_not_ours_alone_is_kept(tmp_path, spoil, message):
    root = tmp_path / "world"
    synthesize(root, like="dukemtmc", identities=4, seed=0, height=32, width=16, workers=1)
    spoil(root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=message):
        synthesize(root, like="dukemtmc", identities=6, seed=1, height=32, width=16, workers=1, replace=True)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match="synthetic"):
        synthesize(root, like="market1501", identities=6, seed=1, height=32, width=16, workers=1, replace=True)
