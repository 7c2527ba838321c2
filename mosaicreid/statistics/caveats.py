"""What the numbers do not say: how far a conclusion depends on a distribution, a correction, a row, other columns.

Every function takes a table as ``stats`` does (or what ``stats`` returned) and returns a DataFrame.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import false_discovery_control, norm, t
from statsmodels.stats.outliers_influence import variance_inflation_factor

from mosaicreid.errors import InputError
from mosaicreid.statistics.design_matrix import check_columns, check_design, check_residual
from mosaicreid.statistics.estimators import fit_glm
from mosaicreid.statistics.inputs import array, require_columns, share, whole_number

_CONFIDENCE = 0.95


def t_against_z(glm: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The same coefficients judged by Student's t, as a variance that was estimated from the residuals calls for.

    ``glm``: what ``estimators.fit_glm`` returned for a table of ``rows`` rows. Returns, by term: statistic (coefficient
    over standard error), df_resid (rows minus parameters), p_z, p_t (two-sided), t_low, t_high (95 % interval under t).

    Raises:
        InputError: no more rows than terms; ``glm`` lacks a column.
    """
    require_columns(glm, ["coef", "std_err", "z"], "table of coefficients")
    df_resid = whole_number(rows, "rows", least=0) - len(glm)
    if df_resid < 1:
        raise InputError(f"got {rows} rows for {len(glm)} parameters; expected more rows than parameters")
    half_width = t.ppf((1 + _CONFIDENCE) / 2, df_resid) * glm["std_err"]
    return pd.DataFrame(
        {
            "statistic": glm["z"],
            "df_resid": df_resid,
            "p_z": 2 * norm.sf(glm["z"].abs()),
            "p_t": 2 * t.sf(glm["z"].abs(), df_resid),
            "t_low": glm["coef"] - half_width,
            "t_high": glm["coef"] + half_width,
        }
    )


def adjust(p_values: pd.Series) -> pd.DataFrame:
    """Corrections of one family of tests: p_value, p_holm (family-wise error), p_bh (false discovery rate).

    Missing p-values are not tests: they stay NaN and do not count towards the family.

    Raises:
        InputError: values that are no numbers, or outside 0..1.
    """
    values = array(p_values, "p-values", axes=1, missing=True)
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        low, high = values[tested].min(), values[tested].max()
        raise InputError(f"got p-values from {low} to {high}; expected values from 0 to 1")
    index = p_values.index if isinstance(p_values, pd.Series) else None
    corrected = {"p_value": values, "p_holm": holm(values), "p_bh": benjamini_hochberg(values)}
    return pd.DataFrame(corrected, index=index)


def holm(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values (N,) corrected by Holm's step-down method (1979), which bounds the family-wise error.

    NaN is no test: it stays NaN and does not count. Statsmodels has the same, and collects garbage at every call, which
    was most of the time of a simulated fit.
    """
    corrected, tested = np.full(len(p_value), np.nan), np.flatnonzero(~np.isnan(p_value))
    order = tested[np.argsort(p_value[tested], kind="stable")]
    stepped = p_value[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(stepped))
    return corrected


def benjamini_hochberg(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values (N,) corrected after Benjamini and Hochberg (1995), for the false discovery rate; NaN as in ``holm``."""
    corrected, tested = np.full(len(p_value), np.nan), ~np.isnan(p_value)
    corrected[tested] = false_discovery_control(p_value[tested], method="bh")
    return corrected


def count_significant(adjusted: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """One row: how many of a family of tests fall below ``alpha`` as they are, and after each correction of ``adjust``.

    Returns tests (not counting missing ones), uncorrected, holm, bh.

    Raises:
        InputError: a table without those columns, or alpha outside (0, 1).
    """
    require_columns(adjusted, ["p_value", "p_holm", "p_bh"], "table of corrections")
    alpha = share(alpha, "alpha")
    below = (adjusted[["p_value", "p_holm", "p_bh"]] < alpha).sum()
    return pd.DataFrame(
        {
            "tests": [int(adjusted["p_value"].notna().sum())],
            "uncorrected": [int(below["p_value"])],
            "holm": [int(below["p_holm"])],
            "bh": [int(below["p_bh"])],
        }
    )


def variance_inflation(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """By attribute: vif = 1 / (1 - R2) of its column on all others, and r2. A standard error is inflated by sqrt(vif).

    Raises:
        InputError: as ``design_matrix.check_design``.
    """
    design, _ = check_design(table, attributes, metric)
    columns = np.column_stack([np.ones(len(design)), design.to_numpy()])
    vif = np.array([variance_inflation_factor(columns, index + 1) for index in range(design.shape[1])])
    return pd.DataFrame({"vif": vif, "r2": 1 - 1 / vif}, index=design.columns.rename("attribute"))


def single_rows(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """By attribute: what the rows that bear on it directly say, without any model.

    Returns n_included, n_excluded; alone (mean score of the rows that include it and nothing else), baseline (mean
    score of the rows that include nothing), gain (alone - baseline); NaN where there is no such row. n_alone counts
    the rows that include it alone.

    Raises:
        InputError: as ``design_matrix.check_columns``.
    """
    design, scores = check_columns(table, attributes, metric)
    size = design.sum(axis=1)
    baseline = scores[size == 0].mean()
    rows = []
    for name in design.columns:
        alone = scores[(size == 1) & (design[name] == 1)]
        rows.append(
            {
                "attribute": name,
                "n_included": int(design[name].sum()),
                "n_excluded": int((1 - design[name]).sum()),
                "n_alone": len(alone),
                "alone": alone.mean(),
                "baseline": baseline,
                "gain": alone.mean() - baseline,
            }
        )
    return pd.DataFrame(rows).set_index("attribute")


def intercept_against_baseline(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """One row: does the model's score without attributes meet the score that was measured without attributes?

    Returns baseline (mean score of the rows without attributes, NaN if none), intercept, ci_low, ci_high (95 %, z),
    residual (baseline - intercept), n_alone (rows with one attribute), n_alone_below (of these, scoring below the
    baseline).

    Raises:
        InputError: as ``estimators.fit_glm``.
    """
    design, scores = check_columns(table, attributes, metric)
    glm = fit_glm(table, design.columns.tolist(), metric)
    size = design.sum(axis=1)
    baseline = scores[size == 0].mean()
    alone = scores[size == 1]
    intercept = glm.loc["Intercept"]
    return pd.DataFrame(
        {
            "baseline": [baseline],
            "intercept": [intercept["coef"]],
            "ci_low": [intercept["ci_low"]],
            "ci_high": [intercept["ci_high"]],
            "residual": [baseline - intercept["coef"]],
            "n_alone": [len(alone)],
            "n_alone_below": [int((alone < baseline).sum())],
        }
    )


def confounding(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """By attribute: the raw difference of means beside the GLM's coefficient, and what else the two groups include.

    Returns difference (included minus excluded), coef, p_glm (z test), others_included and others_excluded (mean
    number of other attributes in the rows that include or exclude it). A Welch test judges ``difference``.

    Raises:
        InputError: as ``estimators.fit_glm``.
    """
    design, scores = check_columns(table, attributes, metric)
    glm = fit_glm(table, design.columns.tolist(), metric)
    rows = []
    for name in design.columns:
        included = design[name] == 1
        others = design.drop(columns=name).sum(axis=1)
        rows.append(
            {
                "attribute": name,
                "difference": scores[included].mean() - scores[~included].mean(),
                "coef": glm["coef"][name],
                "p_glm": glm["p_value"][name],
                "others_included": others[included].mean(),
                "others_excluded": others[~included].mean(),
            }
        )
    return pd.DataFrame(rows).set_index("attribute")


def equal_effects(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """One row: an F test of whether it matters which attributes are included, or only how many.

    The smaller model (intercept and the number of included attributes) is the GLM with all coefficients equal. Returns
    r2_count and r2_full (explained variance of both), per_attribute (slope of the count), f_stat, df_num, df_resid,
    p_value.

    Raises:
        InputError: as ``estimators.fit_glm``; fewer than two attributes.
    """
    design, scores = check_design(table, attributes, metric)
    if design.shape[1] == 1:
        raise InputError(f"got the attributes {list(design)}; expected at least two to compare")
    check_residual(design.assign(Intercept=1.0), scores)
    ones = np.ones((len(design), 1))
    count = np.hstack([ones, design.sum(axis=1).to_numpy()[:, None]])
    weights, residual_count = _least_squares(count, scores)
    _, residual_full = _least_squares(np.hstack([ones, design.to_numpy()]), scores)
    total = float(((scores - scores.mean()) ** 2).sum())
    df_num, df_resid = design.shape[1] - 1, len(design) - design.shape[1] - 1
    statistic = (residual_count - residual_full) / df_num / (residual_full / df_resid)
    return pd.DataFrame(
        {
            "r2_count": [1 - residual_count / total],
            "r2_full": [1 - residual_full / total],
            "per_attribute": [weights[1]],
            "f_stat": [statistic],
            "df_num": [df_num],
            "df_resid": [df_resid],
            "p_value": [f_distribution.sf(statistic, df_num, df_resid)],
        }
    )


def _least_squares(design: np.ndarray, scores: pd.Series) -> tuple[np.ndarray, float]:
    weights = np.linalg.lstsq(design, scores.to_numpy(), rcond=None)[0]
    return weights, float(((scores - design @ weights) ** 2).sum())
