import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics import mixed_effects
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import PanelModel, simulate

# Every pair of three attributes, the single ones and none: 7 configurations, full rank.
DESIGN = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [0, 0, 0]], float)
BETA = np.array([0.5, 0.02, 0.0, -0.01])


def panel(**changes: object) -> Panel:
    world = PanelModel(**{"identities": 15, "queries_per_identity": 3, **changes})  # type: ignore[arg-type]
    return simulate(world, DESIGN, BETA, np.random.default_rng(0))


def test_effects_are_the_least_squares_estimates_on_the_run_means() -> None:
    data = panel()
    scores = 100 * data.ap.mean(axis=(1, 2))
    expected = sm.OLS(scores, sm.add_constant(DESIGN)).fit().params
    np.testing.assert_allclose(mixed_effects.fit(data).beta, expected, rtol=1e-10)


def test_identity_covariance_is_the_cluster_robust_one_of_statsmodels() -> None:
    data = panel()
    per_query = np.linalg.pinv(sm.add_constant(DESIGN)) @ (100 * data.ap.mean(axis=1))
    mine = mixed_effects.fit(data).covariance_identities
    queries = data.ap.shape[2]
    for term in range(4):
        fitted = sm.OLS(per_query[term], np.ones(queries)).fit(cov_type="cluster", cov_kwds={"groups": data.pids})
        # statsmodels also multiplies by (n - 1) / (n - k), which is 1 for a mean.
        assert mine[term, term] == pytest.approx(fitted.cov_params()[0, 0], rel=1e-10)


def test_run_variance_is_the_variance_between_seeds_where_queries_add_no_noise() -> None:
    data = panel(rest=0.0, slopes=0.0)
    runs = 100 * data.ap.mean(axis=2)
    centred = runs - runs.mean(axis=1, keepdims=True) - runs.mean(axis=0) + runs.mean()
    fitted = mixed_effects.fit(data)
    assert fitted.run_variance == pytest.approx((centred**2).sum() / (6 * 2))
    assert fitted.run_df == 12
    # The classical standard error of OLS with that variance, for the attributes
    inverse = np.linalg.inv(sm.add_constant(DESIGN).T @ sm.add_constant(DESIGN))
    expected = np.sqrt(fitted.run_variance / 3 * np.diag(inverse))[1:]
    np.testing.assert_allclose(np.sqrt(np.diag(fitted.covariance_runs))[1:], expected)


def test_a_seed_effect_moves_only_the_intercept() -> None:
    data = panel()
    shifted = data.ap + np.array([0.0, 0.3, -0.1])[:, None]
    other = Panel(**{**data.__dict__, "ap": shifted})
    first, second = mixed_effects.fit(data), mixed_effects.fit(other)
    np.testing.assert_allclose(first.beta[1:], second.beta[1:])
    np.testing.assert_allclose(first.std_err[1:], second.std_err[1:])
    assert second.std_err[0] > first.std_err[0]


def test_one_seed_uses_the_residual_of_the_additive_model() -> None:
    data = panel(seeds=1, rest=0.0, slopes=0.0, query=0.0)
    fitted = mixed_effects.fit(data)
    reference = sm.OLS(100 * data.ap[:, 0].mean(axis=1), sm.add_constant(DESIGN)).fit()
    assert fitted.run_variance_source == "lack of fit"
    np.testing.assert_allclose(fitted.std_err, reference.bse)
    np.testing.assert_allclose(fitted.df, 3)


def test_effects_table_against_the_t_distribution_and_statsmodels_corrections() -> None:
    fitted = mixed_effects.fit(panel())
    table = mixed_effects.effects(fitted, margin=1.0, level=0.9)
    for row, df in zip(table.itertuples(), fitted.df[1:], strict=True):
        reference = stats.t(df, loc=row.effect, scale=row.std_err)
        np.testing.assert_allclose((row.ci_low, row.ci_high), reference.interval(0.9))
        assert row.p_value == pytest.approx(2 * stats.t.sf(abs(row.effect / row.std_err), df))
        upper = stats.t.cdf((row.effect - 1.0) / row.std_err, df)
        lower = stats.t.sf((row.effect + 1.0) / row.std_err, df)
        assert row.p_equivalence == pytest.approx(max(upper, lower))
    assert (table["p_holm"] >= table["p_bh"] - 1e-12).all()
    assert (table["p_bh"] >= table["p_value"] - 1e-12).all()


@pytest.mark.parametrize("seed", range(4))
def test_corrected_p_values_are_holms_and_benjamini_and_hochbergs(seed: int) -> None:
    """Holm (1979): the k-th smallest times m - k + 1; Benjamini and Hochberg (1995): times m / k; both monotone."""
    world = PanelModel(identities=15, queries_per_identity=3, slopes=0.03, run=0.01)
    data = simulate(world, DESIGN, BETA, np.random.default_rng(seed))
    table = mixed_effects.effects(mixed_effects.fit(data), margin=1.0).sort_values("p_value")
    p_values, count = table["p_value"].tolist(), len(table)
    holm = [max(min(1.0, (count - j) * p_values[j]) for j in range(k + 1)) for k in range(count)]
    step_up = [min(min(1.0, count / (j + 1) * p_values[j]) for j in range(k, count)) for k in range(count)]
    assert table["p_holm"].tolist() == pytest.approx(holm)
    assert table["p_bh"].tolist() == pytest.approx(step_up)
    # All by Bonferroni would be another number.
    assert count * p_values[1] != pytest.approx(holm[1])


def test_run_variance_leaves_out_what_the_runs_own_queries_explain() -> None:
    data = panel(run=0.03, rest=0.1)
    ap = 100 * data.ap
    total = noise = 0.0
    for c in range(7):
        for s in range(3):
            rest = ap[c, s] - ap[c].mean(axis=0) - ap[:, s].mean(axis=0) + ap.mean(axis=(0, 1))
            people = [rest[data.pids == who] - rest.mean() for who in range(15)]
            total += rest.mean() ** 2 / 12
            noise += sum(own.sum() ** 2 for own in people) / 45**2 * 15 / 14 / 12
    assert 0.1 * total < noise < total
    assert mixed_effects.fit(data).run_variance == pytest.approx(total - noise)


def test_run_variance_is_right_on_average_and_never_negative() -> None:
    generator, found = np.random.default_rng(1), []
    for run in (0.0, 0.02):
        world = PanelModel(identities=30, queries_per_identity=2, run=run, rest=0.1)
        found.append([mixed_effects.fit(simulate(world, DESIGN, BETA, generator)).run_variance for _ in range(150)])
    assert min(found[0]) == 0
    # Without a difference between runs half of the estimates are below zero, and shown as zero.
    assert 0.2 < np.mean(np.array(found[0]) == 0) < 0.9
    assert np.mean(found[1]) == pytest.approx(4.0, abs=4 * np.std(found[1]) / np.sqrt(150))


@pytest.mark.parametrize("seeds", [2, 3])
def test_the_seed_part_of_the_intercept_is_the_variance_between_seeds(seeds: int) -> None:
    data = panel(rest=0.0, slopes=0.0, run=0.0, seed=0.04, seeds=seeds)
    by_seed = 100 * data.ap.mean(axis=(0, 2))
    fitted = mixed_effects.fit(data)
    assert fitted.covariance_runs[0, 0] == pytest.approx(by_seed.var(ddof=1) / seeds)
    assert fitted.identity_count == 15


def test_degrees_of_freedom_are_satterthwaites() -> None:
    fitted = mixed_effects.fit(panel(run=0.05, slopes=0.1))
    for first, second, df in zip(
        np.diag(fitted.covariance_identities), np.diag(fitted.covariance_runs), fitted.df, strict=True
    ):
        assert df == pytest.approx((first + second) ** 2 / (first**2 / 14 + second**2 / fitted.run_df))
    table = mixed_effects.effects(fitted, margin=1.0)
    share = np.diag(fitted.covariance_identities) / fitted.std_err**2
    np.testing.assert_allclose(table["share_identities"], share[1:])


# Standard deviations in points, of each component and the axes (configuration, seed, query) along which it varies.
COMPONENTS = {
    "query": (20.0, "q"),
    "query_configuration": (12.0, "cq"),
    "seed": (6.0, "s"),
    "query_seed": (5.0, "sq"),
    "run": (3.0, "cs"),
    "rest": (6.0, "csq"),
}


def nested(shape: tuple[int, int, int], seed: int) -> Panel:
    """A panel of the components above around configurations of different means, drawn plainly."""
    generator = np.random.default_rng(seed)
    ap = 50 + 5.0 * np.arange(shape[0])[:, None, None] * np.ones(shape)
    for spread, axes in COMPONENTS.values():
        ap += spread * generator.normal(
            size=[size if axis in axes else 1 for axis, size in zip("csq", shape, strict=True)]
        )
    world = panel(seeds=shape[1], identities=shape[2], queries_per_identity=1)
    return Panel(**{**world.__dict__, "ap": ap / 100})


def test_variance_components_equal_statsmodels_reml() -> None:
    data = nested((7, 3, 9), 4)
    mine = mixed_effects.variance_components(data).set_index("component")["variance"]
    assert (mine > 0).all()
    c, s, q = np.indices(data.ap.shape).reshape(3, -1)
    frame = pd.DataFrame({"ap": 100 * data.ap.ravel(), "c": c, "s": s, "q": q})
    frame = frame.assign(cq=c * 100 + q, cs=c * 100 + s, sq=s * 100 + q)
    names = {"query": "q", "query_configuration": "cq", "query_seed": "sq", "run": "cs", "seed": "s"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = sm.MixedLM.from_formula(
            "ap ~ 0 + C(c)",
            groups=np.ones(len(frame)),
            re_formula="0",
            vc_formula={name: f"0 + C({column})" for name, column in names.items()},
            data=frame,
        ).fit(reml=True)
    np.testing.assert_allclose(fitted.vcomp, mine[fitted.model.exog_vc.names], rtol=2e-2)
    assert fitted.scale == pytest.approx(mine["rest"], rel=1e-2)


def test_variance_components_recover_a_known_truth() -> None:
    draws = [mixed_effects.variance_components(nested((7, 3, 30), seed)).set_index("component") for seed in range(150)]
    found = pd.DataFrame([table["variance"] for table in draws])
    for name, (spread, _) in COMPONENTS.items():
        assert found[name].mean() == pytest.approx(spread**2, abs=4 * found[name].std() / 150**0.5), name
    # What queries do differently in a configuration is no part of a run: taken off, it would leave less than half.
    assert found["run"].mean() - 3 * found["run"].std() / 150**0.5 > 9 - 12**2 / 30


def test_two_seeds_tell_seed_and_run_apart() -> None:
    data = panel(seeds=2, rest=0.0, slopes=0.0, query=0.0, seed=0.4, run=0.02)
    runs = 100 * data.ap.mean(axis=2)
    runs -= runs.mean(axis=1, keepdims=True)
    table = mixed_effects.variance_components(data).set_index("component")
    between = ((runs - runs.mean(axis=0)) ** 2).sum() / 6
    assert table.loc["run", "variance"] == pytest.approx(between)
    assert table.loc["seed", "variance"] == pytest.approx(((7 * runs.mean(axis=0) ** 2).sum() - between) / 7)
    np.testing.assert_allclose(table["std_dev"] ** 2, table["variance"], atol=1e-12)


def test_a_negative_estimate_is_shown_as_zero() -> None:
    shown = [mixed_effects.variance_components(panel(run=0.0, identities=5, seeds=2, rest=r)) for r in (0.1, 0.2, 0.3)]
    variances = np.array([table["variance"] for table in shown])
    assert variances.min() == 0
    assert (np.array([table["std_dev"] for table in shown]) == np.sqrt(variances)).all()


def test_one_seed_cannot_tell_seed_and_run_from_the_configurations() -> None:
    table = mixed_effects.variance_components(panel(seeds=1, rest=0.02)).set_index("component")["variance"]
    assert table[["query_configuration", "seed", "query_seed", "run"]].isna().all()
    assert table["query"] == pytest.approx(100**2 * 0.2**2, rel=0.8)


def test_leave_one_out_is_the_fit_without_that_configuration() -> None:
    data = panel()
    table = mixed_effects.leave_one_configuration_out(data)
    left = table[table["left_out"] == "configuration 3"]
    np.testing.assert_allclose(left["effect"], mixed_effects.fit(data.without("configuration 3")).beta[1:])
    np.testing.assert_allclose(left["effect"] - left["change"], mixed_effects.fit(data).beta[1:])


def test_leave_one_out_shows_nan_where_an_effect_is_lost() -> None:
    data = panel()
    few = data
    for name in ["configuration 3", "configuration 4", "configuration 5"]:
        few = few.without(name)
    assert mixed_effects.leave_one_configuration_out(few)["effect"].isna().all()


def test_naive_effects_are_the_papers_glm() -> None:
    data = panel()
    fitted = sm.GLM(100 * data.ap[:, 0].mean(axis=1), sm.add_constant(DESIGN)).fit()
    table = mixed_effects.naive_effects(data)
    np.testing.assert_allclose(table["effect"], fitted.params[1:])
    np.testing.assert_allclose(table["std_err"], fitted.bse[1:])
    np.testing.assert_allclose(table[["ci_low", "ci_high"]], fitted.conf_int()[1:])


def test_bad_input_is_named() -> None:
    data = panel()
    collinear = Panel(**{**data.__dict__, "design": np.column_stack([DESIGN[:, :2], DESIGN[:, 0]])})
    with pytest.raises(InputError, match="7 configurations determine 3 of 4 effects"):
        mixed_effects.fit(collinear)
    few = panel(seeds=1)
    for index in (3, 4, 5):
        few = few.without(f"configuration {index}")
    with pytest.raises(InputError, match="leaves 0 degrees of freedom for 4 effects"):
        mixed_effects.fit(few)
    assert mixed_effects.fit(panel(seeds=1).without("configuration 3").without("configuration 4")).run_df == 1
    with pytest.raises(InputError, match="margin must be a positive number of mAP points; got 0"):
        mixed_effects.effects(mixed_effects.fit(data), margin=0)
    for level in (0, 1, 95):
        with pytest.raises(InputError, match=f"between 0 and 1; got {level}"):
            mixed_effects.effects(mixed_effects.fit(data), margin=1, level=level)


@pytest.mark.parametrize("margin", [-1, np.nan, np.inf, "0.5"])
def test_margins_are_positive_numbers(margin: object) -> None:
    with pytest.raises(InputError, match="margin must be a positive number of mAP points; got "):
        mixed_effects.effects(mixed_effects.fit(panel()), margin=margin)  # type: ignore[arg-type]
