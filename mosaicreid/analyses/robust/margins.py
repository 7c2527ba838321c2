"""What counts as next to nothing: the one margin of every claim that an effect is limited or absent."""

import numpy as np

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import shown

SHARE = 0.1


def margin_of(gain: float) -> float:
    """A tenth of the gain of all attributes over the baseline, in its unit: half a point means something else where
    all attributes gain 3 points than where they gain 60.

    Raises:
        InputError: the gain is not a positive number.
    """
    if not 0 < gain < np.inf:
        raise InputError(
            f"got a gain of {shown(gain)} from all attributes; expected a positive number, a tenth of which is the "
            "margin of equivalence (without a gain there is nothing to be a small part of)"
        )
    return SHARE * float(gain)


def margin_if_any(gain: float) -> float | None:
    """``margin_of`` a gain, and None where there is no gain that something could be a small part of."""
    return margin_of(gain) if gain > 0 else None
