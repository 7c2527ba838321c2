"""The rules on intervals that are made here; intervals against scipy and against a least-squares fit."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from mosaicreid.analyses.recovery.decision import (
    as_good,
    beside_bits,
    over_worlds,
    rare,
    reason,
    recovered,
    within_cells,
)
from mosaicreid.errors import InputError


def test_an_interval_over_worlds_is_students() -> None:
    values = np.array([0.7, 0.9, 0.8, np.nan, 0.95])
    found = over_worlds(values, what="rho")
    known = values[~np.isnan(values)]
    low, high = stats.t.interval(0.95, 3, loc=known.mean(), scale=stats.sem(known))
    assert over_worlds(values, what="rho", bound=0.9)["high"] == 0.9 < high
    assert found == pytest.approx(
        {"mean": known.mean(), "sd": known.std(ddof=1), "low": low, "high": high, "worlds": 4}
    )


def test_an_interval_within_cells_is_that_of_a_model_of_cells() -> None:
    values = np.array([1.0, 2.0, 4.0, 4.5, 5.5, 0.5])
    cells = ["a", "a", "b", "b", "b", "c"]
    dummies = np.array([[cell == name for name in "abc"] for cell in cells], dtype=float)
    test = sm.OLS(values, dummies).fit().t_test(np.full((1, 3), 1 / 3))
    found = within_cells(values, cells, what="gain")
    assert [found["mean"], found["low"], found["high"]] == pytest.approx(
        [test.effect.item(), *test.conf_int()[0].tolist()]
    )
    assert found["worlds"] == 6


def test_one_world_has_no_interval() -> None:
    with pytest.raises(InputError, match="rho is known in 1 world; expected at least 2"):
        over_worlds(np.array([0.5, np.nan]), what="rho")
    with pytest.raises(InputError, match="gain: 2 worlds in 2 cells; expected 2 in a cell"):
        within_cells(np.array([1.0, 2.0]), ["a", "b"], what="gain")


@pytest.mark.parametrize(
    ("low", "mean", "high", "verdict", "needed"),
    [
        (0.91, 0.95, 0.99, "recovered", 12),
        (0.5, 0.6, 0.7, "not recovered", 12),
        (0.75, 0.85, 0.95, "open", 48),  # half as wide in four times as many worlds
        (0.80, 0.90, 1.00, "open", math.nan),
    ],
)
def test_recovered_by_the_whole_interval(low: float, mean: float, high: float, verdict: str, needed: float) -> None:
    found = recovered({"low": low, "mean": mean, "high": high, "worlds": 12})
    assert found["verdict"] == verdict
    assert found["worlds_needed"] == pytest.approx(needed, nan_ok=True)


def test_the_reason_is_the_largest_step_above_zero() -> None:
    steps = {
        "design": {"mean": 0.5, "low": -0.1},
        "saturation": {"mean": 0.1, "low": 0.05},
        "noise": {"mean": 0.2, "low": 0.1},
        "rest": {"mean": -0.1, "low": -0.2},
    }
    assert reason(steps) == "noise"
    assert reason({name: {"mean": 0.1, "low": -0.1} for name in steps}) == "not told apart"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        ([-0.1, 0.6], [0.2, 0.9], "rare is unimportant"),
        ([-0.1, -0.1], [0.2, 0.4], "unimportant at any share"),
        ([0.6, 2.0], [0.9, 3.0], "rare is important too"),
        ([0.3, 0.6], [0.7, 0.9], "open"),
        ([-0.1, 0.3], [0.2, 0.7], "open"),
    ],
)
def test_rare_by_margin(low: list[float], high: list[float], verdict: str) -> None:
    assert rare(low, high, margin=0.5) == verdict


def test_rare_needs_two_shares_and_a_margin() -> None:
    with pytest.raises(InputError, match="intervals of 1 shares"):
        rare([0.1], [0.2], margin=0.5)
    with pytest.raises(InputError, match="the margin is 0 points"):
        rare([0.1, 0.2], [0.2, 0.3], margin=0.0)


def test_signs_and_sizes_of_differences() -> None:
    assert beside_bits({"low": -2.0, "high": -1.0}) == "less than its bits"
    assert beside_bits({"low": 0.1, "high": 1.0}) == "more than its bits"
    assert beside_bits({"low": -0.1, "high": 1.0}) == "not told from its bits"
    assert as_good({"low": -0.09, "high": 0.2}) == "as good"
    assert as_good({"low": -0.5, "high": -0.11}) == "worse"
    assert as_good({"low": -0.2, "high": 0.1}) == "open"
