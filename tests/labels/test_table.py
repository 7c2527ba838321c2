"""Labels of test images from a user's table, in a dataset whose people have names."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mosaicreid.attributes import Schema
from mosaicreid.data.folders import ReidData, read_dataset
from mosaicreid.datasets.definition import TableDataset, multiclass, single_state
from mosaicreid.errors import InputError
from mosaicreid.labels.table import read_labels

STREET = TableDataset(
    name="street",
    title="Street",
    schema=Schema(
        "street",
        (single_state("hat", "accessories", "Hat"), multiclass("colour", "red green blue", "upper", "Colour")),
    ),
    images="images.csv",
    attributes="attributes.csv",
    unknown=("?",),
)
ROWS = [
    ("a/1.jpg", "train", "anna", "n"),
    ("a/2.jpg", "query", "ben", "n"),
    ("a/3.jpg", "query", "cleo", "n"),
    ("a/4.jpg", "gallery", "ben", "s"),
    ("a/5.jpg", "gallery", "cleo", "s"),
    ("a/6.jpg", "gallery", "0", "s"),
    ("a/7.jpg", "gallery", "-1", "s"),
]


@pytest.fixture
def data(tmp_path: Path) -> ReidData:
    (tmp_path / "a").mkdir()
    for path, *_ in ROWS:
        Image.new("RGB", (2, 4)).save(tmp_path / path)
    lines = ["path,split,pid,camid", *(",".join(row) for row in ROWS)]
    (tmp_path / "images.csv").write_text("\n".join(lines) + "\n")
    return read_dataset(STREET, tmp_path)


def read(data: ReidData, *lines: str, attributes: tuple[str, ...] = ("hat", "colour")) -> list[list[list[int]]]:
    (data.root / "mine.csv").write_text("\n".join(lines) + "\n")
    return [codes.tolist() for codes in read_labels(data.root / "mine.csv", data, STREET, attributes)]


def test_rows_of_people_by_name(data: ReidData) -> None:
    query, gallery = read(data, "pid,hat,colour,note", "cleo,yes,red+blue,x", "ben,no,?,y")
    assert data.query.paths == ("a/2.jpg", "a/3.jpg")
    assert query == [[1, 0], [2, 0b101]]
    # The distractor has no row and no label; junk is not in the gallery.
    assert gallery == [[1, 0], [2, 0b101], [0, 0]]


def test_rows_of_images_may_differ_within_a_person(data: ReidData) -> None:
    lines = [
        "path,hat,colour",
        "a/2.jpg,no,red",
        "a/3.jpg,,",
        "a/4.jpg,yes,green",
        "a/5.jpg,no,blue",
        "a/6.jpg,no,blue",
    ]
    query, gallery = read(data, *lines, "a/7.jpg,no,red", "a/1.jpg,no,red")
    assert query == [[1, 1], [0, 0]]
    assert gallery == [[2, 2], [1, 4], [1, 4]]


def test_attributes_that_own_no_expert_need_no_column(data: ReidData) -> None:
    query, _ = read(data, "pid,hat", "ben,yes", "cleo,no", attributes=("hat",))
    assert query == [[2, 0], [1, 0]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["pid,hat,colour", "ben,no,red"], r"no row for 1 people of query, like pid of a/3\.jpg"),
        (
            ["path,hat,colour", "a/2.jpg,no,red", "a/3.jpg,no,red"],
            r"no row for 2 people of gallery, like path of a/4\.jpg",
        ),
        (["pid,hat,colour", "ben,no,red", "cleo,no,red", "dora,no,red"], "pid 'dora' is in no split"),
        (["path,hat,colour", "a/8.jpg,no,red"], r"path 'a/8\.jpg' is in no split"),
        (["path,hat,colour", "../a/1.jpg,no,red"], "is in no split"),
        (["pid,hat", "ben,no", "cleo,no"], "no column colour"),
        (["pid,hat,colour", "ben,no,mauve", "cleo,no,red"], "unknown label of colour in .*, line 2 'mauve'"),
    ],
)
def test_what_does_not_fit_is_one_line(data: ReidData, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data, *lines)
    assert "\n" not in str(caught.value)


def test_codes_have_the_schema_s_width(data: ReidData) -> None:
    (data.root / "mine.csv").write_text("pid,hat\nben,no\ncleo,no\n")
    query, gallery = read_labels(data.root / "mine.csv", data, STREET, ("hat",))
    assert query.shape == (2, 2)
    assert gallery.shape == (3, 2)
    assert np.issubdtype(query.dtype, np.integer)
