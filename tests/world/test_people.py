"""The world's truth: its information in bits against enumeration and simulation, and what images show."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from mosaicreid.data.annotation import read_annotation
from mosaicreid.datasets import DATASETS, get_folder_dataset, get_schema
from mosaicreid.world.images import draw_people
from mosaicreid.world.people import entropy, make_world, value_shares


def truth(dataset: str, **visibility: float) -> dict[str, dict[str, float]]:
    world = make_world(dataset, visibility=visibility)
    return {row["attribute"]: row for row in world.truth()}  # type: ignore[misc]


@pytest.mark.parametrize("dataset", DATASETS)
def test_priors_are_distributions_over_the_schema(dataset: str) -> None:
    world = make_world(dataset)
    assert set(world.priors) == set(world.visibility) == set(world.schema.attributes)
    for group in world.schema.groups:
        assert len(world.priors[group.name]) == len(group.values)
        assert sum(world.priors[group.name]) == pytest.approx(1)


@pytest.mark.parametrize("dataset", DATASETS)
def test_full_visibility_leaves_nothing_to_tell_and_none_leaves_all(dataset: str) -> None:
    names = get_schema(dataset).attributes
    seen = truth(dataset, **dict.fromkeys(names, 1.0))
    hidden = truth(dataset, **dict.fromkeys(names, 0.0))
    for name in names:
        assert seen[name]["knowledge_gain_bits"] == pytest.approx(0, abs=1e-12)
        assert hidden[name]["knowledge_gain_bits"] == pytest.approx(hidden[name]["entropy_bits"])


def test_legibility_raises_every_visibility_but_those_that_are_given() -> None:
    usual = make_world("market1501", legibility=0.0).visibility
    raised = make_world("market1501", legibility=0.75, visibility={"hat": 0.2}).visibility
    assert raised.pop("hat") == 0.2
    for name, value in raised.items():
        assert 1 - value == pytest.approx(0.25 * (1 - usual[name]))
    assert usual == get_folder_dataset("market1501").synthetic.visibility
    own = get_folder_dataset("market1501").synthetic.options.legibility
    assert make_world("market1501").visibility == make_world("market1501", legibility=own).visibility


def test_knowledge_gain_of_a_binary_attribute_by_hand() -> None:
    # Equal shares and visibility 0.5: a shown value is true with probability 3/4.
    world = make_world("market1501", visibility={"hat": 0.5})
    people = np.zeros((2, 12), dtype=np.int16)
    people[:, 3] = (0b01, 0b10)
    world = type(world)(**(vars(world) | {"priors": world.priors | {"hat": (0.5, 0.5)}}))
    row = world.truth()[3]
    by_hand = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert row["attribute"] == "hat"
    assert row["knowledge_gain_bits"] == pytest.approx(by_hand)
    assert world.knowledge_gain_among(people)["hat"] == pytest.approx(by_hand)
    # Where nobody has a hat there is nothing to tell.
    assert world.knowledge_gain_among(people[:1])["hat"] == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(visibility=st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_more_visible_never_gains_more(visibility: list[float]) -> None:
    low, high = sorted(visibility)
    gains = [truth("dukemtmc", upcolour=value)["upcolour"]["knowledge_gain_bits"] for value in (low, high)]
    assert gains[0] >= gains[1] - 1e-9


def test_what_images_show_carries_the_stated_information() -> None:
    world = make_world("market1501")
    generator = np.random.default_rng(5)
    people = world.draw_people(20_000, generator)
    shown = [world.shown(codes, generator) for codes in people]
    stated = world.knowledge_gain_among(people)
    for name in ("hair", "age", "upcolour"):
        column = world.schema.attributes.index(name)
        values = world.schema.group(name).values
        seen = [values.index(look[name][0]) for look in shown]
        told = mutual_info_score(people[:, column], seen) / np.log(2)
        remaining = entropy(value_shares(people[:, column], len(values))) - told
        assert remaining == pytest.approx(stated[name], abs=0.02)


def test_gains_are_told_apart() -> None:
    """The order of the truth must not hang on a hair: in at least 2/3 of all pairs one is half as much again."""
    for dataset in DATASETS:
        gains = np.array([row["knowledge_gain_bits"] for row in truth(dataset).values()])
        first, second = np.triu_indices(len(gains), k=1)
        ratio = np.maximum(gains[first], gains[second]) / np.minimum(gains[first], gains[second])
        assert (ratio > 1.5).mean() > 2 / 3


def test_two_labels_are_both_shown_and_none_is_none() -> None:
    world = make_world("dukemtmc", visibility={"downcolour": 1.0, "top": 1.0})
    codes = np.zeros(10, dtype=np.int16)
    codes[world.schema.attributes.index("downcolour")] = 0b11
    look = world.shown(codes, np.random.default_rng(0))
    assert look["downcolour"] == ("black", "white")
    assert look["top"] == ()


def test_shares_of_values() -> None:
    codes = np.array([0b001, 0b001, 0b110, 0], dtype=np.int16)
    np.testing.assert_allclose(value_shares(codes, 3), (0.5, 0.25, 0.25))
    assert value_shares(np.zeros(2, dtype=np.int16), 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dataset", DATASETS)
def test_priors_are_the_shares_of_the_real_people(dataset: str, annotations: Path) -> None:
    file = annotations / get_folder_dataset(dataset).annotation.file_name
    real = make_world(dataset, annotation=read_annotation(file, get_folder_dataset(dataset)))
    for name, shares in make_world(dataset).priors.items():
        assert shares == pytest.approx(real.priors[name], abs=0.0011)


@pytest.mark.parametrize("dataset", DATASETS)
def test_as_many_people_look_alike_as_in_the_real_test_set(dataset: str, annotations: Path) -> None:
    """Of a third of 600 people, the share of distinct attribute vectors, over 20 worlds."""
    definition = get_folder_dataset(dataset)
    real = read_annotation(annotations / definition.annotation.file_name, definition)["test"].codes
    world = make_world(dataset)
    shares = [
        len(np.unique(draw_people(world, 600, seed, train_share=2 / 3)["test"].codes, axis=0)) / 200
        for seed in range(20)
    ]
    assert np.mean(shares) == pytest.approx(len(np.unique(real, axis=0)) / len(real), abs=0.02)
