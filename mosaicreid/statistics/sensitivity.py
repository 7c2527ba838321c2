"""What a conclusion hangs on: one experiment of the table (leave one row out), or the seed a forest was grown with."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.statistics.design_matrix import check_columns
from mosaicreid.statistics.estimators import fit_glm, forest_importance, shap_values
from mosaicreid.statistics.inputs import column_names, listed, require_columns, seed_of, share


def leave_one_row_out(table: pd.DataFrame, attributes: Sequence[str], metric: str, *, label: str) -> pd.DataFrame:
    """Every coefficient of the GLM, with each row left out in turn.

    Returns one row per left-out row and term: left_out (its value in the column ``label``), term, coef, std_err,
    p_value (z test), shift (change of the coefficient in standard errors of the full fit). NaN where the other rows
    cannot tell the attributes apart.

    Raises:
        InputError: as ``estimators.fit_glm``; no column ``label``.
    """
    names = column_names("attributes", attributes)
    full = fit_glm(table, names, metric)
    if not isinstance(label, Hashable) or label not in table:
        raise InputError(f"the table has no column {label!r} that names its rows; it has: {listed(table.columns)}")
    require_columns(table, [label], "table of experiments")
    parts = []
    # By position: an index may name several rows alike.
    design, scores = check_columns(table, names, metric)
    plain = pd.concat([design, scores], axis=1).reset_index(drop=True)
    for index in range(len(plain)):
        rest = plain.drop(index=index)
        try:
            # An attribute left with one row on a side still has a coefficient, and how it moves is the question.
            fitted = fit_glm(rest, names, metric, min_rows=1)
        except InputError:
            fitted = full * np.nan
        part = fitted[["coef", "std_err", "p_value"]].assign(shift=(fitted["coef"] - full["coef"]) / full["std_err"])
        part.insert(0, "left_out", table[label].iloc[index])
        parts.append(part.reset_index())
    return pd.concat(parts, ignore_index=True)


def summarise_influence(influence: pd.DataFrame, glm: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """For every term: the range of its coefficient over single deletions, and the deletion that hurts most.

    ``influence`` is what ``leave_one_row_out`` returned, ``glm`` the full fit. Returns, by term: coef, p_value (full
    fit), coef_min, coef_max, p_max (largest p-value after a deletion), p_max_without (the row left out there),
    rests_on_one_row (p_value < ``alpha``, yet some single deletion gives p >= ``alpha`` or no estimate at all).

    Raises:
        InputError: tables without the columns of those two, or alpha outside (0, 1).
    """
    require_columns(influence, ["left_out", "term", "coef", "p_value"], "table of deletions")
    require_columns(glm, ["coef", "p_value"], "table of coefficients")
    alpha = share(alpha, "alpha")
    influence = influence.reset_index(drop=True)
    by_term = influence.groupby("term", sort=False)
    # A deletion without an estimate takes the effect away altogether: it counts as p = 1.
    p_values = influence["p_value"].fillna(1.0)
    worst = influence.assign(p_value=p_values).loc[p_values.groupby(influence["term"], sort=False).idxmax()]
    worst = worst.set_index("term").reindex(glm.index)
    return pd.DataFrame(
        {
            "coef": glm["coef"],
            "p_value": glm["p_value"],
            "coef_min": by_term["coef"].min(),
            "coef_max": by_term["coef"].max(),
            "p_max": worst["p_value"],
            "p_max_without": worst["left_out"],
            "rests_on_one_row": (glm["p_value"] < alpha) & (worst["p_value"] >= alpha),
        },
        index=glm.index,
    )


def forest_stability(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, seeds: Sequence[int]
) -> pd.DataFrame:
    """By importance and attribute: the value's mean and sd, and the range of its ranks, over one forest per seed.

    Importances: fimp and pimp as ``estimators.forest_importance`` gives them, and shap, the mean absolute SHAP value
    over the rows in units of the metric. Returns importance, attribute, mean, sd, rank_best, rank_worst (1: largest).

    Raises:
        InputError: as ``estimators.forest_importance``; fewer than two seeds, or a repeated one.
    """
    names = column_names("attributes", attributes)
    numbers = [seed_of(seed) for seed in seeds] if isinstance(seeds, Iterable) else []
    if len(set(numbers)) < max(2, len(numbers)):
        raise InputError(f"got the seeds {numbers}; expected at least two, all different")
    parts = []
    for seed in numbers:
        part = forest_importance(table, names, metric, seed=seed)
        part["shap"] = shap_values(table, names, metric, seed=seed).abs().mean()
        long = part.reset_index().melt(id_vars="attribute", var_name="importance")
        long["rank"] = long.groupby("importance")["value"].rank(ascending=False, method="min").astype(int)
        parts.append(long)
    groups = pd.concat(parts).groupby(["importance", "attribute"], sort=False)
    ranks = groups["rank"].agg(rank_best="min", rank_worst="max")
    return groups["value"].agg(mean="mean", sd="std").join(ranks).reset_index()
