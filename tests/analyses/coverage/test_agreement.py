import numpy as np
import pytest

from mosaicreid.analyses.coverage.agreement import TRUE_RHO, judge_agreement
from mosaicreid.analyses.coverage.tally import summary


def test_the_population_has_the_rank_correlation_that_is_the_target() -> None:
    found = judge_agreement(20_000, 0.5, np.random.default_rng(0))
    exact, noisy = found["rank-correlation", ""], found["rank-correlation-noisy", ""]
    np.testing.assert_allclose(exact.target, TRUE_RHO)
    np.testing.assert_allclose(exact.estimate, TRUE_RHO, atol=0.02)
    # Error halves what a correlation explains: Pearson's falls by the root of the reliability.
    attenuated = 6 / np.pi * np.arcsin(np.sqrt(0.5) * np.sin(np.pi / 6 * np.array(TRUE_RHO)))
    np.testing.assert_allclose(noisy.estimate, attenuated, atol=0.02)
    np.testing.assert_allclose(noisy.target, TRUE_RHO)


def test_intervals_of_many_attributes_are_nearly_nominal() -> None:
    generator = np.random.default_rng(1)
    found = [judge_agreement(60, 1.0, generator) for _ in range(400)]
    counted = summary([each["rank-correlation", ""] for each in found])
    assert counted["covered"] == pytest.approx(0.95, abs=0.025)
    same = [each["rank-correlation-noisy", ""].estimate for each in found]
    np.testing.assert_allclose(same, [each["rank-correlation", ""].estimate for each in found])
