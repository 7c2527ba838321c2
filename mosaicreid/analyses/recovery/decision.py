"""The decision rules, written before any world of this experiment was drawn.

**The truth** of a world is what its images hide of each attribute as it was dealt: H(T | X) in bits
(``knowledge_gain_bits`` of ``World.truth``), of the priors and visibilities that people and images are drawn from, not
of those who happened to be drawn. An estimator is judged by Spearman's rho between its importances and the truth over
the attributes of one world. Worlds are the sample: means over worlds have 95 % intervals by Student's t.

**1. Is the truth recovered?** Per dataset and estimator, by the interval of the mean rho: ``recovered`` if all of it
lies above 0.9, ``not recovered`` if all of it lies below, else ``open`` with the number of worlds at which half of the
interval would be as wide as the mean is far from 0.9. The GLM on retrained rows, the paper's, is primary; the others
are not corrected for their number: one of twenty such verdicts is expected to be wrong.

**2. Why not?** For what is not ``recovered`` on retrained rows: every step from rho = 1 down to the observed one takes
something away, in this order, and the steps add up:

- ``design``: the estimator gets scores that are a straight line in the sum of the truths, without noise;
- ``saturation``: scores follow the saturating curve of that sum that is nearest to the world's own scores instead;
- ``noise``: to these, the noise of test people, of rows and of seeds is added (mean over draws);
- ``rest``: the observed scores, which depend on more than the hidden bits alone.

The reason is the largest step whose interval over worlds lies above zero, ``not told apart`` where none does. An
estimator that is exact on additive scores loses nothing to ``design`` alone; what the paper's rows cost it beside other
rows of their number, with noise and saturation, is read off the simulations of rule 5 at one seed. Beside rho with the
hidden bits, which decides, stand Pearson's correlation, to which near ties among small truths do not matter, and rho
with the bits that heads on the baseline's features leave unread.

**3. Is what is rare unimportant?** Four attributes of two values have four shares of people, from 6 to 50 %, another
one in each row of a Latin square, at visibilities that stay. Nothing is a tenth of the gain of all attributes
(``robust.margins``). Means over worlds within cells of the square, 95 % intervals with the worlds' spread in a cell:

- ``unimportant at any share``: at every share the whole interval of the gain alone lies below the margin;
- ``rare is unimportant``: at the smallest share it lies below the margin, at the largest above;
- ``rare is important too``: at the smallest share it lies above the margin;
- ``open``: none of these.

The same of what the labels bring without experts: where labels pass the margin and experts do not, a rare cue is not
unimportant but hardly learnt. Beside it, whether a rare cue brings what its bits say: the gain at the smallest share
less that at the largest times the ratio of an attribute's hidden bits at the two, H(T | X) among the test people who
were drawn; ``less than its bits`` or ``more than its bits`` where the interval excludes zero, else ``not told from its
bits``.

**4. Is switching off as good as retraining?** On the same worlds, rho of the GLM on the rows with experts switched off
less rho of the GLM on retrained rows, both with the truth: ``as good`` if the interval's lower end lies above -0.1,
``worse`` if its upper end lies below that, else ``open``.

**5. What would be enough?** Rows and seeds are enough if rho is 0.9 or more in 80 % of simulated experiments, in which
scores owe to hidden bits and, as far as it is more than noise, to what else the scores of these worlds owe to. What
would be enough if hidden bits were all is given beside it.

Worlds of pilots never count. More worlds are drawn only because a verdict is open, and never fewer than were announced.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.errors import InputError

AIM = 0.9
LOSSES = ("design", "saturation", "noise", "rest")
AS_GOOD = -0.1
ENOUGH = 0.8
RECOVERED, NOT_RECOVERED, OPEN = "recovered", "not recovered", "open"


def over_worlds(values: NDArray[np.float64], *, what: str, bound: float = math.inf) -> dict[str, float]:
    """Mean, sd, low and high (95 %, Student's t) of one value per world, and their number; NaN counts as no world.

    An interval ends at +-``bound`` at most: 1 for a correlation.

    Raises:
        InputError: fewer than two worlds, which have no spread.
    """
    values = values[~np.isnan(values)]
    if len(values) < 2:
        raise InputError(f"{what} is known in {len(values)} world; expected at least 2 for an interval")
    sd = float(values.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * sd / math.sqrt(len(values))
    mean = float(values.mean())
    low, high = max(-bound, mean - half), min(bound, mean + half)
    return {"mean": mean, "sd": sd, "low": low, "high": high, "worlds": len(values)}


def within_cells(values: NDArray[np.float64], cells: Sequence[str], *, what: str) -> dict[str, float]:
    """Mean over cells of the mean over the worlds of each, with the spread of worlds within cells; as ``over_worlds``.

    Args:
        values: one per world. cells: of each world.

    Raises:
        InputError: every cell has one world, so that nothing is known of their spread.
    """
    table = pd.DataFrame({"cell": list(cells), "value": values})
    groups = table.groupby("cell")["value"]
    count = groups.size().to_numpy()
    df = len(table) - len(count)
    if df < 1:
        raise InputError(f"{what}: {len(table)} worlds in {len(count)} cells; expected 2 in a cell for an interval")
    sd = math.sqrt(float(((table["value"] - groups.transform("mean")) ** 2).sum()) / df)
    half = float(stats.t.ppf(0.975, df)) * sd * math.sqrt(float((1 / count).sum())) / len(count)
    mean = float(groups.mean().mean())
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "worlds": len(table)}


def recovered(found: Mapping[str, float]) -> dict[str, object]:
    """Rule 1 on what ``over_worlds`` gives: verdict, and worlds_needed (the number that there are where it is not open,
    NaN where the mean is the aim itself, which no number tells from it)."""
    low, high, worlds = found["low"], found["high"], found["worlds"]
    verdict = RECOVERED if low > AIM else NOT_RECOVERED if high < AIM else OPEN
    needed: float = worlds
    if verdict == OPEN:
        distance = abs(found["mean"] - AIM)
        needed = math.ceil(worlds * ((found["mean"] - low) / distance) ** 2) if distance > 1e-9 else math.nan
    return {"verdict": verdict, "worlds_needed": needed}


def reason(losses: Mapping[str, Mapping[str, float]]) -> str:
    """Rule 2: the largest of ``LOSSES`` (each with mean and low) that lies above zero."""
    above = {name: losses[name]["mean"] for name in LOSSES if losses[name]["low"] > 0}
    return max(above, key=lambda name: above[name]) if above else "not told apart"


def rare(low: Sequence[float], high: Sequence[float], *, margin: float) -> str:
    """Rule 3 from the intervals of the gain at every share, the smallest share first, in points of mAP.

    Raises:
        InputError: fewer than two shares, or a margin that is not positive.
    """
    if len(low) < 2 or len(low) != len(high):
        raise InputError(f"got intervals of {len(low)} shares; expected at least two to compare")
    if not margin > 0:
        raise InputError(f"the margin is {margin:.3g} points; expected all attributes to gain something to go by")
    if max(high) < margin:
        return "unimportant at any share"
    if high[0] < margin < low[-1]:
        return "rare is unimportant"
    return "rare is important too" if low[0] > margin else OPEN


def beside_bits(found: Mapping[str, float]) -> str:
    """Rule 3's second question, from the interval of what a rare cue gains beyond what its bits say."""
    if found["high"] < 0:
        return "less than its bits"
    return "more than its bits" if found["low"] > 0 else "not told from its bits"


def as_good(found: Mapping[str, float]) -> str:
    """Rule 4, from the interval of the difference of two correlations."""
    return "as good" if found["low"] > AS_GOOD else "worse" if found["high"] < AS_GOOD else OPEN
