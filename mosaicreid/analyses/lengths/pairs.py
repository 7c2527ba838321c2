"""Differences between the gains of single attributes after two lengths of training: rules 4 and 8."""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from mosaicreid.analyses.lengths.decision import pair
from mosaicreid.analyses.lengths.means import interval_over_worlds, per_world

_ENDS = ("short", "short_low", "short_high", "long", "long_low", "long_high")
_COLUMNS = ["dataset", "first", "second", "epochs", *_ENDS, "verdict", "worlds", "trainings"]


def pair_table(own: pd.DataFrame, attributes: Sequence[str], *, dataset: str, short: int, long: int) -> pd.DataFrame:
    """Every pair of ``attributes``, trained alone, after ``short`` and ``long`` epochs.

    Args:
        own: the estimands of one dataset's worlds, of trainings that have both lengths.

    Returns:
        dataset, first, second (attributes), epochs (``long``), short, short_low, short_high, long, long_low, long_high
        (gain of first less that of second, points; 95 % over worlds by Student's t), verdict, worlds, trainings.
    """
    some = own[own["configuration"].isin(attributes)]
    trainings = {"worlds": some["world"].nunique(), "trainings": some.groupby(["world", "seed"]).ngroups}
    rows = []
    for first, second in combinations(attributes, 2):
        found = [
            interval_over_worlds(per_world(own, epochs, first) - per_world(own, epochs, second))
            for epochs in (short, long)
        ]
        row: dict[str, object] = {"dataset": dataset, "first": first, "second": second, "epochs": long}
        for length, (mean, low, high) in zip(("short", "long"), found, strict=True):
            row |= {length: mean, f"{length}_low": low, f"{length}_high": high}
        verdict = pair(*((low, high) for _, low, high in found))
        rows.append(row | {"verdict": verdict} | trainings)
    return pd.DataFrame(rows, columns=_COLUMNS)
