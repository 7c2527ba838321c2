"""Shapley values: exact from the worth of every subset, and sampled with intervals where subsets are too many."""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import array, seed_of, share, whole_number


def subsets(num_players: int) -> NDArray[np.int64]:
    """(2^A, A) 0/1: row s holds the members of subset s, player a being its bit a; row 0 is empty, the last is full.

    Raises:
        InputError: more than 24 players, whose subsets fill a memory.
    """
    num_players = whole_number(num_players, "players", least=0, most=24)
    return np.arange(2**num_players)[:, None] >> np.arange(num_players) & 1


def shapley_values(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Each player's average marginal contribution over all orders in which the players may join (Shapley 1953).

    Args:
        values: (2^A, ...), the worth of every subset in the order of ``subsets``; further axes are games of their own.

    Returns:
        (A, ...) float64. They sum to the worth of the full set less that of the empty set.

    Raises:
        InputError: no numbers; the number of rows is not a power of two.
    """
    values = array(values, "values", missing=True)
    num_players = len(values).bit_length() - 1 if values.ndim else -1
    if num_players < 0 or len(values) != 2**num_players:
        raise InputError(f"got values of shape {values.shape}; expected one row for each of 2^A subsets")
    members = subsets(num_players)
    size = members.sum(axis=1)
    contributions = []
    for player in range(num_players):
        without = np.flatnonzero(members[:, player] == 0)
        weight = np.array([1 / (num_players * comb(num_players - 1, k)) for k in range(num_players)])[size[without]]
        contributions.append(np.tensordot(weight, values[without | 1 << player] - values[without], axes=1))
    return np.array(contributions).reshape(num_players, *values.shape[1:])


Game = Callable[[NDArray[np.bool_]], NDArray[np.floating]]


def sample_shapley(
    game: Game, players: int, *, pairs: int, seed: int, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Estimate the Shapley values of ``game`` from random orders and their reversals.

    A player's value is its mean marginal contribution over all orders in which players may join (Shapley 1953). Each
    order is used together with its reversal (Mitchell et al. 2022), whose errors tend to cancel; the pairs are
    independent, so the interval is Student's over pairs. The estimates add up to ``game(all) - game(none)`` exactly.

    Args:
        game: (V, A) subsets to their (V, ...) values, further axes being games of their own on the same orders; called
            once, with every distinct subset that occurs.
        players: A. pairs: number of pairs of orders. seed: of the orders. level: of the intervals.

    Returns:
        (A, ...) estimates, lower and upper ends.

    Raises:
        InputError: fewer than two or more than 10,000 players, fewer than two or more than 100,000 pairs, a seed or
            level out of range, or a game that does not return a number per subset.
    """
    players = whole_number(players, "players", least=2, most=10_000)
    pairs = whole_number(pairs, "pairs of orders", least=2, most=100_000)
    level = share(level, "the level of an interval")
    generator = np.random.default_rng(seed_of(seed))
    orders = np.stack([generator.permutation(players) for _ in range(pairs)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1)
    # position[p, d, a]: when player a joins; subset k of an order holds the players that joined before time k.
    position = orders.argsort(axis=2)
    subsets = position[:, :, None, :] < np.arange(players + 1)[:, None]
    distinct, index = np.unique(subsets.reshape(-1, players), axis=0, return_inverse=True)
    worth = array(game(distinct), "values of the game", missing=True)
    if not worth.ndim or len(worth) != len(distinct):
        raise InputError(
            f"the game returned values of shape {worth.shape} for {len(distinct)} subsets; expected a row each"
        )
    values = worth[index.reshape(pairs, 2, players + 1)]
    joined = position.reshape(*position.shape, *(1,) * (values.ndim - 3))
    gains = np.take_along_axis(np.diff(values, axis=2), joined, axis=2).mean(axis=1)
    half = stats.t.ppf(0.5 + level / 2, pairs - 1) * gains.std(axis=0, ddof=1) / np.sqrt(pairs)
    estimate = gains.mean(axis=0)
    return estimate, estimate - half, estimate + half
