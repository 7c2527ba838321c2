"""Partial correlation and the relabelling test, against their definitions."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm

from mosaicreid.analyses.leakage.given_size import bits_given_size
from mosaicreid.statistics.shapley import subsets

SUBSETS = subsets(4)
INCLUDED = SUBSETS[[1, 2, 4, 8, 3, 6, 12, 9, 7, 14, 15, 0]]


def drawn(seed, strength):
    rng = np.random.default_rng(seed)
    worth = np.array([3.0, 1.5, 0.7, 0.2])
    known = SUBSETS @ worth
    score = INCLUDED.sum(axis=1) + strength * INCLUDED @ worth + rng.normal(size=len(INCLUDED))
    return score, known


@pytest.mark.parametrize("seed", range(3))
def test_the_partial_correlation_is_that_of_a_regression_with_both(seed):
    score, known = drawn(seed, 0.5)
    bits = known[INCLUDED @ [1, 2, 4, 8]]
    fitted = sm.OLS(score, sm.add_constant(np.column_stack([INCLUDED.sum(axis=1), bits]))).fit()
    found = bits_given_size(INCLUDED, score, known, draws=10)
    t, freedom = fitted.tvalues[2], fitted.df_resid
    assert found["partial_p"] == pytest.approx(fitted.pvalues[2])
    assert found["partial_r"] == pytest.approx(t / np.sqrt(t**2 + freedom))


def test_the_relabelling_test_counts_exchanges_of_names():
    score, known = drawn(1, 0.5)

    def partial(names):
        bits = np.array([known[sum(1 << names[a] for a in range(4) if row[a])] for row in INCLUDED])
        line = np.column_stack([np.ones(len(score)), INCLUDED.sum(axis=1)])
        rest = [y - line @ np.linalg.lstsq(line, y, rcond=None)[0] for y in (bits, score)]
        return np.corrcoef(*rest)[0, 1]

    every = np.array([partial(names) for names in permutations(range(4))])
    found = bits_given_size(INCLUDED, score, known, draws=20_000)
    for name, value in (("relabel_p", every), ("relabel_p_two_sided", abs(every))):
        expected = (value >= (value[0] - 1e-9)).mean()
        assert found[name] == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20_000) + 1e-4)


def test_scores_that_follow_the_number_alone_are_found_as_often_as_the_level_says():
    small = [
        bits_given_size(INCLUDED, *drawn(seed, 0.0), draws=60, seed=seed)["relabel_p"] <= 0.25 for seed in range(200)
    ]
    assert abs(np.mean(small) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 200)
