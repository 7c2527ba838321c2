"""Curves, noise of runs and of people against what they were made with, and against scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from recovery_worlds import DATASET, TABLE3, again_cell, dealt_cell, made_training
from statsmodels.stats.anova import anova_lm

from mosaicreid.analyses.recovery.components import component_table, fit_curve, model_of, run_sds
from mosaicreid.analyses.recovery.estimates import effect_matrix
from mosaicreid.analyses.strength.cells import Draw
from mosaicreid.errors import InputError

BITS = np.linspace(0, 2, 20)


def test_the_curve_that_made_the_scores_is_found() -> None:
    found = fit_curve(BITS, 80 + 15 * (1 - np.exp(-1.3 * BITS)))
    assert [found.base, found.most, found.speed] == pytest.approx([80, 15, 1.3], rel=1e-4)
    assert found.r2 == pytest.approx(1)
    np.testing.assert_allclose(found(np.array([0.0, 1.0])), [80, 80 + 15 * (1 - np.exp(-1.3))], rtol=1e-6)


def test_a_curve_of_scores_with_noise_leaves_the_noise() -> None:
    scores = 80 + 15 * (1 - np.exp(-1.3 * BITS)) + np.random.default_rng(0).normal(0, 0.4, len(BITS))
    found = fit_curve(BITS, scores)
    left = scores - found(BITS)
    assert found.rest_sd == pytest.approx(np.sqrt((left**2).sum() / 17))
    assert found.r2 == pytest.approx(1 - (left**2).sum() / ((scores - scores.mean()) ** 2).sum())
    assert 0.25 < found.rest_sd < 0.55


def test_a_straight_line_and_a_falling_one_have_curves() -> None:
    straight = fit_curve(BITS, 80 + 2 * BITS)
    np.testing.assert_allclose(straight(BITS), 80 + 2 * BITS, atol=0.1)
    falling = fit_curve(BITS, 80 - 2 * BITS)
    assert np.ptp(falling(BITS)) == pytest.approx(0, abs=0.01)
    with pytest.raises(InputError, match="got 3 scores for a curve"):
        fit_curve(BITS[:3], BITS[:3])


def test_a_runs_sd_is_that_of_the_residuals_of_configuration_and_seed() -> None:
    whole = [made_training(dealt_cell(), Draw(world, 0), noise=0.5) for world in (300, 301)]
    repeats = [made_training(again_cell(worlds=2), Draw(world, 1), noise=0.5) for world in (300, 301)]
    found = run_sds([*whole, *repeats])
    long = pd.DataFrame(
        [
            {"w": str(run.draw.world), "s": str(run.draw.seed), "c": name, "y": score}
            for run in (*whole, *repeats)
            for name, score in zip(run.configurations, run.scores["retrain"], strict=True)
            if name in ("baseline", *TABLE3[:5])
        ]
    )
    anova = anova_lm(smf.ols("y ~ w / s + w / c", long).fit())
    assert found[DATASET] ** 2 == pytest.approx(anova.loc["Residual", "mean_sq"])
    assert anova.loc["Residual", "df"] == 10


def test_a_seed_that_shifts_everything_is_no_noise_of_runs() -> None:
    first, second = (
        made_training(dealt_cell(), Draw(300, 0)),
        made_training(again_cell(), Draw(300, 1), lambda bits: 83 + 3 * bits),
    )
    assert run_sds([first, second])[DATASET] == pytest.approx(0, abs=1e-9)


def test_without_a_repeated_world_runs_are_unknown() -> None:
    worlds = [made_training(dealt_cell(), Draw(world, 0)) for world in (300, 301)]
    with pytest.raises(InputError, match=rf"no world of {DATASET} was trained twice; expected one at least"):
        run_sds(worlds)


def test_people_move_effects_as_groups_of_them_do() -> None:
    training = made_training(dealt_cell(), Draw(300, 0))
    parts = training.groups["retrain"]
    moved = parts + 5 * training.design[:, :1] * np.array([-2, -1, 0, 1, 2])
    training.groups["retrain"] = moved
    model = model_of(training, run_sd=0.2)
    each = effect_matrix(training.design) @ moved
    np.testing.assert_allclose(model.people, np.cov(each) / 5, atol=1e-9)
    assert model.people[0, 0] == pytest.approx(25 * 2.5 / 5)
    np.testing.assert_allclose(model.people_root @ model.people_root.T, model.people, atol=1e-9)


def test_components_of_a_world_are_a_row() -> None:
    training = made_training(dealt_cell(), Draw(300, 0), noise=0.1)
    row = component_table([training], {DATASET: 0.3}).iloc[0]
    model = model_of(training, run_sd=0.3)
    assert [row["base"], row["most"], row["speed"]] == pytest.approx(
        [model.curve.base, model.curve.most, model.curve.speed]
    )
    # The root mean square of the standard errors that independent errors of 0.3 points give.
    inverse = effect_matrix(training.design)
    assert row["run_se"] == pytest.approx(0.3 * np.sqrt(np.mean(np.diag(inverse @ inverse.T))))
    assert row["people_se"] == pytest.approx(np.sqrt(np.diag(model.people).mean()), abs=1e-6)
