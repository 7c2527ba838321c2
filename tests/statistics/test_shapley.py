"""Exact Shapley values against the definition and the axioms that determine them."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaicreid.errors import InputError
from mosaicreid.statistics.shapley import shapley_values, subsets


def over_all_orders(values):
    """The definition: the mean marginal contribution over every order of joining."""
    num_players = len(values).bit_length() - 1
    totals, orders = np.zeros(num_players), list(permutations(range(num_players)))
    for order in orders:
        joined = 0
        for player in order:
            totals[player] += values[joined | 1 << player] - values[joined]
            joined |= 1 << player
    return totals / len(orders)


def test_subsets_are_numbered_by_their_bits():
    np.testing.assert_array_equal(subsets(2), [[0, 0], [1, 0], [0, 1], [1, 1]])
    assert subsets(12).shape == (4096, 12)


@given(num_players=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_equals_the_mean_over_all_orders(num_players, seed):
    values = np.random.default_rng(seed).normal(size=2**num_players)
    result = shapley_values(values)
    np.testing.assert_allclose(result, over_all_orders(values), atol=1e-12)
    assert result.sum() == pytest.approx(values[-1] - values[0])


def test_a_majority_game_with_known_values():
    # A council of four with weights 2, 1, 1, 1 that decides with 3 votes: power 1/2, 1/6, 1/6, 1/6.
    worth = (subsets(4) @ [2, 1, 1, 1] >= 3).astype(float)
    np.testing.assert_allclose(shapley_values(worth), [1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_additive_game_and_a_player_that_adds_nothing():
    weights = np.array([3.0, 0.0, -1.5, 0.25])
    np.testing.assert_allclose(shapley_values(7 + subsets(4) @ weights), weights, atol=1e-12)


def test_several_games_at_once():
    values = np.random.default_rng(0).normal(size=(16, 3))
    expected = np.stack([shapley_values(values[:, game]) for game in range(3)], axis=1)
    np.testing.assert_allclose(shapley_values(values), expected)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((12, 2)), np.zeros(0), np.float64(1)])
def test_a_table_that_lacks_subsets_is_refused(values):
    with pytest.raises(InputError, match=r"expected one row for each of 2\^A subsets"):
        shapley_values(values)


@pytest.mark.parametrize("values", [np.array(["a", "b"]), [0, 1j], [[1], [1, 2]], None])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(InputError, match="expected an array of numbers"):
        shapley_values(values)


def test_more_subsets_than_fit_are_refused():
    with pytest.raises(InputError, match="got 40 players, expected at most 24"):
        subsets(40)
