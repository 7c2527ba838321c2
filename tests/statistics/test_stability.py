"""Forests over seeds: the summary is that of the single forests."""

import numpy as np
import pandas as pd
import pytest

from mosaicreid.errors import InputError
from mosaicreid.statistics.estimators import forest_importance, shap_values
from mosaicreid.statistics.sensitivity import forest_stability

NAMES = ["a", "b", "c"]
SEEDS = (1, 2, 3)


def table() -> pd.DataFrame:
    bits = np.array([[row >> bit & 1 for bit in range(3)] for row in range(8)])
    return pd.DataFrame(bits, columns=NAMES).assign(mAP=[80, 81, 82.5, 83, 81.5, 84, 83.5, 86.2])


def test_mean_spread_and_ranks() -> None:
    found = forest_stability(table(), NAMES, "mAP", seeds=SEEDS).set_index(["importance", "attribute"])
    for column in ("fimp", "pimp", "shap"):
        values = pd.DataFrame(
            {
                seed: forest_importance(table(), NAMES, "mAP", seed=seed)[column]
                if column != "shap"
                else shap_values(table(), NAMES, "mAP", seed=seed).abs().mean()
                for seed in SEEDS
            }
        )
        ranks = values.rank(ascending=False)
        for name in NAMES:
            row = found.loc[(column, name)]
            assert row["mean"] == pytest.approx(values.loc[name].mean())
            assert row["sd"] == pytest.approx(values.loc[name].std())
            assert (row["rank_best"], row["rank_worst"]) == (ranks.loc[name].min(), ranks.loc[name].max())


@pytest.mark.parametrize("seeds", [(), (1,), (1, 1), (1, 2, 1)])
def test_seeds_are_several_and_different(seeds: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected at least two, all different"):
        forest_stability(table(), NAMES, "mAP", seeds=seeds)
