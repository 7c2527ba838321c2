"""The four analyses against formulas and libraries that the package does not use for them."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS, METRICS, attributes, load_experiments
from mosaicreid.statistics.estimators import (
    contrast,
    fit_glm,
    forest_importance,
    glm_covariance,
    glm_residual,
    shap_values,
    welch_tests,
)

CASES = list(itertools.product(DATASETS, METRICS))


def small() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    bits = np.array(list(itertools.product((0, 1), repeat=3)) * 2)
    return pd.DataFrame(bits, columns=["a", "b", "c"]).assign(mAP=80 + bits @ [2, 1, 0] + rng.normal(0, 0.3, len(bits)))


@pytest.mark.parametrize(("dataset", "metric"), CASES)
def test_glm_is_least_squares_with_its_textbook_standard_errors(dataset: str, metric: str) -> None:
    table, names = load_experiments(dataset), attributes(dataset)
    glm = fit_glm(table, names, metric)
    design = np.column_stack([np.ones(len(table)), table[list(names)]])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ table[metric].to_numpy()
    residual = table[metric].to_numpy() - design @ beta
    std_err = np.sqrt(np.diag(inverse) * (residual @ residual) / (len(table) - len(beta)))
    assert glm.index.tolist() == ["Intercept", *names]
    np.testing.assert_allclose(glm["coef"], beta, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(glm["std_err"], std_err, rtol=1e-9)
    np.testing.assert_allclose(glm["z"], beta / std_err, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(glm["p_value"], [math.erfc(abs(z) / math.sqrt(2)) for z in beta / std_err], atol=1e-12)
    np.testing.assert_allclose(glm["ci_low"], beta - 1.959963984540054 * std_err, rtol=1e-8)
    np.testing.assert_allclose(glm["ci_high"], beta + 1.959963984540054 * std_err, rtol=1e-8)


@given(effects=st.lists(st.floats(-5, 5), min_size=3, max_size=3), scale=st.floats(0.1, 10), shift=st.floats(-50, 50))
@settings(max_examples=25, deadline=None)
def test_glm_follows_a_change_of_units(effects: list[float], scale: float, shift: float) -> None:
    table = small()
    table["mAP"] += table[["a", "b", "c"]].to_numpy() @ effects
    before = fit_glm(table, ["a", "b", "c"], "mAP")
    after = fit_glm(table.assign(mAP=shift + scale * table["mAP"]), ["a", "b", "c"], "mAP")
    np.testing.assert_allclose(after["coef"][1:], scale * before["coef"][1:], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(after["std_err"], scale * before["std_err"], rtol=1e-6)


def test_an_exact_fit_has_no_standard_error() -> None:
    table = small()
    table["mAP"] = 80.0 + table["a"] + 2 * table["b"]
    with pytest.raises(InputError, match="fitted exactly by the attributes"):
        fit_glm(table, ["a", "b", "c"], "mAP")


@pytest.mark.parametrize("dataset", DATASETS)
def test_interval_of_a_prediction_is_that_of_least_squares(dataset: str) -> None:
    experiments, names = load_experiments(dataset), list(attributes(dataset))
    design = sm.add_constant(experiments[names].astype(float))
    expected = sm.OLS(experiments["mAP"], design).fit().get_prediction(design).summary_frame(alpha=0.05)
    pairs, residual = glm_covariance(experiments, names, "mAP"), glm_residual(experiments, names, "mAP")
    terms = ["Intercept", *names]
    assert pairs["term"].unique().tolist() == terms
    lower = pairs.pivot_table(index="term", columns="other", values="covariance").loc[terms, terms].fillna(0).to_numpy()
    covariance = lower + lower.T - np.diag(np.diag(lower))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), fit_glm(experiments, names, "mAP")["std_err"])
    variance = np.einsum("ni,ij,nj->n", design, covariance, design) + residual["residual_variance"]
    half_width = (expected["obs_ci_upper"] - expected["obs_ci_lower"]) / 2
    np.testing.assert_allclose(residual["t_quantile"] * np.sqrt(variance), half_width, rtol=1e-9)
    assert residual["df_resid"] == len(experiments) - len(names) - 1


def test_contrast_is_the_difference_of_two_coefficients() -> None:
    table, names = load_experiments("market1501"), attributes("market1501")
    glm = fit_glm(table, names, "mAP")
    found = contrast(table, names, "mAP", "downcolour", "upcolour")
    assert found["coef"] == pytest.approx(glm["coef"]["downcolour"] - glm["coef"]["upcolour"])
    # The difference is the coefficient of downcolour once its partner stands for their sum.
    summed = table.assign(both=table["downcolour"] + table["upcolour"])
    columns = ["downcolour", "both", *(name for name in names if name not in ("downcolour", "upcolour"))]
    design = np.column_stack([np.ones(len(table)), summed[columns]])
    beta, residual, *_ = np.linalg.lstsq(design, table["mAP"].to_numpy(), rcond=None)
    variance = residual[0] / (len(table) - len(beta)) * np.linalg.inv(design.T @ design)[1, 1]
    assert found["coef"] == pytest.approx(beta[1])
    assert found["std_err"] == pytest.approx(math.sqrt(variance))
    assert found["p_value"] == pytest.approx(2 * scipy_stats.norm.sf(abs(found["z"])))


def test_contrast_of_what_is_not_there() -> None:
    with pytest.raises(InputError, match="unknown attribute 'hat'; expected one of: a, b, c"):
        contrast(small(), ["a", "b", "c"], "mAP", "a", "hat")
    with pytest.raises(InputError, match="got the attribute 'a' twice"):
        contrast(small(), ["a", "b", "c"], "mAP", "a", "a")


@pytest.mark.parametrize(("dataset", "metric"), CASES)
def test_welch_by_the_formulas(dataset: str, metric: str) -> None:
    table = load_experiments(dataset)
    found = welch_tests(table, attributes(dataset), metric)
    for name in attributes(dataset):
        inside, outside = (table.loc[table[name] == value, metric].to_numpy() for value in (1, 0))
        n, m = len(inside), len(outside)
        v, w = inside.var(ddof=1) / n, outside.var(ddof=1) / m
        t = (outside.mean() - inside.mean()) / math.sqrt(v + w)
        freedom = (v + w) ** 2 / (v**2 / (n - 1) + w**2 / (m - 1))
        pooled = math.sqrt(((n - 1) * inside.var(ddof=1) + (m - 1) * outside.var(ddof=1)) / (n + m - 2))
        expected = [t, 2 * scipy_stats.t.sf(abs(t), freedom), (inside.mean() - outside.mean()) / pooled, n, m]
        np.testing.assert_allclose(found.loc[name].to_numpy(), expected, rtol=1e-9)


def test_welch_without_two_rows_on_a_side_is_nan_and_the_others_are_not() -> None:
    table = small().assign(b=[1] + [0] * 15, c=1)
    found = welch_tests(table, ["a", "b", "c"], "mAP")
    numbers = ["t_stat", "p_value", "cohens_d"]
    assert found.loc[["b", "c"], numbers].isna().all().all()
    assert found.loc["a", numbers].notna().all()
    assert found["n_included"].to_dict() == {"a": 8, "b": 1, "c": 16}
    assert found["n_excluded"].to_dict() == {"a": 8, "b": 15, "c": 0}


def test_welch_without_spread_on_both_sides_is_nan() -> None:
    # 0.1 has no exact float, so a variance computed from a mean would not be exactly zero.
    table = pd.DataFrame({"a": [0] * 3 + [1] * 3, "mAP": [0.1] * 3 + [0.7] * 3})
    assert welch_tests(table, ["a"], "mAP")[["t_stat", "p_value", "cohens_d"]].isna().all().all()


def test_welch_of_duke_gender_stands_on_exactly_two_rows() -> None:
    found = welch_tests(load_experiments("dukemtmc"), attributes("dukemtmc"), "mAP").loc["gender"]
    assert found["n_included"] == 2
    assert np.isfinite(found["t_stat"])


@pytest.mark.parametrize("dataset", DATASETS)
def test_forest_importances_are_scikit_learns_own(dataset: str) -> None:
    table, names = load_experiments(dataset), attributes(dataset)
    forest = RandomForestRegressor(n_estimators=100, random_state=42).fit(table[list(names)], table["rank1"])
    expected = permutation_importance(forest, table[list(names)], table["rank1"], n_repeats=10, random_state=42)
    found = forest_importance(table, names, "rank1")
    assert found["fimp"].tolist() == forest.feature_importances_.tolist()
    np.testing.assert_allclose(found["pimp"], expected.importances_mean, rtol=1e-12)
    assert found["fimp"].sum() == pytest.approx(1)


def test_forest_depends_on_its_seed_and_its_size() -> None:
    first = forest_importance(small(), ["a", "b", "c"], "mAP", n_estimators=10)
    pd.testing.assert_frame_equal(first, forest_importance(small(), ["a", "b", "c"], "mAP", n_estimators=10))
    assert not first.equals(forest_importance(small(), ["a", "b", "c"], "mAP", n_estimators=10, seed=1))
    assert not first.equals(forest_importance(small(), ["a", "b", "c"], "mAP", n_estimators=11))
    assert first["pimp"].idxmax() == "a"


def test_shap_values_are_shapley_values_of_the_trees() -> None:
    table, names = small(), ["a", "b", "c"]
    forest = RandomForestRegressor(n_estimators=5, random_state=42).fit(table[names].to_numpy(float), table["mAP"])
    found = shap_values(table, names, "mAP", n_estimators=5)
    expected = np.mean([brute_force(tree.tree_, table[names].to_numpy()) for tree in forest.estimators_], axis=0)
    np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-4)
    pd.testing.assert_index_equal(found.index, table.index)


def brute_force(tree: object, rows: np.ndarray) -> np.ndarray:
    """Shapley's formula over all coalitions, unknown features averaged along the tree's own path counts."""

    def value(row: np.ndarray, known: frozenset[int], node: int = 0) -> float:
        left, right, feature = tree.children_left[node], tree.children_right[node], tree.feature[node]
        if left < 0:
            return float(tree.value[node].item())
        if feature in known:
            return value(row, known, left if row[feature] <= tree.threshold[node] else right)
        weights = tree.weighted_n_node_samples[[left, right]] / tree.weighted_n_node_samples[node]
        return float(weights[0] * value(row, known, left) + weights[1] * value(row, known, right))

    count = rows.shape[1]
    values = np.zeros(rows.shape)
    for index, row in enumerate(rows):
        for player in range(count):
            others = [other for other in range(count) if other != player]
            for size in range(count):
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                for known in map(frozenset, itertools.combinations(others, size)):
                    values[index, player] += weight * (value(row, known | {player}) - value(row, known))
    return values


def test_shap_sums_to_the_prediction_less_a_constant() -> None:
    table, names = load_experiments("dukemtmc"), list(attributes("dukemtmc"))
    forest = RandomForestRegressor(n_estimators=100, random_state=42).fit(table[names].to_numpy(float), table["mAP"])
    rest = forest.predict(table[names].to_numpy(float)) - shap_values(table, names, "mAP").sum(axis=1)
    assert rest.std() < 1e-4


def test_statistics_never_import_torch() -> None:
    code = (
        "import sys, mosaicreid.statistics.caveats, mosaicreid.analyses.paper.digits; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
