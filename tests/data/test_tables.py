"""A user's two tables: what they say is read, and what is wrong with them is one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mosaicreid.attributes import Annotation, ImageAnnotation
from mosaicreid.cli import main
from mosaicreid.data.check import check_dataset
from mosaicreid.data.folders import read_dataset
from mosaicreid.data.loaders import make_samples
from mosaicreid.data.tables import read_attribute_table, read_image_table, strangers
from mosaicreid.datasets import get_dataset
from mosaicreid.datasets.definition import TableDataset
from mosaicreid.datasets.schema_file import read_definition
from mosaicreid.errors import InputError

DEFINITION = """
dataset = "street"
title = "Street"
images = "images.csv"
attributes = "labels/attributes.csv"
unknown = ["?"]

[[attribute]]
name = "hat"
type = "single-state binary"
values = ["no", "yes"]
cluster = "accessories"

[[attribute]]
name = "colour"
type = "multiclass"
values = ["red", "green", "blue"]
cluster = "upper"
"""
# Out of order on purpose: the order of rows must not matter.
IMAGES = """path,split,pid,camid,note
b/2.png,gallery,zoe,north,x
a/1.png,query,zoe,south,
a/0.png,train,anna,south,
c/3.png,train,ben,north,"a, b"
"""
BY_PID = "pid,hat,colour\nben,yes,red+blue\nzoe,?,green\nanna,no,\nnobody,no,red\n"
BY_PATH = "colour,path,hat\nred,a/0.png,yes\ngreen,a/1.png,no\nblue,b/2.png,\n"


def written(root: Path, images: str = IMAGES, attributes: str | None = BY_PID) -> TableDataset:
    (root / "labels").mkdir(parents=True, exist_ok=True)
    (root / "images.csv").write_text(images, encoding="utf-8")
    if attributes is not None:
        (root / "labels" / "attributes.csv").write_text(attributes, encoding="utf-8")
    (root / "street.toml").write_text(DEFINITION, encoding="utf-8")
    return read_definition(root / "street.toml")


def test_images_and_labels_by_identity(tmp_path: Path) -> None:
    data = read_dataset(written(tmp_path), tmp_path)
    assert (data.train.paths, data.query.paths, data.gallery.paths) == (
        ("a/0.png", "c/3.png"),
        ("a/1.png",),
        ("b/2.png",),
    )
    # anna, ben, zoe and north, south in the order of their names.
    assert (data.train.pids.tolist(), data.train.camids.tolist()) == ([1, 2], [2, 1])
    assert (data.query.pids.tolist(), data.query.camids.tolist(), data.cameras) == ([3], [2], 2)
    assert data.annotation is not None
    train, test = data.annotation["train"], data.annotation["test"]
    assert isinstance(train, Annotation)
    assert isinstance(test, Annotation)
    assert (train.pids.tolist(), train.codes.tolist()) == ([1, 2], [[0b01, 0], [0b10, 0b101]])
    assert (test.pids.tolist(), test.codes.tolist()) == ([3], [[0, 0b010]])
    table = read_image_table(tmp_path, written(tmp_path))
    assert strangers(tmp_path, written(tmp_path), table) == ["nobody"]


def test_labels_image_by_image(tmp_path: Path) -> None:
    data = read_dataset(written(tmp_path, attributes=BY_PATH), tmp_path)
    assert data.annotation is not None
    train, test = data.annotation["train"], data.annotation["test"]
    assert isinstance(train, ImageAnnotation)
    pixels = np.zeros((2, 3, 4, 4), dtype=np.uint8)
    assert make_samples(pixels, data.train, train).codes.tolist() == [[0b10, 0b001], [0, 0]]
    assert make_samples(pixels[:1], data.gallery, test).codes.tolist() == [[0, 0b100]]


def test_numbers_are_kept_and_junk_is_left_out(tmp_path: Path) -> None:
    images = "path,split,pid,camid\n1.png,train,0007,3\n2.png,query,12,1\n3.png,gallery,-1,1\n4.png,gallery,0,4\n"
    data = read_dataset(written(tmp_path, images, "pid,hat,colour\n7,no,red\n012,yes,\n"), tmp_path)
    assert (data.train.pids.tolist(), data.train.camids.tolist(), data.cameras) == ([7], [3], 4)
    assert data.gallery.pids.tolist() == [0]
    assert data.annotation is not None
    assert data.annotation["train"].codes.tolist() == [[0b01, 0b001]]
    assert data.annotation["test"].codes.tolist() == [[0b10, 0]]


def test_nobody_in_particular_is_nobody_among_names_too(tmp_path: Path) -> None:
    rows = "1.png,train,zoe,1\n2.png,query,anna,1\n3.png,gallery,anna,2\n4.png,gallery,-1,2\n5.png,gallery,0,1\n"
    data = read_dataset(written(tmp_path, f"path,split,pid,camid\n{rows}"), tmp_path)
    assert (data.train.pids.tolist(), data.query.pids.tolist()) == ([2], [1])
    assert data.gallery.pids.tolist() == [1, 0]


def test_cameras_numbered_from_nought_are_numbered_from_one(tmp_path: Path) -> None:
    images = "path,split,pid,camid\n1.png,train,1,0\n2.png,query,2,2\n3.png,gallery,2,5\n"
    table = read_image_table(tmp_path, written(tmp_path, images))
    assert table["camid"].tolist() == [1, 2, 3]


def test_without_attributes_there_is_no_annotation(tmp_path: Path) -> None:
    assert read_dataset(written(tmp_path, attributes=None), tmp_path).annotation is None


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("", r"images.csv has the columns \[\]; expected a line of names"),
        # A comma that should have been quoted, a file that was cut: pandas would shift cells, or take none for empty.
        ("path,split,pid,camid\na, b.png,train,1,1\n", "row 1 has 5 values, expected 4"),
        ("path,split,pid,camid\na.png,train,1,1\nb.png,tr", "row 2 has 2 values, expected 4"),
        ("path,split,pid,camid,pid\na.png,train,1,1,2\n", "expected a line of names, each once"),
        ('path,split,pid,camid\n"a.png,train,1,1\n', "not a table that can be read: unexpected end of data"),
        ("path,split,pid,camid\n", "has a header alone; expected rows"),
        ("path,split,pid\na.png,train,1\n", "has no column camid; it has 'path', 'split', 'pid'"),
        (
            "path,split,pid,camid\na.png,test,1,1\n",
            "unknown split in .*, line 2 'test'; expected one of: train",
        ),
        ("path,split,pid,camid\na.png,train,,1\n", "line 2: no pid; expected one in every row"),
        ("path,split,pid,camid\na.png,train,1,1\na.png,query,2,1\n", "a.png is listed more than once"),
        ("path,split,pid,camid\n/etc/a.png,train,1,1\n", "line 2: path is '/etc/a.png'; expected one below"),
        ("path,split,pid,camid\nx/../../a.png,train,1,1\n", "expected one below"),
        ("path,split,pid,camid\n./a.png,train,1,1\na.png,query,2,1\n", "line 2: path is './a.png'; expected one below"),
        ("path,split,pid,camid\nC:/a.png,train,1,1\n", "line 2: path is 'C:/a.png'; expected one below"),
        ("path,split,pid,camid\na.png,train,-3,1\n", "pid is -3; expected identities from 0, and -1 for junk"),
        ('path,split,pid,camid\n"a\nb.png",train,1,1\n', r"line 2: path is 'a\\nb.png'; expected no line"),
        ('path,split,pid,camid\na.png,train,"an\rna",1\n', r"line 2: pid is 'an\\rna'; expected no line break"),
        ("path,split,pid,camid\na.png,train,anna,\x1b[31m\n", "line 2: camid is .*; expected no line break"),
    ],
)
def test_what_is_wrong_with_images_is_said_in_one_line(tmp_path: Path, images: str, message: str) -> None:
    dataset = written(tmp_path, images)
    with pytest.raises(InputError, match=message) as caught:
        read_image_table(tmp_path, dataset)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("pid,hat\nanna,no\n", "has no column colour; it has 'pid', 'hat'"),
        ("hat,colour\nno,red\n", "has neither pid nor path; expected one of pid and path"),
        ("pid,path,hat,colour\nanna,a/0.png,no,red\n", "has pid and path; expected one of pid and path"),
        ("pid,hat,colour\nanna,no,red\nanna,no,red\n", "pid 'anna' has more than one row"),
        (
            "pid,hat,colour\nanna,no,red\nben,no,pink\n",
            "label of colour in .*, line 3 'pink'; expected one of: red",
        ),
        ('pid,hat,colour\n"an\nna",no,red\n', r"line 2: pid is 'an\\nna'; expected no line break"),
        ("pid,hat,colour\nanna,no\n", "row 1 has 2 values, expected 3"),
        ("pid,hat,colour\nanna,No,red\n", "label of hat in .*, line 2 'No'; expected one of: no, yes, ?"),
    ],
)
def test_what_is_wrong_with_labels_is_said_in_one_line(tmp_path: Path, attributes: str, message: str) -> None:
    dataset = written(tmp_path, attributes=attributes)
    with pytest.raises(InputError, match=message) as caught:
        read_attribute_table(tmp_path, dataset, read_image_table(tmp_path, dataset))
    assert str(caught.value).isprintable()


def test_a_dataset_of_ones_own_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    root = tmp_path / "data"
    written(root)
    for path in ("a/0.png", "a/1.png", "b/2.png", "c/3.png"):
        (root / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 8)).save(root / path)
    (tmp_path / "datasets").mkdir()
    (root / "street.toml").rename(tmp_path / "datasets" / "street.toml")
    monkeypatch.chdir(tmp_path)
    assert get_dataset("street").title == "Street"
    assert main(["data", "check", "data", "--dataset", "street"]) == 1
    printed = capsys.readouterr().out
    assert "problem: 1 rows of labels/attributes.csv are of no image, like nobody" in printed
    assert "1 problems" in printed
    for name in ("avenue", "../datasets/street", "street.toml", "a" * 99):
        with pytest.raises(
            InputError, match=r"unknown dataset .* expected one of: market1501, dukemtmc, .*one of your own"
        ):
            get_dataset(name)
    (tmp_path / "datasets" / "avenue.toml").write_text(DEFINITION)
    with pytest.raises(InputError, match=r"avenue.toml describes the dataset 'street'; expected 'avenue'"):
        get_dataset("avenue")


def test_labels_image_by_image_are_counted_and_those_that_lack_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, attributes=BY_PATH)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "street.toml").rename(tmp_path / "datasets" / "street.toml")
    monkeypatch.chdir(tmp_path)
    for path in ("a/0.png", "a/1.png", "b/2.png", "c/3.png"):
        Path(path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 8)).save(path)
    report = check_dataset(tmp_path, dataset="street")
    assert report.table["annotated"].tolist() == [1, 1, 1]
    assert report.problems == ("1 images have no labels, like c/3.png",)
