"""Rank correlations over attributes: the interval that treats attributes as a sample of attributes."""

import numpy as np
from numpy.typing import NDArray

from mosaicreid.analyses.coverage.tally import Intervals
from mosaicreid.statistics.rank_agreement import spearman

# Rank correlations in the population of attributes, from none to what the tables show.
TRUE_RHO = (0.0, 0.3, 0.6, 0.8, 0.9)


def judge_agreement(
    attributes: int, reliability: float, generator: np.random.Generator
) -> dict[tuple[str, str], Intervals]:
    """One sample of attributes per true rank correlation, by analysis and metric (none).

    Two importances are drawn from a normal distribution of two variables, whose Spearman's rho is known (Pearson 1907).
    ``rank-correlation-noisy``: one of them is measured with error, ``reliability`` being the share of its variance that
    is not, and the target is still the correlation without.
    """
    target = np.array(TRUE_RHO)
    pearson = 2 * np.sin(np.pi / 6 * target)
    first = generator.standard_normal((len(target), attributes))
    rest = generator.standard_normal((len(target), attributes))
    second = pearson[:, None] * first + np.sqrt(1 - pearson**2)[:, None] * rest
    error = np.sqrt(1 / reliability - 1) * generator.standard_normal(second.shape)
    return {
        ("rank-correlation", ""): _intervals(first, second, target),
        ("rank-correlation-noisy", ""): _intervals(first, second + error, target),
    }


def _intervals(first: NDArray[np.float64], second: NDArray[np.float64], target: NDArray[np.float64]) -> Intervals:
    rho, low, high = np.array([spearman(*pair) for pair in zip(first, second, strict=True)]).T
    return Intervals(estimate=rho, low=low, high=high, target=target)
