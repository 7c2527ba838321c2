"""What heads read: everything where features hold it, nothing where they do not, beside the ceiling by enumeration."""

from itertools import product

import numpy as np
import pytest

from mosaicreid.analyses.strength.reading import ceiling, read_attributes
from mosaicreid.world.people import make_world


@pytest.mark.parametrize("visibility", [0.0, 0.3, 1.0])
def test_the_ceiling_by_enumeration(visibility: float) -> None:
    prior = np.array([0.5, 0.3, 0.2])
    best = 0.0
    # Every rule that names a value t for each shown value x.
    for rule in product(range(3), repeat=3):
        right = sum(prior[t] * (visibility * (t == x) + (1 - visibility) * prior[x]) for x, t in enumerate(rule))
        best = max(best, right)
    assert ceiling(prior, visibility) == pytest.approx(best)


def test_features_that_hold_the_labels_are_read_and_noise_is_not() -> None:
    world = make_world("dukemtmc", legibility=1.0)
    generator = np.random.default_rng(0)
    codes = world.draw_people(900, generator)
    pids = np.arange(900)
    bits = np.concatenate(
        [codes[:, [column]] >> np.arange(len(group.values)) & 1 for column, group in enumerate(world.schema.groups)],
        axis=1,
    )
    noise = generator.normal(size=(900, 8))
    first, last = slice(0, 500), slice(500, 900)
    entropies = {str(row["attribute"]): float(row["entropy_bits"]) for row in world.truth()}
    for features, low, high in ((bits.astype(float), 0.9, 1.05), (noise, -0.3, 0.1)):
        tested = features[last], codes[last], pids[last]
        table = read_attributes((features[first], codes[first]), tested, tested, world, seed=1)
        assert table["attribute"].tolist() == list(world.schema.attributes)
        assert low < table["read"].mean() < high
        expected = (table["accuracy"] - table["majority"]) / (table["ceiling"] - table["majority"])
        np.testing.assert_allclose(table["read"], expected)
        left = table.set_index("attribute")["unread_bits"]
        # What holds the labels leaves nothing open, noise nearly all of a label's entropy.
        assert all(left[name] <= 0.05 if low > 0 else left[name] > 0.6 * entropies[name] for name in entropies)


def test_nobody_is_tested_on_who_was_learnt_from() -> None:
    """Features that name the person alone: only somebody's own images could tell their attributes."""
    world = make_world("dukemtmc", legibility=1.0)
    generator = np.random.default_rng(1)
    codes = world.draw_people(40, generator)
    pids = np.arange(40)
    features = generator.normal(size=(40, 60))
    tested = features, codes, pids
    table = read_attributes((np.zeros((2, 60)), codes[:2]), tested, tested, world, seed=1)
    assert table["read"].mean() < 0.2
