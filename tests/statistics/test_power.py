import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from mosaicreid.errors import InputError
from mosaicreid.statistics.mixed_effects import Fit
from mosaicreid.statistics.power import power


def fitted(effect: float, identities: float, runs: float) -> Fit:
    return Fit(
        names=("Intercept", "hat"),
        beta=np.array([50.0, effect]),
        by_seed=np.array([[50.0, effect]]),
        covariance_identities=np.diag([1.0, identities]),
        covariance_runs=np.diag([1.0, runs]),
        identity_count=60,
        run_df=40,
        run_variance=1.0,
        run_variance_source="seeds",
    )


def test_power_is_that_of_statsmodels() -> None:
    row = power(fitted(0.5, 0.02, 0.03)).iloc[0]
    # One sample of one observation whose standard deviation is the standard error
    expected = NormalIndPower(ddof=0).power(0.5 / np.sqrt(0.05), nobs1=1, alpha=0.05, ratio=0)
    assert row["power"] == pytest.approx(expected, abs=1e-9)


def test_the_detectable_effect_has_the_target_power() -> None:
    detectable = power(fitted(0.5, 0.02, 0.03), target=0.9).iloc[0]["detectable"]
    assert power(fitted(detectable, 0.02, 0.03)).iloc[0]["power"] == pytest.approx(0.9, abs=1e-4)


def test_factors_reach_the_target_power() -> None:
    row = power(fitted(0.4, 0.01, 0.05)).iloc[0]
    more_runs = power(fitted(0.4, 0.01, 0.05 / row["runs_factor"])).iloc[0]["power"]
    both = power(fitted(0.4, 0.01 / row["both_factor"], 0.05 / row["both_factor"])).iloc[0]["power"]
    assert more_runs == pytest.approx(0.8, abs=1e-4)
    assert both == pytest.approx(0.8, abs=1e-4)
    # Infinitely many identities leave the runs' 0.05, which is too much for an effect of 0.4.
    assert row["identities_factor"] == np.inf


@pytest.mark.parametrize("options", [{"alpha": 0}, {"target": 1}, {"target": 80}])
def test_bad_levels_are_named(options: dict) -> None:
    with pytest.raises(InputError, match="must be between 0 and 1"):
        power(fitted(1, 1, 1), **options)
