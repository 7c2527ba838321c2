"""Estimators in worlds that are made: what must be found, is; and each is the one that the package has elsewhere."""

import numpy as np
import pandas as pd
import pytest
from recovery_worlds import DATASET, NAMES, dealt_cell, line, made_training
from scipy import stats

from mosaicreid import published
from mosaicreid.analyses.importance.estimators import ESTIMATORS, estimate_all
from mosaicreid.analyses.recovery.estimates import (
    effects,
    estimates,
    mixed_effects,
    rho,
    world_estimates,
    world_rhos,
)
from mosaicreid.analyses.strength.cells import Draw
from mosaicreid.errors import InputError
from mosaicreid.statistics.estimators import fit_glm

CELL, DRAW = dealt_cell(), Draw(300, 0)


def test_estimators_of_the_papers_table_are_the_papers() -> None:
    table = published.load_table(3, DATASET)
    found = estimates(table, NAMES)
    np.testing.assert_allclose(found["glm"], fit_glm(table, NAMES, "mAP")["coef"].iloc[1:])
    results = estimate_all(table, NAMES, "mAP")
    for estimator in ESTIMATORS[1:]:
        expected = estimator.by_attribute(results[estimator.name])
        pd.testing.assert_frame_equal(found[list(expected)], expected.loc[list(NAMES)], check_names=False)
    scores = table.set_index("configuration")["mAP"]
    assert found.loc["hat", "alone"] == pytest.approx(scores["hat"] - scores["baseline"])


def test_the_glm_finds_a_truth_on_a_straight_line_exactly() -> None:
    training = made_training(CELL, DRAW)
    found = world_estimates(training, "retrain")
    np.testing.assert_allclose(found["glm"], 3 * training.truth, atol=1e-9)
    singles = found["alone"].dropna()
    np.testing.assert_allclose(singles, 3 * training.truth[[NAMES.index(str(name)) for name in singles.index]])
    rhos = world_rhos([training]).set_index(["method", "importance"])["rho"]
    assert rhos["retrain", "glm"] == rhos["ablation", "glm"] == rhos["retrain", "mixed_effects"] == pytest.approx(1)
    assert rhos["retrain", "alone"] == pytest.approx(1)


def test_the_logarithm_finds_a_truth_that_removes_shares_of_the_shortfall() -> None:
    def score(bits):
        return 100 - 20 * np.exp(-2 * bits)

    training = made_training(CELL, DRAW, score)
    found = estimates(training.table(training.scores["retrain"]), NAMES)
    np.testing.assert_allclose(found["glm_log"], 2 * training.truth, atol=1e-9)
    assert rho(found["glm_log"].to_numpy(), training.truth) == pytest.approx(1)
    assert rho(found["glm"].to_numpy(), training.truth) < 0.99


def test_mixed_effects_are_the_glms_where_groups_average_to_the_score() -> None:
    training = made_training(CELL, DRAW, noise=0.3)
    np.testing.assert_allclose(
        mixed_effects(training, "retrain").beta[1:], effects(training.design, training.scores["retrain"]), atol=1e-9
    )


def test_rho_is_spearmans_over_what_is_known() -> None:
    truth = np.array([0.1, 0.4, 0.2, 0.9, 0.5])
    values = np.array([1.0, np.nan, 3.0, 4.0, 2.0])
    known = [0, 2, 3, 4]
    assert rho(values, truth) == pytest.approx(stats.spearmanr(values[known], truth[known]).statistic)
    assert np.isnan(rho(np.ones(5), truth))


def test_rhos_say_how_many_attributes_and_the_entropy_too() -> None:
    training = made_training(CELL, DRAW, noise=0.1)
    table = world_rhos([training])
    assert set(table["method"]) == {"retrain", "ablation", "leakage"}
    row = table.set_index(["method", "importance"]).loc[("retrain", "glm")]
    found = effects(training.design, training.scores["retrain"])
    assert row["rho_entropy"] == pytest.approx(stats.spearmanr(found, training.entropy).statistic)
    assert row["attributes"] == len(NAMES)
    # All groups of these worlds say the same.
    assert row["rho_halves"] == pytest.approx(1)
    assert table["importance"].nunique() == 9


def test_what_cannot_be_estimated_names_the_world() -> None:
    training = made_training(CELL, DRAW)
    with pytest.raises(InputError, match="world 300 of cell dealt, retrain: a configuration scores 100 mAP"):
        world_estimates(training, "retrain", np.minimum(100, training.scores["retrain"] + 19))
    with pytest.raises(InputError, match=r"world 300 of cell dealt, retrain: metric 'mAP' is 50.0 in every row"):
        world_estimates(training, "retrain", np.full(20, 50.0))
    few = made_training(dealt_cell(configurations=("all", "hat", "bag")), DRAW, line)
    with pytest.raises(InputError, match="world 300 of cell dealt, retrain: "):
        world_rhos([few])


def test_halves_of_people_are_ranked_apart() -> None:
    training = made_training(dealt_cell(groups=4), DRAW)
    noise = np.random.default_rng(0).normal(0, 2, (20, 2))
    training.groups["retrain"] = np.column_stack(
        [np.repeat(training.scores["retrain"][:, None], 2, axis=1), 85 + noise]
    )
    row = world_rhos([training]).set_index(["method", "importance"]).loc[("retrain", "glm")]
    second = effects(training.design, 85 + noise.mean(axis=1))
    assert row["rho_halves"] == pytest.approx(stats.spearmanr(training.truth, second).statistic)
    assert row["rho"] == pytest.approx(1)
