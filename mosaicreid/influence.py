"""Leave one row out: how far a coefficient of the GLM, and the conclusion drawn from it, hangs on one experiment."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.stats import fit_glm


def leave_one_out(table: pd.DataFrame, attributes: Sequence[str], metric: str, *, label: str) -> pd.DataFrame:
    """Every coefficient of the GLM, with each row left out in turn.

    Returns one row per left-out row and term: left_out (its value in the column ``label``), term, coef, std_err,
    p_value (z test), shift (change of the coefficient in standard errors of the full fit). NaN where the other rows
    cannot tell the attributes apart.

    Raises:
        InputError: as ``stats.fit_glm``; no column ``label``.
    """
    if label not in table:
        raise InputError(f"the table has no column {label!r} that names its rows; it has: {', '.join(table.columns)}")
    full = fit_glm(table, attributes, metric)
    parts = []
    for index in range(len(table)):
        rest = table.drop(index=table.index[index])
        try:
            # An attribute left with one row on a side still has a coefficient, and how it moves is the question.
            fitted = fit_glm(rest, attributes, metric, min_rows=1)
        except InputError:
            fitted = full * np.nan
        part = fitted[["coef", "std_err", "p_value"]].assign(shift=(fitted["coef"] - full["coef"]) / full["std_err"])
        part.insert(0, "left_out", table[label].iloc[index])
        parts.append(part.reset_index())
    return pd.concat(parts, ignore_index=True)


def summarise_influence(influence: pd.DataFrame, glm: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """For every term: the range of its coefficient over single deletions, and the deletion that hurts most.

    ``influence`` is what ``leave_one_out`` returned, ``glm`` the full fit. Returns, by term: coef, p_value (full fit),
    coef_min, coef_max, p_max (largest p-value after a deletion), p_max_without (the row left out there),
    rests_on_one_row (p_value < ``alpha``, yet some single deletion gives p >= ``alpha`` or no estimate at all).
    """
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
