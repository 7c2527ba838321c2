import numpy as np
import pytest
import shapiq

from mosaicreid.errors import InputError
from mosaicreid.statistics.shapley import sample_shapley

WEIGHTS = np.array([1.0, -2.0, 0.5, 0.0])


def interacting(subsets: np.ndarray) -> np.ndarray:
    """Weights that add up, and a bonus where players 0 and 2 meet."""
    return subsets @ WEIGHTS + 3.0 * (subsets[:, 0] & subsets[:, 2]) + 10.0


def test_an_additive_game_is_solved_without_error() -> None:
    estimate, low, high = sample_shapley(lambda subsets: subsets @ WEIGHTS, 4, pairs=2, seed=0)
    np.testing.assert_allclose(estimate, WEIGHTS, atol=1e-12)
    np.testing.assert_allclose(high - low, 0, atol=1e-12)


def test_a_pairwise_game_is_solved_by_antithetic_pairs_without_error() -> None:
    # In an order and its reversal each of two players joins last once, so a pair of orders is exact for pairs.
    estimate, _, _ = sample_shapley(interacting, 4, pairs=2, seed=1)
    np.testing.assert_allclose(estimate, WEIGHTS + np.array([1.5, 0, 1.5, 0]), atol=1e-12)


def test_estimates_agree_with_shapiqs_exact_values_and_add_up() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=2**5)

    def game(subsets: np.ndarray) -> np.ndarray:
        return table[subsets @ (1 << np.arange(5))]

    exact = shapiq.ExactComputer(n_players=5, game=game)("SV", order=1)
    expected = np.array([exact[(player,)] for player in range(5)])
    estimate, low, high = sample_shapley(game, 5, pairs=400, seed=2, level=0.999)
    assert ((low <= expected) & (expected <= high)).all()
    assert estimate.sum() == pytest.approx(table[-1] - table[0])
    assert (high - low < 0.6).all()


def test_several_games_at_once_are_each_as_alone() -> None:
    generator = np.random.default_rng(3)
    tables = generator.normal(size=(2**4, 3))

    def games(subsets: np.ndarray) -> np.ndarray:
        return tables[subsets @ (1 << np.arange(4))]

    together = np.stack(sample_shapley(games, 4, pairs=5, seed=1))
    for column in range(3):
        alone = sample_shapley(lambda subsets, own=column: games(subsets)[:, own], 4, pairs=5, seed=1)
        np.testing.assert_allclose(together[:, :, column], np.stack(alone), atol=1e-12)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=2**5)
    values = {"exact": np.zeros(5)}
    for player in range(5):
        for subset in range(2**5):
            if not subset >> player & 1:
                size = bin(subset).count("1")
                weight = 1 / (5 * [1, 4, 6, 4, 1][size])
                values["exact"][player] += weight * (table[subset | 1 << player] - table[subset])
    inside = []
    for seed in range(200):
        _, low, high = sample_shapley(lambda subsets: table[subsets @ (1 << np.arange(5))], 5, pairs=15, seed=seed)
        inside.append((low <= values["exact"]) & (values["exact"] <= high))
    assert 0.92 < np.mean(inside) < 0.98


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="got 1 players"):
        sample_shapley(interacting, 1, pairs=5, seed=0)
    with pytest.raises(InputError, match="1 pairs of orders"):
        sample_shapley(interacting, 4, pairs=1, seed=0)


@pytest.mark.parametrize(
    ("game", "message"),
    [
        (lambda subsets: None, "got values of the game of shape .* dtype object; expected an array of numbers"),
        (lambda subsets: subsets.sum(axis=1)[:2], r"the game returned values of shape \(2,\) for 8 subsets"),
        (lambda subsets: 1.0, r"the game returned values of shape \(\) for 8 subsets"),
        (lambda subsets: subsets.sum(axis=1) * 1j, "dtype complex128; expected an array of numbers"),
    ],
)
def test_games_that_answer_something_else(game, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sample_shapley(game, 3, pairs=3, seed=0)


def test_more_orders_than_anyone_waits_for_are_refused() -> None:
    with pytest.raises(InputError, match="got 2147483648 pairs of orders, expected at most 100000"):
        sample_shapley(lambda subsets: subsets.sum(axis=1), 3, pairs=2**31, seed=0)
