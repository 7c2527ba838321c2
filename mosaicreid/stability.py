"""How much of a forest's ranking is the attributes, and how much the seed that the forest was grown with."""

from collections.abc import Sequence

import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.stats import forest_importance, shap_values


def forest_stability(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, seeds: Sequence[int]
) -> pd.DataFrame:
    """By importance and attribute: the value's mean and sd, and the range of its ranks, over one forest per seed.

    Importances: fimp and pimp as ``stats.forest_importance`` gives them, and shap, the mean absolute SHAP value over
    the rows in units of the metric. Returns importance, attribute, mean, sd, rank_best, rank_worst (1: largest).

    Raises:
        InputError: as ``stats.forest_importance``; fewer than two seeds, or a repeated one.
    """
    if len(set(seeds)) < max(2, len(seeds)):
        raise InputError(f"got the seeds {list(seeds)}; expected at least two, all different")
    parts = []
    for seed in seeds:
        part = forest_importance(table, attributes, metric, seed=seed)
        part["shap"] = shap_values(table, attributes, metric, seed=seed).abs().mean()
        long = part.reset_index().melt(id_vars="attribute", var_name="importance")
        long["rank"] = long.groupby("importance")["value"].rank(ascending=False, method="min").astype(int)
        parts.append(long)
    groups = pd.concat(parts).groupby(["importance", "attribute"], sort=False)
    ranks = groups["rank"].agg(rank_best="min", rank_worst="max")
    return groups["value"].agg(mean="mean", sd="std").join(ranks).reset_index()
