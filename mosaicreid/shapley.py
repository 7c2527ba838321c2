"""Exact Shapley values from the value of every subset."""

from math import comb

import numpy as np
from numpy.typing import NDArray

from mosaicreid.errors import InputError


def subsets(num_players: int) -> NDArray[np.int64]:
    """(2^A, A) 0/1: row s holds the members of subset s, player a being its bit a; row 0 is empty, the last is full."""
    return np.arange(2**num_players)[:, None] >> np.arange(num_players) & 1


def shapley_values(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Each player's average marginal contribution over all orders in which the players may join (Shapley 1953).

    Args:
        values: (2^A, ...), the worth of every subset in the order of ``subsets``; further axes are games of their own.

    Returns:
        (A, ...) float64. They sum to the worth of the full set less that of the empty set.

    Raises:
        InputError: the number of rows is not a power of two.
    """
    values = np.asarray(values, dtype=np.float64)
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
