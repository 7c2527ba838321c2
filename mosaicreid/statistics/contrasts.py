"""Contrasts: weighted sums of attribute effects, with the errors of the effects as they go together."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import column_names, listed, numbers, require_columns
from mosaicreid.statistics.mixed_effects import Fit


def combine(fitted: Fit, weights: pd.DataFrame) -> Fit:
    """The fit with contrasts in place of attributes: ``weights`` (contrasts, A) times the effects; intercept as it is.

    With several seeds, the part of the runs is the variance of a contrast between seeds, on S - 1 degrees of freedom.
    A mean over attributes averages the noise of single runs out, but not what a seed does to an attribute in all its
    configurations: the variance of a run, of which an effect's interval is made, would be too little.

    Raises:
        InputError: the columns of ``weights`` are not the attributes of the fit, or hold something else than numbers.
    """
    attributes = list(fitted.names[1:])
    require_columns(weights, [], "table of weights")
    if set(column_names("weights", weights.columns)) != set(attributes):
        raise InputError(f"got weights of {listed(weights.columns)}; expected those of {listed(attributes)}")
    matrix = np.zeros((len(weights) + 1, len(attributes) + 1))
    matrix[0, 0], matrix[1:, 1:] = 1.0, np.column_stack([numbers(weights, name) for name in attributes])
    by_seed = fitted.by_seed @ matrix.T
    covariance_runs, run_df, source = (
        matrix @ fitted.covariance_runs @ matrix.T,
        fitted.run_df,
        fitted.run_variance_source,
    )
    if len(by_seed) > 1:
        covariance_runs = np.cov(by_seed, rowvar=False).reshape(covariance_runs.shape) / len(by_seed)
        run_df, source = len(by_seed) - 1, "contrast"
    return replace(
        fitted,
        names=("Intercept", *weights.index),
        beta=matrix @ fitted.beta,
        covariance_identities=matrix @ fitted.covariance_identities @ matrix.T,
        by_seed=by_seed,
        covariance_runs=covariance_runs,
        run_df=run_df,
        run_variance_source=source,
    )
