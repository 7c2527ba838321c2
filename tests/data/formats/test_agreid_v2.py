"""AG-ReID.v2 on files made on the spot: none of the dataset's own was at hand, only public descriptions of its form."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from mosaicreid.cli import main
from mosaicreid.data.folders import read_dataset
from mosaicreid.datasets import get_dataset
from mosaicreid.errors import InputError

PROTOCOL = "exp1_aerial_to_cctv.txt"
NAME = "agreid_v2_aerial_cctv"
TRAIN = ["P0001T04041A0C0F31", "P0001T04041A0C3F32", "P0001T04050A1C2F5", "P0002T04041A0C0F1"]
QUERY, GALLERY = ["P0003T04041A2C0F9", "P0004T04041A0C0F2"], ["P0003T04041A2C3F1", "P0004T04041A0C3F7"]


def columns(people: list[int], labels: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """The split's fields, 2 where somebody has a value; whoever is not described is unknown."""
    fields = {}
    for group in get_dataset(NAME).schema.groups:
        values = ["no", "yes"] if group.name in ("beard", "moustache") else list(group.values)
        for value in (*values, "unknown"):
            has = [label.get(group.name, "unknown") == value for label in labels]
            fields[f"{group.name}_{value}".replace("-", "")] = np.where(has, 2, 1).astype(np.uint8)[None]
    return fields | {"image_index": np.array([people], dtype=np.float64)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, names in (("train_all", TRAIN), ("query", QUERY), ("gallery", [*GALLERY, "P0009T04041A0C2F1"])):
        for name in names:
            path = tmp_path / folder / name.split("C")[0] / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 8), (10, 20, 30)).save(path)
    lines = [
        *(f"query/{name.split('C')[0]}/{name}.jpg" for name in QUERY),
        *(f"gallery/{n.split('C')[0]}/{n}.jpg" for n in GALLERY),
    ]
    (tmp_path / PROTOCOL).write_text("\n".join(lines) + "\n")
    train = columns([1040410, 1040501, 2040410], [{"gender": "male", "age": "over-65"}, {"gender": "female"}, {}])
    test = columns([4040410, 3040412], [{"upper": "t-shirt", "beard": "yes"}, {"bag": "nothing", "beard": "no"}])
    write(tmp_path, {"train": train, "test": test})
    return tmp_path


def write(root: Path, content: dict) -> None:
    scipy.io.savemat(root / "qut_attribute_v8.mat", {"qut_attribute": content})


def both(fields: dict) -> dict:
    return {"train": fields, "test": fields}


def read(root: Path):
    with pytest.warns(UserWarning, match="query has 2 images, expected 2356"):
        return read_dataset(get_dataset(NAME), root)


def test_identities_are_person_time_and_altitude_and_cameras_are_numbered(root: Path) -> None:
    data = read(root)
    assert data.train.paths[0] == "train_all/P0001T04041A0/P0001T04041A0C0F31.jpg"
    assert data.train.pids.tolist() == [1040410, 1040410, 1040501, 2040410]
    assert data.train.camids.tolist() == [1, 2, 3, 1]
    assert data.query.pids.tolist() == [3040412, 4040410]
    assert (data.query.camids == 1).all()
    assert (data.gallery.camids == 2).all()
    # What the protocol does not list is not in it.
    assert len(data.gallery) == 2


def test_unknown_is_no_label(root: Path) -> None:
    data = read(root)
    assert data.annotation is not None
    train = data.annotation["train"].table()
    assert train.loc[1040410, "gender"] == "male"
    assert train.loc[1040410, "age"] == "over-65"
    assert (train.loc[2040410] == "").all()
    test = data.annotation["test"].table()
    assert test.loc[4040410, ["upper", "beard"]].tolist() == ["t-shirt", "yes"]
    assert test.loc[3040412, ["bag", "beard"]].tolist() == ["nothing", "no"]
    assert not any("unknown" in expert for expert in get_dataset(NAME).schema.experts)


def test_values_without_a_column_are_nobodys(root: Path) -> None:
    fields = columns([4040410], [{"upper": "t-shirt"}])
    del fields["upper_cardigan"], fields["gender_unknown"]
    write(root, {"train": fields, "test": fields})
    annotation = read(root).annotation
    assert annotation["test"].table().loc[4040410, "upper"] == "t-shirt"


def test_protocols_are_datasets_and_an_unknown_one_is_named(root: Path, capsys: pytest.CaptureFixture) -> None:
    assert get_dataset("agreid_v2_wearable_aerial").protocol == "exp5_wearable_to_aerial.txt"
    with pytest.raises(InputError, match=r"unknown dataset 'agreid_v2_cctv_wearable'; .*agreid_v2_aerial_cctv"):
        get_dataset("agreid_v2_cctv_wearable")
    with pytest.raises(InputError, match=r"no protocol at .*exp5_wearable_to_aerial\.txt"):
        read_dataset(get_dataset("agreid_v2_wearable_aerial"), root)
    assert main(["data", "check", str(root), "--dataset", NAME]) == 1
    said = capsys.readouterr().out
    assert "query has 2 images, expected 2356" in said
    assert "identities" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / PROTOCOL).write_text("train/a.jpg\n"), "line 1: 'train/a.jpg'; expected a path below"),
        (lambda root: (root / PROTOCOL).write_text("query/../x.jpg\n"), "expected a path below"),
        (lambda root: (root / PROTOCOL).write_text(""), "lists nothing"),
        (lambda root: (root / PROTOCOL).write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda root: (root / PROTOCOL).write_text("query/P1/a.jpg\nquery/P1/a.jpg\n"), "an image twice"),
        (lambda root: (root / PROTOCOL).write_text("query/P1/a.jpg\n"), "lists query/P1/a.jpg, which is not below"),
        (lambda root: (root / "train_all" / "x.jpg").write_text(""), "is not a folder; expected one per identity"),
        (lambda root: (root / "train_all" / "P0001T04041A0" / "a.jpg").write_text(""), "is not an image of AG-ReID.v2"),
        (lambda root: write(root, {"train": columns([1], [{}])}), "test: no such split"),
        (lambda root: write(root, both(columns([1, 1], [{}, {}]))), "an identity twice"),
        (lambda root: write(root, both(columns([1.5], [{}]))), "expected identities like"),
        (lambda root: write(root, both(with_field("hat_purple"))), "field 'hat_purple'"),
        (
            lambda root: write(root, both(with_field("bag_bag", 3))),
            "value 3, expected 1 or 2",
        ),
        (lambda root: write(root, both({"image_index": [1.0]})), "no field of gender, age"),
    ],
)
def test_what_is_wrong_is_one_line(root: Path, change, message: str) -> None:
    change(root)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(get_dataset(NAME), root)
    assert "\n" not in str(caught.value)


def with_field(name: str, value: int = 1) -> dict:
    return columns([7], [{}]) | {name: np.array([[value]], dtype=np.uint8)}
