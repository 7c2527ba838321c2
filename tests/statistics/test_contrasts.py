"""Contrasts are the same combinations of effects however their weights are written."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.contrasts import combine
from mosaicreid.statistics.mixed_effects import Fit, effects, fit
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import PanelModel, simulate

DESIGN = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)
WEIGHTS = pd.DataFrame({"attribute 0": [1.0, 0.0], "attribute 1": [-1.0, 1.0]}, index=["first less second", "second"])


def drawn(seeds: int = 3) -> Panel:
    world = PanelModel(identities=8, queries_per_identity=2, seeds=seeds, seed_slopes=0.02)
    return simulate(world, DESIGN, np.array([0.5, 0.03, 0.0]), np.random.default_rng(0))


def fitted() -> Fit:
    return fit(drawn())


def test_a_contrast_is_the_difference_and_its_variance_that_of_a_difference() -> None:
    whole, combined = fitted(), combine(fitted(), WEIGHTS)
    assert combined.names == ("Intercept", "first less second", "second")
    assert combined.beta[1] == pytest.approx(whole.beta[1] - whole.beta[2])
    assert combined.beta[2] == whole.beta[2]
    covariance = whole.covariance_identities
    assert combined.covariance_identities[1, 1] == pytest.approx(
        covariance[1, 1] + covariance[2, 2] - 2 * covariance[1, 2]
    )


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_the_runs_part_is_what_a_t_test_over_seeds_would_take(seeds: int) -> None:
    panel = drawn(seeds)
    combined = combine(fit(panel), WEIGHTS)
    columns = sm.add_constant(DESIGN)
    alone = np.array([sm.OLS(100 * panel.ap[:, s].mean(axis=1), columns).fit().params[1:] for s in range(seeds)])
    contrasts = alone @ WEIGHTS.to_numpy().T
    np.testing.assert_allclose(np.sqrt(np.diag(combined.covariance_runs)[1:]), stats.sem(contrasts, axis=0))
    assert combined.run_df == seeds - 1
    first, second = np.diag(combined.covariance_identities), np.diag(combined.covariance_runs)
    np.testing.assert_allclose(combined.df, (first + second) ** 2 / (first**2 / 7 + second**2 / (seeds - 1)))


def test_with_one_seed_a_contrast_has_the_error_of_recoded_columns() -> None:
    panel = drawn(1)
    recoded = DESIGN.copy()
    recoded[:, 1] += DESIGN[:, 0]
    other = fit(replace(panel, design=recoded))
    combined = combine(fit(panel), WEIGHTS)
    assert combined.std_err[1] == pytest.approx(other.std_err[1])
    assert combined.run_variance_source == "lack of fit"


def test_seeds_that_differ_in_what_attributes_bring_widen_a_mean_of_attributes() -> None:
    """The noise of runs averages out and what seeds do to all of them does not."""
    generator = np.random.default_rng(0)
    design = np.vstack([np.zeros(12), np.eye(12), 1 - np.eye(12)])
    world = PanelModel(
        identities=40, queries_per_identity=2, seeds=3, slopes=0.0, rest=0.01, run=0.01, seed_slopes=0.01
    )
    weights = pd.DataFrame([np.repeat([1 / 3, -1 / 9], [3, 9])], columns=[f"attribute {k}" for k in range(12)])
    weights.index = ["three less nine"]
    held = []
    for _ in range(300):
        found = effects(combine(fit(simulate(world, design, np.full(13, 0.01), generator)), weights), margin=None).iloc[
            0
        ]
        held.append(found["ci_low"] <= 0 <= found["ci_high"])
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 300))


@pytest.mark.parametrize(
    "form", [lambda weights: weights[weights.columns[::-1]], lambda weights: weights.astype("Int64")]
)
def test_weights_of_any_order_and_type(form) -> None:
    np.testing.assert_array_equal(combine(fitted(), form(WEIGHTS)).beta, combine(fitted(), WEIGHTS).beta)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (pd.DataFrame({"x": [1]}), "got weights of x; expected those of attribute 0, attribute 1"),
        (pd.DataFrame({0: [1], "attribute 0": [1]}), "got weights of 0, attribute 0; expected"),
        (WEIGHTS * np.nan, "column 'attribute 0' is missing or infinite"),
        (WEIGHTS.astype(str), "column 'attribute 0' holds object values; expected numbers"),
        (WEIGHTS.iloc[:, [0, 0, 1]], r"got the weights \['attribute 0'\] more than once"),
        (WEIGHTS.to_numpy(), "the table of weights is of type ndarray"),
    ],
)
def test_weights_of_something_else(weights, message: str) -> None:
    with pytest.raises(InputError, match=message):
        combine(fitted(), weights)
