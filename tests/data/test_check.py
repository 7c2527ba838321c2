import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mosaicreid.attributes import Annotation
from mosaicreid.cli import main
from mosaicreid.data.annotation import write_annotation
from mosaicreid.data.check import check_dataset, check_trainable, detect_dataset, protocol_problems
from mosaicreid.data.decode import decode
from mosaicreid.data.folders import FOLDERS, Images, ReidData, read_file_list
from mosaicreid.datasets import DATASETS, get_dataset, get_schema
from mosaicreid.errors import InputError
from mosaicreid.retrieval import evaluate_scores

NAMES = {
    "train": ["0002_c1s1_000451_03.jpg", "0002_c2s1_000451_03.jpg", "0007_c3s3_077419_03.jpg"],
    "query": ["0001_c1s1_001051_00.jpg"],
    "gallery": ["-1_c1s1_000401_03.jpg", "0000_c1s1_000151_01.jpg", "0001_c2s1_001976_01.jpg"],
}


def annotation(train: list[int], test: list[int]) -> dict[str, Annotation]:
    schema = get_schema("market1501")
    return {
        split: Annotation(schema, split, np.array(pids), np.ones((len(pids), 12), dtype=np.int16))
        for split, pids in (("train", train), ("test", test))
    }


def state_counts(root, **changes) -> None:
    counts = {
        "train": {"images": 3, "identities": 2},
        "query": {"images": 1, "identities": 1},
        "gallery": {"images": 3, "identities": 1},
    }
    (root / "synthetic.json").write_text(json.dumps({"like": "market1501", "counts": counts | changes}))


@pytest.fixture
def root(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 16, 3), dtype=np.uint8)
    for split, folder in FOLDERS.items():
        (tmp_path / folder).mkdir()
        for name in NAMES[split]:
            Image.fromarray(noise).save(tmp_path / folder / name)
    write_annotation(tmp_path / "market_attribute.mat", annotation([2, 7], [1]))
    state_counts(tmp_path)
    return tmp_path


def test_a_good_folder_has_no_problems(root):
    report = check_dataset(root)
    assert report.dataset == "market1501"
    assert report.problems == ()
    assert report.passed_over == ()
    assert report.table.to_dict("list") == {
        "split": ["train", "query", "gallery"],
        "images": [3, 1, 3],
        "identities": [2, 1, 1],
        "cameras": [3, 1, 2],
        "junk": [0, 0, 1],
        "distractors": [0, 0, 1],
        "annotated": [2, 1, 1],
    }


def test_damaged_images_are_named(root):
    truncated = root / "bounding_box_train" / NAMES["train"][0]
    truncated.write_bytes(truncated.read_bytes()[:-200])
    text = root / "query" / NAMES["query"][0]
    text.write_text("no image")
    problems = check_dataset(root).problems
    assert len(problems) == 2
    assert problems[0].startswith(f"cannot read the image {truncated} (")
    assert problems[1].startswith(f"cannot read the image {text} (no image of JPEG, ")


def test_images_that_training_would_refuse_are_named(root):
    deep = root / "bounding_box_train" / NAMES["train"][0]
    Image.fromarray(np.zeros((32, 16), dtype=np.float32)).save(deep, "TIFF")
    (problem,) = check_dataset(root).problems
    assert problem.startswith(f"cannot read the image {deep} (its mode F has no defined black and white")
    with pytest.raises(InputError) as error:
        decode(deep, 32, 16)
    assert str(error.value) == problem
    Image.fromarray(np.zeros((32, 16), dtype=np.uint16)).save(deep, "PNG")
    assert check_dataset(root).problems == ()


def test_counts_other_than_expected(root):
    state_counts(root, query={"images": 5, "identities": 1})
    assert check_dataset(root).problems == ("query has 1 images, expected 5",)
    (root / "synthetic.json").unlink()
    problems = check_dataset(root).problems
    assert "gallery has 3 images, expected 19732" in problems
    assert "train has 2 identities, expected 751" in problems


def test_annotation_and_images_that_do_not_cover_each_other(root):
    write_annotation(root / "market_attribute.mat", annotation([2, 9], [1]))
    report = check_dataset(root)
    assert report.problems == (
        "1 identities of train have no annotation: 7",
        "1 annotated train identities have no image: 9",
    )
    assert report.table["annotated"].tolist() == [1, 1, 1]


def test_no_annotation_says_how_to_get_it(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("annotation") / "a.mat"
    (root / "market_attribute.mat").rename(elsewhere)
    report = check_dataset(root)
    assert report.problems[0].startswith(f"no annotation file {root / 'market_attribute.mat'}: `mosaicreid data")
    assert report.table["annotated"].tolist() == [0, 0, 0]
    assert check_dataset(root, annotation=elsewhere).problems == ()


def test_people_in_the_wrong_split(root):
    state_counts(root, gallery={"images": 3, "identities": 2}, query={"images": 2, "identities": 2})
    (root / "bounding_box_test" / NAMES["gallery"][1]).rename(root / "bounding_box_test" / "0002_c1s1_000451_09.jpg")
    picture = root / "query" / NAMES["query"][0]
    picture.with_name("0004_c1s1_000451_09.jpg").write_bytes(picture.read_bytes())
    problems = check_dataset(root).problems
    assert problems[0] == "1 identities are in both train and gallery: 2"
    assert problems[1] == "1 identities are in query but not in gallery: 4"
    assert problems[2] == (
        "1 queries have no gallery image of their person by another camera, like query/0004_c1s1_000451_09.jpg; "
        "expected one at least"
    )


def test_dataset_is_recognised_by_its_names(root, tmp_path_factory):
    assert detect_dataset(root) == "market1501"
    duke = tmp_path_factory.mktemp("duke")
    (duke / "query").mkdir()
    (duke / "query" / "0001_c2_f0046182.jpg").touch()
    assert detect_dataset(duke) == "dukemtmc"
    with pytest.raises(InputError, match=f"no folder {duke / 'bounding_box_train'}"):
        check_dataset(duke)
    with pytest.raises(InputError, match="holds no images of market1501 or dukemtmc"):
        detect_dataset(duke / "query")
    with pytest.raises(InputError, match="is not an image name of dukemtmc"):
        check_dataset(root, dataset="dukemtmc")


def test_what_systems_leave_behind_does_not_hide_the_dataset(root):
    for folder in FOLDERS.values():
        # What macOS writes beside every file on a drive that is not its own sorts first and has the same ending.
        name = min(path.name for path in (root / folder).iterdir())
        (root / folder / f"._{name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    (root / "query" / ".ipynb_checkpoints").mkdir()
    report = check_dataset(root)
    assert report.dataset == "market1501"
    assert report.problems == ()
    assert report.passed_over == (
        f"bounding_box_train/._{NAMES['train'][0]}",
        f"query/._{NAMES['query'][0]}",
        "query/.ipynb_checkpoints",
        f"bounding_box_test/._{NAMES['gallery'][0]}",
    )


def test_the_command_says_how_many_were_passed_over(root, capsys):
    (root / "query" / "Thumbs.db").touch()
    (root / "query" / ".DS_Store").touch()
    assert main(["data", "check", str(root)]) == 0
    out = capsys.readouterr().out
    assert "passed over 2 files or folders of the system's own, like query/.DS_Store\n" in out
    assert out.endswith("nothing wrong\n")


def seen(*views: tuple[int, int]) -> Images:
    """Images by person and camera, in this order."""
    paths = tuple(f"{pid}_c{camid}_{index}.jpg" for index, (pid, camid) in enumerate(views))
    pids, camids = np.array(views, dtype=np.int64).reshape(-1, 2).T
    return Images(paths, pids, camids)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_real_lists_can_be_evaluated(annotations, dataset):
    lists = read_file_list(annotations / f"{dataset}.files.txt.gz", get_dataset(dataset))
    assert protocol_problems(lists["query"], lists["gallery"]) == []
    assert protocol_problems(lists["query"], lists["gallery"].without_junk()) == []


def test_queries_that_can_be_answered():
    assert protocol_problems(seen((1, 1), (2, 3)), seen((1, 2), (2, 1), (2, 3), (0, 1), (-1, 1))) == []
    assert protocol_problems(seen((1, 1)), seen((1, 1), (1, 2))) == []


@pytest.mark.parametrize(
    ("query", "gallery", "problem"),
    [
        (seen(), seen((1, 1)), "no images in query; expected some"),
        (seen((1, 1)), seen(), "no images in gallery; expected some"),
        (seen(), seen(), "no images in query and gallery; expected some"),
        (seen((1, 4)), seen((1, 4), (2, 4)), "query and gallery are of camera 4 alone; expected at least two"),
        (seen((-1, 1), (1, 1)), seen((1, 2)), "1 queries are junk or distractors, like -1_c1_0.jpg; expected people"),
        (seen((1, 1), (0, 1)), seen((1, 2), (0, 2)), "1 queries are junk or distractors, like 0_c1_1.jpg"),
        (seen((1, 1), (2, 1)), seen((1, 2), (2, 1)), "1 queries have no gallery image of their person by another"),
        (seen((1, 1), (2, 1)), seen((1, 2)), "camera, like 2_c1_1.jpg; expected one at least"),
        (seen((3, 1), (1, 1)), seen((1, 2), (2, 2)), "camera, like 3_c1_0.jpg"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_training(query, gallery, problem):
    (found,) = protocol_problems(query, gallery)
    assert problem in found
    data = ReidData("market1501", Path("data"), seen((5, 1)), query, gallery, None)
    with pytest.raises(InputError) as error:
        check_trainable(data, annotated=False)
    assert str(error.value) == f"data could not be evaluated after training: {found}"
    assert found.isprintable()


def test_unmatched_queries_are_those_that_the_metrics_leave_out():
    random = np.random.default_rng(0)
    for _ in range(20):
        query, gallery = (
            seen(*zip(random.integers(1, 9, 12).tolist(), random.integers(1, 4, 12).tolist(), strict=True))
            for _ in range(2)
        )
        scores = random.random((12, 12))
        unmatched = evaluate_scores(scores, query.pids, query.camids, gallery.pids, gallery.camids).unmatched
        problems = protocol_problems(query, gallery)
        assert len(problems) == (len(unmatched) > 0)
        if problems:
            assert problems[0].startswith(f"{len(unmatched)} queries have no gallery image")
            assert f"like {query.paths[unmatched[0]]};" in problems[0]


def test_a_dataset_of_one_camera_is_a_problem(root):
    for path in sorted(root.glob("*/*.jpg")):
        pid, _, rest = path.name.partition("_c")
        path.rename(path.with_name(f"{pid}_c1s{rest[0]}{rest[3:]}"))
    assert (
        "query and gallery are of camera 1 alone; expected at least two, a match is another camera's"
        in check_dataset(root).problems
    )
