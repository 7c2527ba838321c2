"""What the paper claims about kinds of attributes, as one number each: a weighted sum of attribute effects.

"Contribute most strongly" compares attributes with others, so no effect's own interval can show it. A contrast can: its
interval uses how the errors of the effects go together.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import statsmodels.api as sm

from mosaicreid import published
from mosaicreid.attributes import get_schema
from mosaicreid.errors import InputError
from mosaicreid.robust import Fit

COLOURS = "colours less the rest"
INTRINSIC = "intrinsic less the rest"
LOWER_COLOUR = "lower less upper colour"
_CLOTHING_COLOURS = ("upcolour", "downcolour")


def contrast_weights(dataset: str) -> pd.DataFrame:
    """Weights of the contrasts (index) over the attributes of a dataset (columns); every row sums to zero.

    ``COLOURS`` and ``INTRINSIC`` are the mean of the clothing colours, and of the intrinsic attributes, less the mean
    of all that are neither: the abstract names the two kinds together. ``LOWER_COLOUR``: Section 4.4.
    """
    schema = get_schema(dataset)
    intrinsic = schema.clusters["intrinsic"]
    rest = [name for name in schema.attributes if name not in (*_CLOTHING_COLOURS, *intrinsic)]
    weights = pd.DataFrame(0.0, index=[COLOURS, INTRINSIC, LOWER_COLOUR], columns=list(schema.attributes))
    for contrast, kind in ((COLOURS, _CLOTHING_COLOURS), (INTRINSIC, intrinsic)):
        weights.loc[contrast, list(kind)] = 1 / len(kind)
        weights.loc[contrast, rest] = -1 / len(rest)
    weights.loc[LOWER_COLOUR, "downcolour"], weights.loc[LOWER_COLOUR, "upcolour"] = 1.0, -1.0
    return weights


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


def published_contrasts(dataset: str) -> pd.DataFrame:
    """The same contrasts of mAP in the paper's Table 3: paper_effect, paper_ci_low, paper_ci_high, by contrast.

    Least squares with Student's t, rows being independent: what the published table allows. In mAP points.
    """
    weights = contrast_weights(dataset)
    table = published.load_experiments(dataset)
    fitted = sm.OLS(table["mAP"], sm.add_constant(table[list(weights.columns)].astype(float))).fit()
    tested = fitted.t_test(np.column_stack([np.zeros(len(weights)), weights]))
    low, high = tested.conf_int(alpha=0.05).T
    return pd.DataFrame(
        {"paper_effect": np.ravel(tested.effect), "paper_ci_low": low, "paper_ci_high": high}, index=weights.index
    )
