"""Simulated experiments beside ones that are simulated another way, and what is enough by hand."""

import numpy as np
import pandas as pd
import pytest
from recovery_worlds import DATASET, dealt_cell, made_training
from scipy import stats

from mosaicreid.analyses.recovery.components import Curve, Model, Noise
from mosaicreid.analyses.recovery.designs import balanced
from mosaicreid.analyses.recovery.power import DESIGNS, PEOPLE, ROWS, SCORES, SEEDS, needed_table, power_table, simulate
from mosaicreid.analyses.strength.cells import Draw
from mosaicreid.errors import InputError

TRUTH = np.array([0.05, 0.3, 0.1, 0.6, 0.2])
STRAIGHT = Curve(base=50.0, most=50.0, speed=1e-3, r2=1.0, rest_sd=0.0)
PEOPLE_COVARIANCE = 1e-5 * np.diag([1.0, 4, 1, 9, 2]) + 1e-5


def model(**changes: object) -> Model:
    quiet = {"row": 0.0, "seed": 0.0, "part": 0.0}
    noise = Noise(**(quiet | {name: changes.pop(name) for name in list(changes) if name in quiet}))
    values = {"truth": TRUTH, "curve": STRAIGHT, "offset": np.zeros(5), "people": np.zeros((5, 5)), "noise": noise}
    return Model(**(values | changes))


DESIGN = balanced(16, 5, seed=1)


def test_without_noise_and_saturation_every_experiment_finds_the_truth() -> None:
    found = simulate([model(), model()], DESIGN, seeds=1, people=1, experiments=7, seed=0)
    assert found["glm"].shape == (14,)
    assert found["glm"] == pytest.approx(1)
    assert found["glm_log"] == pytest.approx(1)


def test_the_logarithm_undoes_a_curve_that_ends_at_100() -> None:
    curve = Curve(base=60.0, most=40.0, speed=3.0, r2=1.0, rest_sd=0.0)
    found = simulate([model(curve=curve)], DESIGN, seeds=1, people=1, experiments=1, seed=0)
    assert found["glm_log"] == pytest.approx(1)


def test_noise_is_what_a_plain_loop_says() -> None:
    noisy = model(people=PEOPLE_COVARIANCE, row=0.02, seed=0.006)
    found = simulate([noisy], DESIGN, seeds=4, people=2, experiments=4000, seed=0)["glm"]
    generator = np.random.default_rng(5)
    terms = np.column_stack([np.ones(len(DESIGN)), DESIGN])
    expected = []
    for _ in range(2000):
        people = DESIGN @ generator.multivariate_normal(np.zeros(5), PEOPLE_COVARIANCE / 2)
        runs = generator.normal(0, 0.02 / 2, len(DESIGN))
        seeds = DESIGN @ generator.normal(0, 0.006 / 2, 5)
        scores = STRAIGHT(DESIGN @ TRUTH) + people + seeds + runs
        effect = np.linalg.lstsq(terms, scores, rcond=None)[0][1:]
        expected.append(stats.spearmanr(effect, TRUTH).statistic)
    assert 0.5 < np.mean(expected) < 0.95
    assert found.mean() == pytest.approx(np.mean(expected), abs=0.02)
    assert (found >= 0.9 - 1e-9).mean() == pytest.approx((np.array(expected) >= 0.9 - 1e-9).mean(), abs=0.04)


def test_what_bits_do_not_say_stays_whatever_is_trained() -> None:
    offset = 0.05 * np.array([5.0, 0, 3, -1, 0])
    found = simulate(
        [model(offset=offset, row=0.05, seed=0.05)], DESIGN, seeds=10**6, people=10**6, experiments=5, seed=0
    )
    effect = np.linalg.lstsq(
        np.column_stack([np.ones(len(DESIGN)), DESIGN]), STRAIGHT(DESIGN @ TRUTH) + DESIGN @ offset, rcond=None
    )[0][1:]
    expected = stats.spearmanr(effect, TRUTH).statistic
    assert expected < 0.9
    assert found["glm"] == pytest.approx(expected)


def test_more_seeds_and_more_people_help() -> None:
    noisy = model(people=PEOPLE_COVARIANCE, row=0.05)

    def mean(**of: int) -> float:
        return float(simulate([noisy], DESIGN, experiments=1000, seed=0, **of)["glm"].mean())

    assert mean(seeds=1, people=1) < mean(seeds=10, people=1) < mean(seeds=10, people=100)


def test_the_table_has_every_design_with_rows_people_and_seeds() -> None:
    training = made_training(dealt_cell(), Draw(300, 0), noise=0.1)
    table = power_table([training], {DATASET: Noise(row=0.05, seed=0.0, part=0.0)}, experiments=3)
    count = (1 + (len(DESIGNS) - 1) * len(ROWS)) * len(PEOPLE) * len(SEEDS) * 2 * len(SCORES)
    assert len(table) == count
    assert not table.duplicated(["scores", "design", "rows", "seeds", "people", "importance"]).any()
    paper = table[(table["design"] == "paper") & (table["seeds"] == 2)]
    assert paper[["rows", "trainings", "experiments"]].drop_duplicates().to_numpy().tolist() == [[20, 38, 3]]
    assert table["probability"].between(0, 1).all()
    needed = needed_table(table)
    assert len(needed) == count / len(SEEDS)


def test_worlds_of_other_rows_are_refused() -> None:
    one = made_training(dealt_cell(), Draw(300, 0))
    other = made_training(dealt_cell(name="other", configurations=one.cell.configurations[:-1]), Draw(301, 0))
    with pytest.raises(InputError, match="world 301 of cell other has other configurations than world 300"):
        power_table([one, other], {DATASET: Noise(row=0.05, seed=0.0, part=0.0)}, experiments=1)


def test_what_is_enough_is_the_fewest_seeds_at_four_of_five() -> None:
    power = pd.DataFrame(
        {
            "dataset": "d", "scores": "bits", "design": ["paper"] * 3 + ["alone"] * 2, "rows": 20, "people": 1,
            "importance": "glm",
            "seeds": [10, 1, 3, 1, 3], "trainings": [190, 19, 57, 19, 57],
            "probability": [0.9, 0.5, 0.8, 0.6, 0.7], "rho": 0.5, "experiments": 10,
        }
    )  # fmt: skip
    needed = needed_table(power).set_index("design")
    assert needed.loc["paper", ["seeds", "trainings", "probability", "most_seeds"]].tolist() == [3, 57, 0.8, 10]
    assert np.isnan(needed.loc["alone", "seeds"])
    assert needed.loc["alone", ["probability", "most_seeds"]].tolist() == [0.7, 3]
