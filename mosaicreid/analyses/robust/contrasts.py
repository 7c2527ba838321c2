"""What the paper claims about kinds of attributes, as one number each: a weighted sum of attribute effects.

"Contribute most strongly" compares attributes with others, so no effect's own interval can show it. A contrast can: its
interval uses how the errors of the effects go together.
"""

import numpy as np
import pandas as pd
import statsmodels.api as sm

from mosaicreid import published
from mosaicreid.datasets import get_schema

COLOURS = "colours less the rest"
INTRINSIC = "intrinsic less the rest"
LOWER_COLOUR = "lower less upper colour"
_CLOTHING_COLOURS = ("upcolour", "downcolour")


def contrast_weights(dataset: str) -> pd.DataFrame:
    """Weights of the contrasts (index) over the attributes of a dataset (columns); every row sums to zero.

    ``COLOURS`` and ``INTRINSIC`` are the mean of the clothing colours, and of the intrinsic attributes, less the mean
    of all that are neither: the abstract names the two kinds together. ``LOWER_COLOUR``: Section 4.4. A contrast that
    the dataset has no attributes for is left out.
    """
    schema = get_schema(dataset)
    colours = tuple(name for name in _CLOTHING_COLOURS if name in schema.attributes)
    intrinsic = schema.clusters.get("intrinsic", ())
    rest = tuple(name for name in schema.attributes if name not in (*colours, *intrinsic))
    sides = {COLOURS: (colours, rest), INTRINSIC: (intrinsic, rest), LOWER_COLOUR: (colours[1:], colours[:1])}
    weights = pd.DataFrame(columns=list(schema.attributes), dtype=float)
    for contrast, (plus, minus) in sides.items():
        if plus and minus:
            weights.loc[contrast] = 0.0
            weights.loc[contrast, list(plus)] = 1 / len(plus)
            weights.loc[contrast, list(minus)] = -1 / len(minus)
    return weights


def published_contrasts(dataset: str) -> pd.DataFrame:
    """The same contrasts of mAP in the paper's Table 3: paper_effect, paper_ci_low, paper_ci_high, by contrast.

    Least squares with Student's t, rows being independent: what the published table allows. In mAP points. No row
    where the paper does not have the dataset.
    """
    weights = contrast_weights(dataset)
    if dataset not in published.DATASETS:
        return pd.DataFrame(columns=["paper_effect", "paper_ci_low", "paper_ci_high"], dtype=float)
    table = published.load_experiments(dataset)
    fitted = sm.OLS(table["mAP"], sm.add_constant(table[list(weights.columns)].astype(float))).fit()
    tested = fitted.t_test(np.column_stack([np.zeros(len(weights)), weights]))
    low, high = tested.conf_int(alpha=0.05).T
    return pd.DataFrame(
        {"paper_effect": np.ravel(tested.effect), "paper_ci_low": low, "paper_ci_high": high}, index=weights.index
    )
