"""Curves, noise of runs and of people against what they were made with, and against scipy and statsmodels."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from recovery_worlds import DATASET, NAMES, TABLE3, again_cell, dealt_cell, made_training
from statsmodels.stats.anova import anova_lm

from mosaicreid.analyses.recovery.components import Noise, component_table, fit_curve, model_of, noise_of_runs
from mosaicreid.analyses.recovery.estimates import effect_matrix
from mosaicreid.analyses.recovery.worlds import Training
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


def moved(training: Training, by: np.ndarray) -> Training:
    """The training with its retrained rows' scores moved by (C,) or (C, G)."""
    by = by[:, None] * np.ones(5) if by.ndim == 1 else by
    parts = training.groups["retrain"] + by
    scores = training.scores["retrain"] + by.mean(axis=1)
    return replace(training, scores=training.scores | {"retrain": scores}, groups=training.groups | {"retrain": parts})


def runs_of(worlds: int, seeds: int, noise: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> list[Training]:
    """Worlds trained several times, the scores of each moved by ``noise`` of its design."""
    generator, found = np.random.default_rng(0), []
    for world in range(300, 300 + worlds):
        for seed in range(seeds):
            training = made_training(dealt_cell(worlds=worlds, seeds=seeds), Draw(world, seed))
            found.append(moved(training, noise(training.design, generator)))
    return found


def test_a_rows_noise_is_that_of_the_residuals_of_rows_and_seeds() -> None:
    runs = runs_of(2, 3, lambda design, generator: generator.normal(0, 0.5, len(design)))
    found = noise_of_runs(runs)[DATASET]
    long = pd.DataFrame(
        [
            {"w": f"{run.draw.world}-{run.draw.seed}", "c": f"{run.draw.world}-{name}", "y": score}
            | dict(zip(NAMES, marks, strict=True))
            for run in runs
            for name, score, marks in zip(run.configurations, run.scores["retrain"], run.design, strict=True)
        ]
    )
    # An attribute's effect is free in every training, a row's score in every world.
    slopes = " + ".join(f"w:{name}" for name in NAMES)
    # The model says some of it twice; the residual is what is left whichever way.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anova = anova_lm(smf.ols(f"y ~ w + c + {slopes}", long).fit())
    assert found.row**2 == pytest.approx(anova.loc["Residual", "mean_sq"])
    assert anova.loc["Residual", "df"] == 2 * 2 * (20 - 11)
    assert found.part == pytest.approx(0, abs=1e-9)


def test_each_noise_is_found_and_none_is_counted_twice() -> None:
    def noise(design: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        rows, effects = generator.normal(0, 0.3, len(design)), generator.normal(0, 0.8, design.shape[1])
        parts = generator.normal(0, 0.5, (len(design), 5))
        return (rows + design @ effects + generator.normal(0, 3))[:, None] + parts

    runs = runs_of(40, 2, noise)
    found = noise_of_runs(runs)[DATASET]
    assert found.row**2 == pytest.approx(0.3**2 + 0.5**2 / 5, rel=0.15)
    assert found.part == pytest.approx(0.5, rel=0.05)
    assert found.seed == pytest.approx(0.8, rel=0.1)
    # Parts differ by chance alone, beyond the steps between groups that are the same in all rows.
    matrix = effect_matrix(runs[0].design)
    people = np.mean([np.diag(model_of(run, found).people).mean() for run in runs])
    counted_twice = 0.5**2 / 5 * (matrix**2).sum(axis=1).mean()
    assert people < 0.35 * counted_twice


def test_a_seed_that_shifts_everything_is_no_noise() -> None:
    runs = [
        made_training(dealt_cell(), Draw(300, 0)),
        made_training(again_cell(), Draw(300, 1), lambda bits: 83 + 3 * bits),
    ]
    found = noise_of_runs(runs)[DATASET]
    assert [found.row, found.seed, found.part] == pytest.approx([0, 0, 0], abs=1e-6)


def test_without_a_world_repeated_whole_noise_is_unknown() -> None:
    worlds = [made_training(dealt_cell(), Draw(world, 0)) for world in (300, 301)]
    with pytest.raises(InputError, match=rf"no world of {DATASET} was trained twice with all its rows; expected one"):
        noise_of_runs(worlds)
    few = made_training(again_cell(configurations=TABLE3[:5]), Draw(300, 1))
    with pytest.raises(InputError, match="was trained twice with all its rows"):
        noise_of_runs([*worlds, few])


def test_people_move_effects_as_groups_of_them_do() -> None:
    training = made_training(dealt_cell(), Draw(300, 0))
    parts = training.groups["retrain"]
    training.groups["retrain"] = parts + 5 * training.design[:, :1] * np.array([-2, -1, 0, 1, 2])
    model = model_of(training, Noise(row=0.2, seed=0.1, part=0.0))
    each = effect_matrix(training.design) @ training.groups["retrain"]
    np.testing.assert_allclose(model.people, np.cov(each) / 5, atol=1e-9)
    assert model.people[0, 0] == pytest.approx(25 * 2.5 / 5)
    np.testing.assert_allclose(model.people_root @ model.people_root.T, model.people, atol=1e-9)


def test_what_bits_do_not_say_is_kept_as_far_as_it_is_no_noise() -> None:
    training = made_training(dealt_cell(), Draw(300, 0))
    offset = np.linspace(-1, 1, len(NAMES))
    other = moved(training, training.design @ offset)
    quiet, loud = Noise(row=0.0, seed=0.0, part=0.0), Noise(row=9.0, seed=0.0, part=0.0)
    model = model_of(other, quiet)
    left = effect_matrix(other.design) @ (other.scores["retrain"] - model.curve(other.design @ model.truth))
    np.testing.assert_allclose(model.offset, left, rtol=1e-6)
    assert np.corrcoef(model.offset, offset)[0, 1] > 0.8
    assert model_of(other, loud).offset == pytest.approx(np.zeros(len(NAMES)))
    some = Noise(row=0.0, seed=0.3, part=0.0)
    kept = model_of(other, some).offset
    assert kept @ kept == pytest.approx(left @ left - len(NAMES) * 0.3**2)


def test_components_of_a_world_are_a_row() -> None:
    training = made_training(dealt_cell(), Draw(300, 0), noise=0.1)
    noise = Noise(row=0.3, seed=0.1, part=0.0)
    row = component_table([training], {DATASET: noise}).iloc[0]
    model = model_of(training, noise)
    assert [row["base"], row["most"], row["speed"]] == pytest.approx(
        [model.curve.base, model.curve.most, model.curve.speed]
    )
    # The root mean square of the standard errors that independent errors of 0.3 points give.
    inverse = effect_matrix(training.design)
    assert row["row_se"] == pytest.approx(0.3 * np.sqrt(np.mean(np.diag(inverse @ inverse.T))))
    assert row["people_se"] == pytest.approx(np.sqrt(np.diag(model.people).mean()), abs=1e-6)
    assert row["offset_sd"] == pytest.approx(model.offset.std(ddof=1))
    assert row[["row_sd", "seed_sd"]].tolist() == [0.3, 0.1]
