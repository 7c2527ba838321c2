"""Hidden bits dealt at random: the same bits, other attributes, and as much as each can hide."""

import numpy as np
import pytest

from mosaicreid.datasets import DATASETS
from mosaicreid.world.dealing import deal
from mosaicreid.world.people import make_world


def bits(world) -> dict[str, float]:
    return {str(row["attribute"]): float(row["knowledge_gain_bits"]) for row in world.truth()}


@pytest.mark.parametrize("dataset", DATASETS)
def test_bits_are_dealt_whole_or_as_far_as_an_attribute_can_hide_them(dataset: str) -> None:
    world = make_world(dataset)
    own, entropies = bits(world), {str(row["attribute"]): float(row["entropy_bits"]) for row in world.truth()}
    for seed in range(5):
        dealt = bits(deal(world, np.random.default_rng(seed)))
        targets = np.random.default_rng(seed).permutation(list(own.values()))
        for (name, found), target in zip(dealt.items(), targets, strict=True):
            assert found == pytest.approx(min(target, 0.9 * entropies[name]), abs=1e-6)
    assert deal(world, np.random.default_rng(0)).priors == world.priors


def test_another_draw_favours_other_attributes() -> None:
    world = make_world("market1501")
    drawn = [bits(deal(world, np.random.default_rng(seed))) for seed in range(8)]
    assert len({max(hidden, key=lambda name: hidden[name]) for hidden in drawn}) > 2


def test_what_hides_nothing_is_always_seen() -> None:
    world = make_world("dukemtmc", legibility=1.0)
    assert set(deal(world, np.random.default_rng(0)).visibility.values()) == {1.0}
