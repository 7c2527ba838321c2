"""Contrasts are the same combinations of effects however their weights are written."""

import numpy as np
import pandas as pd
import pytest

from mosaicreid.errors import InputError
from mosaicreid.statistics.contrasts import combine
from mosaicreid.statistics.mixed_effects import Fit, fit
from mosaicreid.statistics.simulation import PanelModel, simulate

DESIGN = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)
WEIGHTS = pd.DataFrame({"attribute 0": [1.0, 0.0], "attribute 1": [-1.0, 1.0]}, index=["first less second", "second"])


def fitted() -> Fit:
    world = PanelModel(identities=8, queries_per_identity=2)
    return fit(simulate(world, DESIGN, np.array([0.5, 0.03, 0.0]), np.random.default_rng(0)))


def test_a_contrast_is_the_difference_and_its_variance_that_of_a_difference() -> None:
    whole, combined = fitted(), combine(fitted(), WEIGHTS)
    assert combined.names == ("Intercept", "first less second", "second")
    assert combined.beta[1] == pytest.approx(whole.beta[1] - whole.beta[2])
    assert combined.beta[2] == whole.beta[2]
    covariance = whole.covariance_identities
    assert combined.covariance_identities[1, 1] == pytest.approx(
        covariance[1, 1] + covariance[2, 2] - 2 * covariance[1, 2]
    )


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
