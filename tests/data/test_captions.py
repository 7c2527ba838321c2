"""Captions say what is annotated, and nothing else."""

import numpy as np
import pytest

from mosaicreid.attributes import Schema
from mosaicreid.data.captions import captions
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.datasets.definition import multiclass, single_state


def codes(dataset: str, **values: str) -> np.ndarray:
    """Codes (1, A) with the named values, several joined by ``+``, and nothing else annotated."""
    schema = get_schema(dataset)
    row = [
        sum(1 << group.values.index(value) for value in values[group.name].split("+")) if group.name in values else 0
        for group in schema.groups
    ]
    return np.array([row], dtype=np.int16)


@pytest.mark.parametrize(
    ("dataset", "values", "words"),
    [
        ("market1501", {"gender": "female", "age": "young", "hair": "long"}, ["young woman", "long hair"]),
        ("market1501", {"gender": "male", "age": "old"}, ["a photo of an old man"]),
        ("market1501", {"age": "adult"}, ["a photo of an adult person"]),
        ("market1501", {"upcolour": "red", "up": "short"}, ["with a short red top"]),
        ("market1501", {"clothes": "dress", "downcolour": "pink"}, ["with a pink skirt"]),
        ("market1501", {"clothes": "pants", "down": "long", "downcolour": "blue"}, ["with long blue trousers"]),
        ("market1501", {"hat": "yes", "backpack": "yes"}, ["with a hat and a backpack"]),
        ("dukemtmc", {"boots": "yes", "shoecolour": "light"}, ["light boots"]),
        ("dukemtmc", {"boots": "no", "shoecolour": "dark"}, ["dark shoes"]),
        ("dukemtmc", {"downcolour": "white+blue"}, ["with white and blue trousers"]),
    ],
)
def test_what_is_annotated_is_said(dataset: str, values: dict[str, str], words: list[str]) -> None:
    (caption,) = captions(get_schema(dataset), codes(dataset, **values))
    assert caption.startswith("a photo of a")
    assert "  " not in caption
    for word in words:
        assert word in caption


def test_a_whole_caption_is_a_sentence_part_that_a_person_would_write() -> None:
    (caption,) = captions(
        get_schema("market1501"),
        codes(
            "market1501",
            gender="female",
            hair="long",
            age="adult",
            hat="yes",
            handbag="yes",
            up="short",
            upcolour="red+blue",
            down="long",
            downcolour="black",
            clothes="dress",
        ),
    )
    assert caption == (
        "a photo of an adult woman with long hair, a short red and blue top, a long black skirt, a hat and a handbag"
    )


def test_of_somebody_without_labels_nothing_is_said() -> None:
    for dataset in DATASETS:
        assert captions(get_schema(dataset), codes(dataset)) == ["a photo of a person"]


def test_what_is_not_worn_is_not_said() -> None:
    (caption,) = captions(get_schema("market1501"), codes("market1501", hat="no", backpack="no", bag="no"))
    for word in ("hat", "backpack", "bag", "man", "hair"):
        assert word not in caption.replace("a photo of a person", "")


@pytest.mark.parametrize("dataset", DATASETS)
def test_different_values_give_different_captions(dataset: str) -> None:
    """Every value of every attribute changes the caption of someone who is fully annotated."""
    schema = get_schema(dataset)
    plain = np.ones((1, len(schema.groups)), dtype=np.int16)
    for column, group in enumerate(schema.groups):
        rows = np.repeat(plain, len(group.values), axis=0)
        rows[:, column] = 1 << np.arange(len(group.values))
        assert len(set(captions(schema, rows))) == len(group.values)


def test_what_a_users_schema_has_beyond_the_grammar_is_said_as_it_is_called() -> None:
    groups = (
        multiclass("age", "child adult senior", "intrinsic", "Age"),
        multiclass("hat", "none cap helmet", "accessories", "Hat"),
        single_state("backpack", "accessories", "Backpack"),
        multiclass("sleeve-print", "plain striped", "upper", "Print"),
    )
    row = np.array([[0b100, 0b010, 0b10, 0b11]], dtype=np.int16)
    (caption,) = captions(Schema("street", groups), row)
    assert caption.endswith("with a backpack, age senior, hat cap and sleeve-print plain and striped")
