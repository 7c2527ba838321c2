"""The caveats against formulas written out, other libraries, and tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS, attributes, load_experiments
from mosaicreid.statistics import caveats
from mosaicreid.statistics.estimators import fit_glm

NAMES = ["a", "b", "c"]


def table(*scores: float) -> pd.DataFrame:
    """All eight combinations of three attributes, named by what they include."""
    bits = np.array([[row >> bit & 1 for bit in range(3)] for row in range(8)])
    labels = ["".join(name for name, bit in zip(NAMES, row, strict=True) if bit) or "none" for row in bits]
    return pd.DataFrame(bits, columns=NAMES).assign(row=labels, mAP=scores or [80, 81, 82.5, 83, 81.5, 84, 83.5, 86.2])


@pytest.mark.parametrize("dataset", DATASETS)
def test_t_is_what_least_squares_reports(dataset: str) -> None:
    experiments, names = load_experiments(dataset), list(attributes(dataset))
    ols = sm.OLS(experiments["mAP"], sm.add_constant(experiments[names])).fit()
    judged = caveats.t_against_z(fit_glm(experiments, names, "mAP"), len(experiments))
    np.testing.assert_allclose(judged["p_t"], ols.pvalues, rtol=1e-6)
    np.testing.assert_allclose(judged[["t_low", "t_high"]], ols.conf_int(), rtol=1e-7)
    assert (judged["df_resid"] == {"market1501": 12, "dukemtmc": 9}[dataset]).all()
    assert (judged["p_t"] > judged["p_z"]).all()


def test_t_without_residual_degrees_of_freedom() -> None:
    with pytest.raises(InputError, match="got 4 rows for 4 parameters; expected more rows than parameters"):
        caveats.t_against_z(fit_glm(table(), NAMES, "mAP"), 4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15))
@settings(max_examples=30, deadline=None)
def test_corrections_by_their_definitions(values: list[float]) -> None:
    adjusted = caveats.adjust(pd.Series(values))
    order = np.argsort(values, kind="stable")
    count = len(values)
    ranked = np.array(values)[order]
    holm = np.minimum(1, np.maximum.accumulate(ranked * (count - np.arange(count))))
    bh = np.minimum(1, np.minimum.accumulate((ranked * count / (1 + np.arange(count)))[::-1])[::-1])
    np.testing.assert_allclose(adjusted["p_holm"].to_numpy()[order], holm, atol=1e-12)
    np.testing.assert_allclose(adjusted["p_bh"].to_numpy()[order], bh, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_corrections_are_those_of_statsmodels(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).beta(0.3, 1, count)
    # Ties, and the ends of the scale.
    values[: count // 3] = values[0].round(1)
    values[-1] = float(seed % 2)
    np.testing.assert_allclose(caveats.holm(values), multipletests(values, method="holm")[1], rtol=1e-14)
    np.testing.assert_allclose(
        caveats.benjamini_hochberg(values), multipletests(values, method="fdr_bh")[1], rtol=1e-14
    )


def test_what_is_missing_is_no_test() -> None:
    values = np.array([np.nan, 0.04, np.nan, 0.01])
    np.testing.assert_allclose(caveats.holm(values), [np.nan, 0.04, np.nan, 0.02])
    np.testing.assert_allclose(caveats.benjamini_hochberg(values), [np.nan, 0.04, np.nan, 0.02])
    for correct in (caveats.holm, caveats.benjamini_hochberg):
        assert np.isnan(correct(np.full(2, np.nan))).all()
        assert len(correct(np.zeros(0))) == 0


def test_a_missing_p_value_is_not_a_test() -> None:
    adjusted = caveats.adjust(pd.Series({"a": 0.01, "b": np.nan, "c": 0.04}))
    assert adjusted["p_holm"].to_dict() == pytest.approx({"a": 0.02, "b": np.nan, "c": 0.04}, nan_ok=True)
    assert caveats.adjust(pd.Series([np.nan])).isna().all().all()


def test_a_p_value_is_between_zero_and_one() -> None:
    with pytest.raises(InputError, match=r"got p-values from -0.1 to 0.5; expected values from 0 to 1"):
        caveats.adjust(pd.Series([0.5, -0.1]))


def test_counts_after_each_correction() -> None:
    adjusted = caveats.adjust(pd.Series([0.001, 0.02, 0.03, 0.5, np.nan]))
    assert caveats.count_significant(adjusted).loc[0].to_dict() == {"tests": 4, "uncorrected": 3, "holm": 1, "bh": 3}
    assert caveats.count_significant(adjusted, alpha=0.01).loc[0, "uncorrected"] == 1


@pytest.mark.parametrize("dataset", DATASETS)
def test_variance_inflation_is_the_diagonal_of_the_inverse_correlation(dataset: str) -> None:
    experiments, names = load_experiments(dataset), list(attributes(dataset))
    found = caveats.variance_inflation(experiments, names, "mAP")
    np.testing.assert_allclose(found["vif"], np.diag(np.linalg.inv(experiments[names].corr())), rtol=1e-8)
    # sqrt(vif) is how much larger the standard error is than in a design of uncorrelated columns.
    glm = fit_glm(experiments, names, "mAP").drop("Intercept")
    design = sm.add_constant(experiments[names])
    sigma = np.sqrt(sm.OLS(experiments["mAP"], design).fit().scale)
    alone = sigma / np.sqrt(((experiments[names] - experiments[names].mean()) ** 2).sum())
    np.testing.assert_allclose(glm["std_err"] / alone, np.sqrt(found["vif"]), rtol=1e-8)
    np.testing.assert_allclose(found["r2"], 1 - 1 / found["vif"])


def test_an_orthogonal_design_is_not_inflated() -> None:
    np.testing.assert_allclose(caveats.variance_inflation(table(), NAMES, "mAP")["vif"], 1)


def test_what_single_rows_say() -> None:
    found = caveats.single_rows(table(), NAMES, "mAP")
    assert found["gain"].to_dict() == {"a": 1.0, "b": 2.5, "c": 1.5}
    assert found[["n_included", "n_excluded", "n_alone"]].to_numpy().tolist() == [[4, 4, 1]] * 3
    without = caveats.single_rows(table().iloc[[0, 2, 3, 5, 7]], NAMES, "mAP")
    assert without.loc["a", ["alone", "gain"]].isna().all()
    assert without.loc["b", "gain"] == 2.5
    assert caveats.single_rows(table().iloc[1:], NAMES, "mAP")["baseline"].isna().all()


def test_market_intercept_lies_below_its_baseline() -> None:
    found = caveats.intercept_against_baseline(load_experiments("market1501"), attributes("market1501"), "mAP").iloc[0]
    assert found["baseline"] == 89.6
    assert found["ci_high"] < found["baseline"]
    assert found["residual"] == pytest.approx(found["baseline"] - found["intercept"])
    assert (found["n_alone"], found["n_alone_below"]) == (12, 8)


def test_confounding_shows_what_comes_along() -> None:
    # a and b almost always together; only b matters.
    rows = pd.DataFrame({"a": [0, 0, 0, 1, 1, 1, 1, 0], "b": [0, 0, 0, 1, 1, 1, 0, 1]})
    rows["mAP"] = 80 + 2 * rows["b"] + [0.01, -0.01, 0.0, 0.01, 0.0, -0.01, 0.01, -0.01]
    found = caveats.confounding(rows, ["a", "b"], "mAP")
    assert found.loc["a", "difference"] == pytest.approx(1.0, abs=0.02)
    assert found.loc["a", "coef"] == pytest.approx(0.0, abs=0.02)
    assert found.loc["a", ["others_included", "others_excluded"]].tolist() == [0.75, 0.25]
    assert found.loc["b", "p_glm"] < 1e-6


def test_equal_effects_is_the_f_test_of_nested_models() -> None:
    for dataset in DATASETS:
        experiments, names = load_experiments(dataset), list(attributes(dataset))
        full = sm.OLS(experiments["mAP"], sm.add_constant(experiments[names])).fit()
        count = sm.OLS(experiments["mAP"], sm.add_constant(experiments[names].sum(axis=1))).fit()
        expected, p_value, freedom = full.compare_f_test(count)
        found = caveats.equal_effects(experiments, names, "mAP").iloc[0]
        assert (found["f_stat"], found["p_value"]) == pytest.approx((expected, p_value))
        assert (found["df_num"], found["df_resid"]) == (freedom, full.df_resid)
        assert (found["r2_full"], found["r2_count"]) == pytest.approx((full.rsquared, count.rsquared))
        assert found["per_attribute"] == pytest.approx(count.params.iloc[1])


def test_equal_effects_keeps_its_error_rate() -> None:
    rng = np.random.default_rng(0)
    rows = pd.concat([table()] * 2, ignore_index=True)
    p_values = [
        caveats.equal_effects(
            rows.assign(mAP=80 + rows[NAMES].sum(axis=1) + rng.normal(size=len(rows))), NAMES, "mAP"
        ).loc[0, "p_value"]
        for _ in range(200)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_equal_effects_of_one_attribute() -> None:
    with pytest.raises(InputError, match=r"got the attributes \['a'\]; expected at least two to compare"):
        caveats.equal_effects(table(), ["a"], "mAP")


def test_corrections_belong_to_places_not_to_names() -> None:
    values = [0.01, np.nan, 0.04]
    expected = caveats.adjust(pd.Series(values))
    pd.testing.assert_frame_equal(caveats.adjust(pd.Series(values, index=[5, 5, 5])).reset_index(drop=True), expected)
    for form in (values, np.array(values), pd.Series(values, dtype="Float64")):
        pd.testing.assert_frame_equal(caveats.adjust(form), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: caveats.adjust(["a"]),
            "got p-values of shape .* and dtype <U1; expected an array of numbers with 1 axes",
        ),
        (lambda: caveats.adjust([0.1j]), "dtype complex128; expected an array of numbers"),
        (lambda: caveats.adjust(pd.DataFrame({"p": [0.1]})), r"got p-values of shape \(1, 1\)"),
        (lambda: caveats.adjust([0.5, np.inf]), "got p-values from 0.5 to inf; expected values from 0 to 1"),
        (
            lambda: caveats.count_significant(pd.DataFrame({"p_value": [0.1]})),
            r"lacks the columns \['p_holm', 'p_bh'\]",
        ),
        (
            lambda: caveats.t_against_z(pd.DataFrame({"coef": [1.0]}), 9),
            r"lacks the columns \['std_err', 'z'\]; it has: coef",
        ),
        (lambda: caveats.t_against_z(None, 9), "the table of coefficients is of type NoneType"),
    ],
)
def test_bad_input_gives_one_line(call, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
