"""VeRi-776 on files made on the spot: none of the dataset's own was at hand, only public descriptions of its form."""

from pathlib import Path

import pytest
from PIL import Image

from mosaicreid.cli import main
from mosaicreid.data.folders import read_dataset
from mosaicreid.datasets import get_dataset
from mosaicreid.errors import InputError

IMAGES = {
    "image_train": ["0001_c001_00016450_0.jpg", "0001_c020_00016455_1.jpg", "0003_c002_00000001_0.jpg"],
    "image_query": ["0002_c002_00030600_0.jpg"],
    "image_test": ["0002_c003_00030600_0.jpg", "0005_c003_00030601_0.jpg"],
}
TRAIN = [(1, "1", "1"), (1, "1", "1"), (3, "5", "0")]
TEST = [(2, "10", "9"), (5, "7", "2")]


def label_file(path: Path, items: list[tuple], *, encoding: str = "gb2312", head: str = "", note: str = "汽车") -> None:
    lines = [
        f'<Item imageName="{vehicle:04d}_c001_00000000_{k}.jpg" vehicleID="{vehicle:04d}" cameraID="c001" '
        f'colorID="{colour}" typeID="{kind}" note="{note}"/>'
        for k, (vehicle, colour, kind) in enumerate(items)
    ]
    text = '<?xml version="1.0" encoding="gb2312"?>\n' + head + '<TrainingImages Version="1.0"><Items>\n'
    path.write_bytes((text + "\n".join(lines) + "\n</Items></TrainingImages>\n").encode(encoding))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, names in IMAGES.items():
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("RGB", (8, 4), (10, 20, 30)).save(tmp_path / folder / name)
    train(tmp_path, TRAIN)
    label_file(tmp_path / "test_label.xml", TEST)
    return tmp_path


def train(root: Path, items: list[tuple], **options: str) -> None:
    label_file(root / "train_label.xml", items, **options)


def read(root: Path):
    with pytest.warns(UserWarning, match="images, expected"):
        return read_dataset(get_dataset("veri776"), root)


def test_vehicles_and_cameras_are_in_the_names(root: Path) -> None:
    data = read(root)
    assert data.train.pids.tolist() == [1, 1, 3]
    assert data.train.camids.tolist() == [1, 20, 2]
    assert data.query.paths == ("image_query/0002_c002_00030600_0.jpg",)
    assert data.gallery.pids.tolist() == [2, 5]
    assert data.cameras == 20


def test_labels_are_the_vehicles_and_an_open_type_is_the_second(root: Path) -> None:
    annotation = read(root).annotation
    assert annotation["train"].table().loc[1].tolist() == ["yellow", "sedan"]
    assert annotation["train"].table().loc[3].tolist() == ["red", "suv"]
    assert annotation["test"].table().loc[2].tolist() == ["black", "estate"]


def test_images_without_labels_are_read_and_told(root: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("train_label.xml", "test_label.xml"):
        (root / name).unlink()
    assert read(root).annotation is None
    assert main(["data", "check", str(root), "--dataset", "veri776"]) == 1
    said = capsys.readouterr().out
    assert "train has 3 images, expected 37778" in said
    assert "no annotation" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda root: train(root, [(1, "11", "1")]),
            "colorID of vehicle 1 is 11; expected 1 to 10",
        ),
        (
            lambda root: train(root, [(4, "1", "0")]),
            "typeID of vehicle 4 is 0; expected 1 to 9",
        ),
        (
            lambda root: train(root, [(1, "x", "1")]),
            "item 1: colorID is 'x'; expected a number",
        ),
        (
            lambda root: train(root, [(1, "1", "1"), (1, "2", "1")]),
            "has other labels than before",
        ),
        (lambda root: train(root, []), "has no Item"),
        (lambda root: train(root, TRAIN, encoding="utf-16"), "not GB2312 text|not XML"),
        (
            lambda root: train(root, TRAIN, head='<!DOCTYPE x [<!ENTITY a "b">]>'),
            "declares a document type or entities",
        ),
        (lambda root: (root / "train_label.xml").write_text("<Items><Item"), "is not XML that can be read"),
        (lambda root: (root / "test_label.xml").unlink(), r"has train_label\.xml alone"),
        (lambda root: (root / "image_query" / "2_c2.jpg").write_text(""), "is not an image of VeRi-776"),
        (lambda root: (root / "image_query" / "0002_c021_00030600_0.jpg").write_text(""), "c001 to c020"),
        (lambda root: (root / "image_test").rename(root / "gallery"), "no folder .*image_test"),
    ],
)
def test_what_is_wrong_is_one_line(root: Path, change, message: str) -> None:
    change(root)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(get_dataset("veri776"), root)
    assert "\n" not in str(caught.value)
