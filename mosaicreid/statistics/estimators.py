"""The paper's four ways to ask which attribute matters; a DataFrame in, a DataFrame out.

A table holds one experiment per row: columns of 0/1 attributes (1: that attribute's experts are included) and metric
columns in percent. The same functions serve the published Table 3 and our own runs.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import t as student
from scipy.stats import ttest_ind
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score

from mosaicreid.errors import InputError, one_of
from mosaicreid.statistics.design_matrix import check_columns, check_design, check_residual
from mosaicreid.statistics.inputs import column_names, one_line, seed_of, whole_number

_CONFIDENCE = 0.95
_LARGEST_SEED = 2**32 - 1


def fit_glm(table: pd.DataFrame, attributes: Sequence[str], metric: str, *, min_rows: int = 2) -> pd.DataFrame:
    """Gaussian GLM with identity link: metric ~ intercept + attributes (Section 4.4, Tables 4 and 7).

    Returns one row per term, index ``term`` (Intercept, then the attributes): coef, std_err, ci_low, ci_high (95 %) in
    units of the metric; z = coef / std_err and its two-sided p_value under a normal distribution, as the paper has it
    (``caveats.t_against_z`` gives Student's).

    Raises:
        InputError: every case of ``check_design``; a metric that the attributes fit exactly (no standard error).
    """
    result = _fit(table, attributes, metric, min_rows)
    interval = result.conf_int(alpha=1 - _CONFIDENCE)
    return pd.DataFrame(
        {
            "coef": result.params,
            "std_err": result.bse,
            "z": result.tvalues,
            "p_value": result.pvalues,
            "ci_low": interval[0],
            "ci_high": interval[1],
        }
    ).rename_axis("term")


def glm_covariance(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """Covariances of the coefficients of ``fit_glm``, in squared units of the metric: a row per pair of terms.

    Columns: term, other, covariance. Terms are in the order of ``fit_glm``; of (a, b) and (b, a), which are equal, the
    one is listed whose ``other`` comes first or is ``term`` itself.

    Raises:
        InputError: as ``fit_glm``.
    """
    covariance = _fit(table, attributes, metric, 2).cov_params()
    terms = list(covariance.index)
    pairs = [(term, other) for place, term in enumerate(terms) for other in terms[: place + 1]]
    return pd.DataFrame(
        [{"term": term, "other": other, "covariance": covariance.loc[term, other]} for term, other in pairs]
    )


def glm_residual(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.Series:
    """What an interval of a prediction by ``fit_glm`` needs beside ``glm_covariance``.

    df_resid (rows minus parameters); residual_variance (squared units of the metric); t_quantile (two-sided 95 %, of
    Student's t). The score of one more run of included attributes x lies, where the model holds, in
    ``x @ coef +- t_quantile * sqrt(x @ covariance @ x + residual_variance)`` in 95 of 100 cases.

    Raises:
        InputError: as ``fit_glm``.
    """
    result = _fit(table, attributes, metric, 2)
    return pd.Series(
        {
            "df_resid": int(result.df_resid),
            "residual_variance": float(result.scale),
            "t_quantile": float(student.ppf((1 + _CONFIDENCE) / 2, result.df_resid)),
        },
        dtype=object,
    )


def contrast(table: pd.DataFrame, attributes: Sequence[str], metric: str, first: str, second: str) -> pd.Series:
    """The GLM's coefficient of ``first`` minus that of ``second``: coef, std_err, z, p_value (two-sided, normal).

    Raises:
        InputError: as ``fit_glm``; ``first`` or ``second`` is not among ``attributes``, or they are the same.
    """
    names = column_names("attributes", attributes)
    for name in (first, second):
        if name not in names:
            raise one_of("attribute", name, one_line(names))
    if first == second:
        raise InputError(f"got the attribute {first!r} twice; expected two different ones to compare")
    result = _fit(table, names, metric, 2)
    weights = [float(name == first) - float(name == second) for name in ("Intercept", *names)]
    test = result.t_test(weights)
    return pd.Series(
        {
            "coef": test.effect.item(),
            "std_err": test.sd.item(),
            "z": test.tvalue.item(),
            "p_value": np.asarray(test.pvalue).item(),
        }
    )


def welch_tests(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> pd.DataFrame:
    """Welch's t-test and Cohen's d of every attribute, rows that include it against rows that do not (Table 5).

    Returns one row per attribute: t_stat (excluded minus included, the paper's sign), its two-sided p_value,
    cohens_d (included minus excluded over the pooled standard deviation), n_included, n_excluded. An attribute with
    fewer than two rows on either side, or with no spread on both, has no such test: its three numbers are NaN.

    Each test looks at one attribute alone: whatever else the included rows include is credited to it.

    Raises:
        InputError: every case of ``check_columns``.
    """
    design, scores = check_columns(table, attributes, metric)
    return pd.DataFrame([_welch(design[name], scores) for name in design], index=design.columns).rename_axis(
        "attribute"
    )


def forest_importance(
    table: pd.DataFrame,
    attributes: Sequence[str],
    metric: str,
    *,
    seed: int = 42,
    n_estimators: int = 100,
    n_repeats: int = 10,
) -> pd.DataFrame:
    """Random forest importances of every attribute (Section 4.4, Table 5): fimp and pimp.

    fimp: mean decrease of impurity, summing to 1. pimp: mean fall of R2 on the training rows over ``n_repeats``
    permutations of the column. Rows are drawn by position, so the order of the rows matters like the seed does; the
    last digits also need scikit-learn < 1.8, which breaks ties between equal splits as the paper's version did.

    Raises:
        InputError: every case of ``check_design``; a seed outside 0..2^32 - 1, no trees or no permutations.
    """
    n_repeats = whole_number(n_repeats, "permutations", least=1)
    design, scores = check_design(table, attributes, metric)
    forest = _fit_forest(design, scores, seed, n_estimators)
    permuted = permutation_importance(
        forest, design.to_numpy(), scores, scoring=_r2, n_repeats=n_repeats, random_state=seed
    )
    return pd.DataFrame(
        {"fimp": forest.feature_importances_, "pimp": permuted.importances_mean}, index=design.columns
    ).rename_axis("attribute")


def shap_values(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, seed: int = 42, n_estimators: int = 100
) -> pd.DataFrame:
    """SHAP values of the same forest, one row per experiment and one column per attribute (Section 4.4, Figure 5).

    Units of the metric; a row's values sum to the forest's prediction minus its mean over the training samples. The
    paper does not say which SHAP: this is exact TreeSHAP with the trees' own path counts as background.

    Raises:
        InputError: every case of ``check_design``; a seed outside 0..2^32 - 1 or no trees.
    """
    # Here and not above: importing shap takes longer than everything else in this module does. In a notebook it warns
    # about a progress bar that is not used here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

    design, scores = check_design(table, attributes, metric)
    forest = _fit_forest(design, scores, seed, n_estimators)
    values = shap.TreeExplainer(forest).shap_values(design.to_numpy())
    return pd.DataFrame(values, index=table.index, columns=design.columns)


def _fit(table: pd.DataFrame, attributes: Sequence[str], metric: str, min_rows: int) -> Any:
    design, scores = check_design(table, attributes, metric, min_rows=min_rows)
    design.insert(0, "Intercept", 1.0)
    check_residual(design, scores)
    return sm.GLM(scores, design, family=sm.families.Gaussian()).fit()


def _fit_forest(design: pd.DataFrame, scores: pd.Series, seed: int, n_estimators: int) -> RandomForestRegressor:
    trees, state = whole_number(n_estimators, "trees", least=1), seed_of(seed, most=_LARGEST_SEED)
    return RandomForestRegressor(n_estimators=trees, random_state=state).fit(design.to_numpy(), scores)


def _r2(forest: RandomForestRegressor, design: np.ndarray, scores: pd.Series) -> float:
    # What forest.score computes, bit for bit, without validating the same few rows again for every tree.
    rows = design.astype(np.float32)
    predicted = sum(tree.tree_.predict(rows).ravel() for tree in forest.estimators_) / len(forest.estimators_)
    return float(r2_score(scores, predicted))


def _welch(column: pd.Series, scores: pd.Series) -> dict[str, float]:
    included, excluded = scores[column == 1], scores[column == 0]
    sizes = {"n_included": len(included), "n_excluded": len(excluded)}
    if min(sizes.values()) < 2 or (included.min() == included.max() and excluded.min() == excluded.max()):
        return {"t_stat": np.nan, "p_value": np.nan, "cohens_d": np.nan} | sizes
    test = ttest_ind(excluded, included, equal_var=False)
    squares = (len(included) - 1) * included.var() + (len(excluded) - 1) * excluded.var()
    pooled = np.sqrt(squares / (len(scores) - 2))
    return {
        "t_stat": float(test.statistic),
        "p_value": float(test.pvalue),
        "cohens_d": float((included.mean() - excluded.mean()) / pooled),
    } | sizes
