"""Whether scores follow what labels reveal beyond how many attributes a configuration includes."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS = 20_000


def bits_given_size(
    included: NDArray[np.integer],
    score: NDArray[np.floating],
    known: NDArray[np.floating],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """How scores and revealed bits go together among configurations of one number of attributes.

    ``partial_r`` is their correlation once what a straight line in the number of attributes explains is taken off both;
    ``partial_p`` its two-sided p-value by Student's t, configurations being independent. ``relabel_p`` assumes no such
    thing: attributes exchange their names at random, so that every configuration keeps its number of attributes and
    what it shares with others, and reveals the bits of other attributes. It is the share of such exchanges, the true
    names among them, in which the partial correlation is as high; ``relabel_p_two_sided`` of those in which it is as
    far from zero on either side, where exchanges need not lie around zero.

    Args:
        included: (C, A) 0/1. score: (C,). known: (2^A,) bits that each subset reveals, ordered as
            ``statistics.shapley.subsets``.
        draws: exchanges. seed: of the generator that draws them.
    """
    size = included.sum(axis=1).astype(float)
    place = 1 << np.arange(included.shape[1])
    names = np.random.default_rng(seed).permuted(np.tile(place, (draws, 1)), axis=1)
    bits = known[np.concatenate([place[None], names]) @ included.T]
    found = (_standardised(bits, size) * _standardised(score[None], size)).sum(axis=1)
    observed, freedom = float(found[0]), len(score) - 3
    statistic = abs(observed) * np.sqrt(freedom / (1 - observed**2))
    return {
        "partial_r": observed,
        "partial_p": float(2 * stats.t.sf(statistic, freedom)),
        # Exchanges that change no configuration's bits must count, whatever their sums round to.
        "relabel_p": float((found >= observed - 1e-9).mean()),
        "relabel_p_two_sided": float((np.abs(found) >= abs(observed) - 1e-9).mean()),
    }


def _standardised(values: NDArray[np.floating], size: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows of (N, C) less their least-squares line in ``size`` (C,), scaled to length one."""
    line = np.column_stack([np.ones_like(size), size])
    rest = values - values @ np.linalg.pinv(line).T @ line.T
    return rest / np.linalg.norm(rest, axis=1, keepdims=True)
