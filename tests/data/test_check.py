import json

import numpy as np
import pytest
from PIL import Image

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import write_annotation
from mosaicreid.data.check import check_dataset, detect_dataset
from mosaicreid.data.decode import decode
from mosaicreid.data.folders import FOLDERS
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError

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
    with pytest.raises(InputError, match="is no image name of dukemtmc"):
        check_dataset(root, dataset="dukemtmc")
