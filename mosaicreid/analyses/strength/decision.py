"""The decision rule, written before any world of the experiment was drawn.

**Question.** At a strong baseline, what do experts add to a score that has the labels already?

**Estimands**, at baseline mAP m on a route r to it, mean over the datasets' worlds, at the first training length:

- E(m, r) = AP(experts + labels) - AP(baseline + labels), the primary one;
- L(m, r) = AP(baseline + labels) - AP(baseline);
- G(m, r) = AP(experts) - AP(baseline), the oracle's gain.

**Margin.** What is below a tenth of the oracle's gain is called nothing: margin(m, r) = 0.1 * G(m, r), from the fitted
curve of G. It scales with what is at stake; a fixed number of points would be most of a small gain and nothing of a
large one.

**Points.** The paper's baselines, 82.6 and 89.6 mAP, on both routes: four points. The simultaneous 95 % band of E over
the grid of baselines and routes holds all four at once, so nothing more is corrected for.

**At one point**, in this order:

1. ``labels suffice``: the whole band of E lies within +-margin;
2. ``experts add``: the whole band lies above zero;
3. ``experts harm``: the whole band lies below zero;
4. ``open``: none of these.

**Overall.** The verdict that all four points share; ``open`` if any point is open, with the number of worlds at which
its band would be as narrow as the margin (half-width = margin; it shrinks with the root of the number of worlds); else
``depends on the route`` where each route agrees with itself, and ``depends on the strength`` where one does not.

**Must labels be true?** The same at the same four points with H(m, r) = G(m, r) / 2 - P(m, r), where P is the oracle's
gain with labels of another person, the same on all of that person's images. Where the whole band of H lies above zero,
most of the gain goes with true labels: ``true labels needed``; where it lies below, at least half of it comes without:
``any labels do``; else ``open``. Overall as above.

Every world counts once per cell. Worlds of the pilots never count. More worlds are drawn only because a point is open,
up to the number said, and never fewer than were announced.
"""

import math
from collections.abc import Mapping

import pandas as pd

from mosaicreid.analyses.robust.margins import SHARE
from mosaicreid.errors import InputError

BASELINES = (82.6, 89.6)
MARGIN = SHARE  # of the oracle's gain
SUFFICE, ADD, HARM, OPEN = "labels suffice", "experts add", "experts harm", "open"
# In place of an overall verdict, as long as there are fewer worlds than were announced.
UNFINISHED = "unfinished"
NEEDED, ANY = "true labels needed", "any labels do"


def at_point(*, low: float, high: float, margin: float) -> str:
    """The verdict at one point from the band ``low`` to ``high`` and the margin, all in points of mAP.

    Raises:
        InputError: a margin that is not positive: the oracle gains nothing there, so nothing can be a tenth of it.
    """
    if not margin > 0:
        raise InputError(
            f"the margin is {margin:.3g} points, a tenth of what the oracle gains; expected a gain above zero to go by"
        )
    if -margin <= low and high <= margin:
        return SUFFICE
    return ADD if low > 0 else HARM if high < 0 else OPEN


def overall(points: Mapping[tuple[str, float], str]) -> str:
    """The verdict over all points, which are named by route and baseline."""
    verdicts = set(points.values())
    if OPEN in verdicts:
        return OPEN
    if len(verdicts) == 1:
        return verdicts.pop()
    routes = {route for route, _ in points}
    alike = all(len({verdict for (of, _), verdict in points.items() if of == route}) == 1 for route in routes)
    return "depends on the route" if alike else "depends on the strength"


def decide(band: pd.DataFrame, gain: pd.DataFrame, labels: pd.DataFrame, *, worlds: Mapping[str, int]) -> pd.DataFrame:
    """The rule applied.

    Args:
        band: E's, with route, baseline, estimate, low and high at the points at least. gain, labels: G's and L's,
            likewise (their bands are not used). worlds: how many there are, by route.

    Returns:
        route, baseline, E, low, high, gain, margin (points), verdict, worlds, worlds_needed (for a band as narrow as
        the margin; not below ``worlds`` where it is already), headroom (points that are left to 100 once labels are
        added, the most that E can be; chosen afterwards, decides nothing), and overall, the same in every row.
    """
    rows = []
    points: dict[tuple[str, float], str] = {}
    reached, alone = (
        {(str(route), float(at)): float(x) for route, at, x in curve[["route", "baseline", "estimate"]].to_numpy()}
        for curve in (gain, labels)
    )
    columns = ["route", "baseline", "estimate", "low", "high"]
    for route, at, estimate, low, high in band.loc[band["baseline"].isin(BASELINES), columns].to_numpy().tolist():
        if (route, at) not in reached:
            raise InputError(f"the oracle's gain is not known at {at} mAP on the route {route}; expected it there too")
        margin = MARGIN * reached[route, at]
        points[route, at] = at_point(low=low, high=high, margin=margin)
        rows.append(
            {
                "route": route,
                "baseline": at,
                "E": estimate,
                "low": low,
                "high": high,
                "gain": reached[route, at],
                "margin": margin,
                "verdict": points[route, at],
                "worlds": worlds[route],
                "worlds_needed": math.ceil(worlds[route] * max(1.0, (high - low) / 2 / margin) ** 2),
                "headroom": 100 - at - alone[route, at],
            }
        )
    _require(points, "E", worlds)
    return pd.DataFrame(rows).assign(overall=overall(points))


def decide_true(band: pd.DataFrame, *, worlds: Mapping[str, int]) -> pd.DataFrame:
    """The rule on whether labels must be true, applied.

    Args:
        band: H's, as ``decide`` takes E's. worlds: how many there are, by route.

    Returns:
        route, baseline, H, low, high (points), verdict, worlds, and overall, the same in every row.
    """
    table = band[band["baseline"].isin(BASELINES)][["route", "baseline", "estimate", "low", "high"]]
    table = table.rename(columns={"estimate": "H"}).reset_index(drop=True)
    verdicts = [
        NEEDED if low > 0 else ANY if high < 0 else OPEN for low, high in table[["low", "high"]].to_numpy().tolist()
    ]
    keys = [(str(route), float(at)) for route, at in table[["route", "baseline"]].to_numpy()]
    points = dict(zip(keys, verdicts, strict=True))
    _require(points, "H", worlds)
    return table.assign(verdict=verdicts, worlds=table["route"].map(worlds), overall=overall(points))


def _require(points: Mapping[tuple[str, float], str], what: str, worlds: Mapping[str, int]) -> None:
    missing = [f"{at} on the route {route}" for route in worlds for at in BASELINES if (route, at) not in points]
    if missing:
        raise InputError(
            f"no band of {what} at {', '.join(missing)}; expected worlds with weaker and stronger baselines"
        )
