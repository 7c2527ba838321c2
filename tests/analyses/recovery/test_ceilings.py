"""Steps from a perfect ranking to the observed one, where it is known which of them costs something."""

import numpy as np
import pytest
from recovery_worlds import DATASET, again_cell, dealt_cell, made_training

from mosaicreid.analyses.recovery.ceilings import ceilings
from mosaicreid.analyses.recovery.components import Noise
from mosaicreid.analyses.recovery.decision import LOSSES
from mosaicreid.analyses.strength.cells import Draw

CELL, DRAW = dealt_cell(), Draw(300, 0)
QUIET = Noise(row=0.0, seed=0.0, part=0.0)


def saturating(bits):
    return 60 + 30 * (1 - np.exp(-6 * bits))


@pytest.fixture(scope="module")
def straight():
    return ceilings([made_training(CELL, DRAW)], {DATASET: QUIET}, draws=1).set_index("importance")


@pytest.fixture(scope="module")
def curved():
    return ceilings([made_training(CELL, DRAW, saturating)], {DATASET: QUIET}, draws=1).set_index("importance")


def test_a_glm_loses_nothing_on_a_straight_line_without_noise(straight) -> None:
    assert straight.loc["glm", ["straight", "observed"]].tolist() == pytest.approx([1, 1])
    assert straight.loc["glm", "design"] == pytest.approx(0, abs=1e-9)


def test_what_looks_at_one_attribute_alone_loses_to_the_design(straight) -> None:
    assert straight.loc["welch", "design"] > 0.05
    assert straight.loc["welch", "straight"] == pytest.approx(1 - straight.loc["welch", "design"])


def test_saturation_costs_the_glm_and_not_what_is_alone(curved) -> None:
    assert curved.loc["glm", "saturation"] > 0.02
    assert curved.loc["alone", ["design", "saturation"]].tolist() == pytest.approx([0, 0], abs=1e-9)
    # The curve is the one that scores were made with, and nobody's noise was added.
    assert curved["noise"].abs().max() < 0.1
    assert curved.loc["glm", ["noise", "rest"]].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_steps_add_up_to_what_is_missing(curved) -> None:
    np.testing.assert_allclose(curved[list(LOSSES)].sum(axis=1), 1 - curved["observed"])
    assert curved[["dataset", "cell", "world"]].drop_duplicates().to_numpy().tolist() == [[DATASET, "dealt", 300]]
    assert len(curved) == 8


def test_noise_of_runs_costs_everything_when_it_is_large() -> None:
    found = ceilings([made_training(CELL, DRAW)], {DATASET: Noise(row=30.0, seed=0.0, part=0.0)}, draws=8).set_index(
        "importance"
    )
    assert abs(found.loc["glm", "noisy"]) < 0.5
    assert found.loc["glm", "noise"] > 0.4
    assert found.loc["glm", "rest"] < -0.4


def test_noise_of_seeds_costs_too() -> None:
    found = ceilings([made_training(CELL, DRAW)], {DATASET: Noise(row=0.0, seed=9.0, part=0.0)}, draws=8)
    assert found.set_index("importance").loc["glm", "noise"] > 0.3


def test_a_world_whose_curve_is_flat_says_nothing_of_any_step() -> None:
    training = made_training(CELL, DRAW, lambda bits: 80 - 3 * bits)
    found = ceilings([training], {DATASET: QUIET}, draws=1)
    flat = found[found["curve"].isna()]
    assert flat[list(LOSSES)].isna().all(axis=None)


def test_repeated_worlds_need_not_be_given(straight) -> None:
    other = ceilings([made_training(CELL, DRAW)], {again_cell().dataset: QUIET}, draws=1).set_index("importance")
    np.testing.assert_array_equal(straight["observed"], other["observed"])
