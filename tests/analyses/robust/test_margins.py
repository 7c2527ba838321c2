import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from mosaicreid.analyses.robust.margins import margin_if_any, margin_of
from mosaicreid.errors import InputError
from mosaicreid.statistics.mixed_effects import equivalence_p


def test_the_margin_is_a_tenth_of_the_gain() -> None:
    assert margin_of(5.9) == pytest.approx(0.59)


@pytest.mark.parametrize("gain", [0.0, -1.0, float("nan"), float("inf")])
def test_no_gain_has_no_margin(gain: float) -> None:
    with pytest.raises(InputError, match=r"got a gain of .* from all attributes; expected a positive number"):
        margin_of(gain)


def test_no_gain_has_none_if_one_may_be_missing() -> None:
    assert margin_if_any(-1.0) is None
    assert margin_if_any(0.0) is None
    assert margin_if_any(30.0) == pytest.approx(3)


@pytest.mark.parametrize("shift", [-0.8, 0.0, 0.3, 1.5])
def test_equivalence_is_two_one_sided_tests(shift: float) -> None:
    sample = np.random.default_rng(0).normal(shift, 1.0, 30)
    described = DescrStatsW(sample)
    expected = described.ttost_mean(-0.5, 0.5)[0]
    assert equivalence_p(*np.array([[described.mean], [described.std_mean], [29.0]]), 0.5)[0] == pytest.approx(expected)
