from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mosaicreid.analyses.coverage import panels
from mosaicreid.analyses.coverage.compute import study_of
from mosaicreid.analyses.coverage.panels import Study, judge_models, judge_panel, rows_independent
from mosaicreid.analyses.coverage.regimes import read_regimes
from mosaicreid.statistics.bootstrap import paired_mean
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import expected_scores, simulate

REGIME = read_regimes()[1]
FEW = replace(REGIME, panel=replace(REGIME.panel, identities=20, queries_per_identity=2))


@pytest.fixture(scope="module")
def study() -> Study:
    return replace(study_of(FEW), draws=100)


def drawn(study: Study, seed: int = 5) -> tuple[np.ndarray, Panel]:
    """The rows and the panel that ``judge_panel`` draws from this seed."""
    generator = np.random.default_rng(seed)
    rows = study.rows(generator)
    return rows, simulate(FEW.panel, rows, study.beta, generator)


def test_rows_beside_table_3_are_what_they_are_called(study: Study) -> None:
    rows, count = study.rows(np.random.default_rng(0)), len(study.design)
    np.testing.assert_array_equal(rows[:count, :-2], study.design)
    assert not rows[:count, -2:].any()
    assert study.names[study.empty] == "baseline"
    assert study.names[study.full] == "all"
    assert rows[count].tolist() == [0] * 10 + [1, 0]
    assert rows[count + 1].tolist() == [1] * 10 + [0, 1]
    assert rows[count + 2].tolist() == [1] * 10 + [0, 0]
    assert 20 < rows[count + 3 :, :10].sum() < 80


def test_effects_are_aimed_at_the_least_squares_projection_of_what_is_expected(study: Study) -> None:
    found = judge_panel(study, FEW.panel, np.random.default_rng(5))
    means = expected_scores(FEW.panel, study.design, FEW.beta)
    projection = sm.OLS(means, sm.add_constant(study.design)).fit().params[1:]
    for name in ("mixed-effects", "paper-glm", "paper-glm-t", "glm-of-means", "rows-independent"):
        np.testing.assert_allclose(found[name, "mAP"].target, projection, err_msg=name)
    weights = study.weights.to_numpy()
    np.testing.assert_allclose(found["contrasts", "mAP"].target, weights @ projection)
    gain = np.delete(means - means[study.empty], study.empty)
    np.testing.assert_allclose(found["bootstrap-pointwise", "mAP"].target, gain)
    assert found["bootstrap-simultaneous", "mAP"].together
    assert not found["bootstrap-pointwise", "mAP"].together


def test_rank_one_has_targets_of_its_own(study: Study) -> None:
    found = judge_panel(study, FEW.panel, np.random.default_rng(5))
    means = expected_scores(FEW.panel, study.design, FEW.beta, hit=FEW.hit)
    np.testing.assert_allclose(
        found["bootstrap-pointwise", "rank1"].target, np.delete(means - means[study.empty], study.empty)
    )
    rows, panel = drawn(study)
    hits = (panel.ap > FEW.hit)[study.full].mean() * 100
    assert found["control-score", "rank1"].estimate[1] == pytest.approx(hits)
    assert len(rows) == len(panel.ap)


def test_estimates_are_those_of_the_panel(study: Study) -> None:
    found = judge_panel(study, FEW.panel, np.random.default_rng(5))
    _, panel = drawn(study)
    count, points = len(study.design), 100 * panel.ap
    scores = points.mean(axis=(1, 2))
    least_squares = sm.OLS(scores[:count], sm.add_constant(study.design)).fit().params[1:]
    for name in ("mixed-effects", "rows-independent", "glm-of-means"):
        np.testing.assert_allclose(found[name, "mAP"].estimate, least_squares, err_msg=name)
    alone = sm.OLS(points[:count, 0].mean(axis=1), sm.add_constant(study.design)).fit()
    np.testing.assert_allclose(found["paper-glm", "mAP"].estimate, alone.params[1:])
    np.testing.assert_allclose(found["paper-glm-t", "mAP"].low, alone.conf_int()[1:, 0])
    gain = np.delete(scores[:count] - scores[study.empty], study.empty)
    np.testing.assert_allclose(found["bootstrap-pointwise", "mAP"].estimate, gain)
    shown = [study.empty, study.full, count, count + 1]
    np.testing.assert_allclose(found["control-score", "mAP"].estimate, scores[shown])
    np.testing.assert_allclose(found["control-difference", "mAP"].estimate, (scores[shown] - scores[study.empty])[1:])
    assert found["given-labels", "mAP"].estimate[0] == pytest.approx(scores[count + 1] - scores[count])
    again = paired_mean(points[count + 2] - points[study.full], panel.pids)
    variant = found["variants", "mAP"]
    assert (variant.estimate[0], variant.low[0], variant.high[0]) == pytest.approx(again)
    assert variant.target.tolist() == [0]


def test_targets_of_controls_follow_their_rows(study: Study) -> None:
    found = judge_panel(study, FEW.panel, np.random.default_rng(5))
    rows, _ = drawn(study)
    expected, count = expected_scores(FEW.panel, rows, study.beta), len(study.design)
    shown = [study.empty, study.full, count, count + 1]
    np.testing.assert_allclose(found["control-score", "mAP"].target, expected[shown])
    np.testing.assert_allclose(found["control-difference", "mAP"].target, (expected[shown] - expected[study.empty])[1:])
    np.testing.assert_allclose(found["given-labels", "mAP"].target, expected[count + 1] - expected[count])


def test_a_prediction_is_that_of_least_squares_and_aims_at_one_more_run(study: Study) -> None:
    found = judge_panel(study, FEW.panel, np.random.default_rng(5))
    rows, panel = drawn(study)
    count, points = len(study.design), 100 * panel.ap.mean(axis=2)
    fitted = sm.OLS(points[:count, 0], sm.add_constant(study.design)).fit()
    sets = np.column_stack([np.ones(10), rows[count + 3 :, :-2]])
    predicted = fitted.get_prediction(sets).summary_frame(alpha=0.05)
    for seed, name in enumerate(("prediction", "prediction-other-seed")):
        intervals = found[name, "mAP"]
        np.testing.assert_allclose(intervals.estimate, predicted["mean"])
        np.testing.assert_allclose(intervals.low, predicted["obs_ci_lower"])
        np.testing.assert_allclose(intervals.high, predicted["obs_ci_upper"])
        np.testing.assert_allclose(intervals.target, points[count + 3 :, seed])


def test_one_seed_is_judged_for_what_a_user_of_one_sees(study: Study) -> None:
    one = replace(FEW.panel, seeds=1)
    found = judge_panel(study, one, np.random.default_rng(5))
    effects = {"mixed-effects", "contrasts", "bootstrap-pointwise", "bootstrap-simultaneous", "paper-glm"}
    assert set(found) == {(name, metric) for name in effects for metric in ("mAP", "rank1")}


def test_an_interval_of_these_very_models_aims_at_these_very_models(study: Study) -> None:
    one = replace(FEW.panel, seeds=1)
    found = judge_models(study, one, np.random.default_rng(5))["control-difference", "mAP"]
    still = replace(one, seed=0.0, seed_slopes=0.0, run=0.0)
    expected = expected_scores(still, study.design, FEW.beta)
    assert found.target[0] == pytest.approx(expected[study.full] - expected[study.empty])


def test_rows_taken_as_independent_are_ordinary_least_squares() -> None:
    design = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)
    panel = simulate(replace(FEW.panel, identities=6), design, np.array([0.5, 0.1, 0.0]), np.random.default_rng(0))
    runs = panel.ap.shape[1] * panel.ap.shape[2]
    fitted = sm.OLS(100 * panel.ap.ravel(), sm.add_constant(np.repeat(design, runs, axis=0))).fit()
    found = rows_independent(panel, np.zeros(2))
    np.testing.assert_allclose(found.estimate, fitted.params[1:], atol=1e-10)
    np.testing.assert_allclose((found.high - found.low) / 2, stats.norm.ppf(0.975) * fitted.bse[1:])


def test_the_covariance_of_a_table_is_square_and_symmetric(study: Study) -> None:
    terms = ["Intercept", "a", "b"]
    pairs = pd.DataFrame(
        {"term": ["Intercept", "a", "a"], "other": ["Intercept", "Intercept", "a"], "covariance": [1, 2, 3]}
    )
    whole = pd.concat([pairs, pd.DataFrame({"term": "b", "other": terms, "covariance": [4, 5, 6]})])
    np.testing.assert_array_equal(panels._square(whole, terms), [[1, 2, 4], [2, 3, 5], [4, 5, 6]])
