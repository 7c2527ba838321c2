"""Contrasts: weighted sums of attribute effects, with the errors of the effects as they go together."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.statistics.mixed_effects import Fit


def combine(fitted: Fit, weights: pd.DataFrame) -> Fit:
    """The fit with contrasts in place of attributes: ``weights`` (contrasts, A) times the effects; intercept as it is.

    Raises:
        InputError: the columns of ``weights`` are not the attributes of the fit.
    """
    attributes = list(fitted.names[1:])
    if sorted(weights.columns) != sorted(attributes):
        raise InputError(f"got weights of {', '.join(weights.columns)}; expected those of {', '.join(attributes)}")
    matrix = np.zeros((len(weights) + 1, len(attributes) + 1))
    matrix[0, 0], matrix[1:, 1:] = 1.0, weights[attributes]
    return replace(
        fitted,
        names=("Intercept", *weights.index),
        beta=matrix @ fitted.beta,
        covariance_identities=matrix @ fitted.covariance_identities @ matrix.T,
        covariance_runs=matrix @ fitted.covariance_runs @ matrix.T,
    )
