"""Schemas from TOML: what is written comes back, and what is wrong is one line."""

from pathlib import Path

import pytest

from mosaicreid.config.inclusion import inclusion_set
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.datasets.schema_file import read_definition, read_schema
from mosaicreid.errors import InputError

GOOD = """
dataset = "street"

[unions]
footwear = ["boots", "colour"]

[[attribute]]
name = "hat"
type = "single-state binary"
values = ["no", "yes"]
cluster = "accessories"
description = "Wearing a hat"

[[attribute]]
name = "boots"
type = "dual-state binary"
values = ["low", "high"]
cluster = "lower"

[[attribute]]
name = "colour"
type = "multiclass"
values = ["red", "green", "blue"]
cluster = "lower"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "schema.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_attributes_experts_clusters_and_unions(tmp_path: Path) -> None:
    schema = read_schema(written(tmp_path, GOOD))
    assert schema.dataset == "street"
    assert schema.attributes == ("hat", "boots", "colour")
    assert schema.experts == ("hat=yes", "boots=low", "boots=high", "colour=red", "colour=green", "colour=blue")
    assert dict(schema.clusters) == {"lower": ("boots", "colour"), "accessories": ("hat",)}
    assert schema.group("hat").description == "Wearing a hat"
    assert schema.group("boots").description == "boots"
    assert inclusion_set("footwear", schema) == ("boots", "colour")
    assert inclusion_set("all", schema) == schema.attributes


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_schemas_of_the_paper_can_be_written_so(dataset: str, tmp_path: Path) -> None:
    schema = get_schema(dataset)
    lines = [f'dataset = "{dataset}"', "[unions]"]
    lines += [f"{name} = {list(members)}" for name, members in schema.unions.items()]
    for group in schema.groups:
        lines += ["[[attribute]]", f'name = "{group.name}"', f'type = "{group.type.value}"']
        lines += [f"values = {list(group.values)}", f'cluster = "{group.cluster}"']
        lines.append(f'description = "{group.description}"')
    again = read_schema(written(tmp_path, "\n".join(lines)))
    assert again == schema
    assert again.unions == schema.unions


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('dataset = "street"', "", "has no dataset"),
        ('dataset = "street"', 'dataset = "my street"', "the dataset is 'my street'; expected up to 32 lower-case"),
        ('dataset = "street"', "dataset = 3", "dataset is 3; expected a str"),
        (
            'dataset = "street"',
            'dataset = "street"\nauthor = "me"',
            "unknown key of .*'author'; expected one of",
        ),
        ('name = "hat"', 'name = "../hat"', r"attribute 1: the name is '\.\./hat'"),
        ('name = "hat"', 'name = "boots"', "'boots' occurs twice"),
        ('name = "hat"', 'name = "all"', "'all' is reserved"),
        ('name = "hat"', 'name = "lower"', "'lower' occurs twice among attributes, clusters and unions"),
        ('"no", "yes"', '"no", "yes", "maybe"', "attribute 1 is single-state binary with the values no, yes, maybe"),
        ('"no", "yes"', '"yes", "yes"', "expected 2 different ones"),
        ('"red", "green", "blue"', '"red"', "attribute 3 is multiclass with the values red; expected 2 to 15"),
        ('"red", "green", "blue"', '"red", 3', "attribute 3: the value is 3"),
        ('"single-state binary"', '"binary"', "unknown type of .*attribute 1 'binary'; expected one of: single-state"),
        ('["boots", "colour"]', '["boots", "shoes"]', "unknown attribute of the union 'footwear' in .* 'shoes'"),
        ('["boots", "colour"]', '"boots"', "the union 'footwear' is 'boots'; expected a list"),
        ('cluster = "accessories"', "", "attribute 1 has no cluster"),
        ("[[attribute]]", "[[attribute", "is not TOML"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=message) as caught:
        read_schema(written(tmp_path, GOOD.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no schema at .*absent\.toml: No such file"):
        read_schema(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_schema(tmp_path / "binary.toml")
    with pytest.raises(InputError, match="lists no attribute"):
        read_schema(written(tmp_path, 'dataset = "street"\nattribute = []'))
    with pytest.raises(InputError, match="attribute 1 is 3; expected a table"):
        read_schema(written(tmp_path, 'dataset = "street"\nattribute = [3]'))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('images = "/data/images.csv"', "images is '/data/images.csv'; expected a .csv file below the dataset's root"),
        ('images = "../images.csv"', "expected a .csv file below"),
        ('images = "C:/images.csv"', "expected a .csv file below"),
        ('images = "images.parquet"', "expected a .csv file below"),
        ("images = 3", "images is 3; expected a str"),
        ("", "has no images; expected dataset, images, attributes, attribute"),
        ('images = "i.csv"\ntitle = "a\\nb"', "title is 'a.nb'; expected one line of at most 60 characters"),
        ('images = "i.csv"\nunknown = [1]', "expected texts that mean no label"),
        ('images = "i.csv"\nunknown = ["red"]', "'red' is a value of colour and unknown; expected one of the two"),
    ],
)
def test_what_is_wrong_with_a_dataset_is_said_in_one_line(tmp_path: Path, line: str, message: str) -> None:
    text = GOOD.replace('dataset = "street"', f'dataset = "street"\nattributes = "attributes.csv"\n{line}')
    with pytest.raises(InputError, match=message) as caught:
        read_definition(written(tmp_path, text))
    assert str(caught.value).isprintable()
