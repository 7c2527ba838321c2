"""Other ways to the same verdicts. All were chosen after results had been seen, and decide nothing.

- ``as committed``: the model and the rule that decide.
- ``datasets scaled``: the difference between datasets shrinks with the shortfall, as the noise does (``bands``).
- one dataset alone.

Each with the margin as an estimate too: experts add less than a tenth of their gain where E - G / 10 is below zero and
E + G / 10 above, with their whole bands.
"""

from collections.abc import Iterator

import pandas as pd

from mosaicreid.analyses.strength.bands import fit_band
from mosaicreid.analyses.strength.decision import ANY, BASELINES, MARGIN, NEEDED, OPEN, SUFFICE, at_point
from mosaicreid.analyses.strength.tables import grid_of_baselines, main_rows
from mosaicreid.datasets import TITLES
from mosaicreid.errors import InputError


def sensitivity_table(estimands: pd.DataFrame) -> pd.DataFrame:
    """Verdicts at the paper's two baselines under every variant.

    Args:
        estimands: of ``tables.estimands``.

    Returns:
        A row per variant, quantity (E or H), route and baseline: variant, quantity, route, baseline, estimate, low,
        high, margin (points; missing for H), verdict, with_margin (the verdict where the margin is an estimate; empty
        for H). A variant that cannot be fitted, or has no baselines on both sides of a point, lacks those rows.

    Raises:
        InputError: as ``fit_band``, for all worlds at once.
    """
    rows = main_rows(estimands)
    tables = [*_of(rows, "as committed", scaled=False), *_of(rows, "datasets scaled", scaled=True)]
    for dataset, own in rows.groupby("dataset", sort=True):
        try:
            tables += _of(own, f"worlds like {TITLES[str(dataset)]} alone", scaled=False)
        except InputError:
            # Too few worlds of one dataset decide nothing, and are no reason to say nothing of both.
            continue
    return pd.concat(tables, ignore_index=True)


def _of(rows: pd.DataFrame, variant: str, *, scaled: bool) -> Iterator[pd.DataFrame]:
    grid = grid_of_baselines()
    part = MARGIN * rows["gain"]
    rows = rows.assign(above=rows["E"] + part, below=rows["E"] - part)
    curves = {name: fit_band(rows, name, grid, scaled=scaled).curve for name in ("E", "gain", "above", "below", "H")}
    bands = {name: curve[curve["baseline"].isin(BASELINES)] for name, curve in curves.items()}
    keys = ["route", "baseline"]
    table = bands["E"][[*keys, "estimate", "low", "high"]].reset_index(drop=True)
    table["margin"] = MARGIN * bands["gain"]["estimate"].to_numpy()
    table["verdict"] = [
        at_point(low=low, high=high, margin=margin) if margin > 0 else OPEN
        for low, high, margin in table[["low", "high", "margin"]].to_numpy().tolist()
    ]
    within = (bands["above"]["low"].to_numpy() > 0) & (bands["below"]["high"].to_numpy() < 0)
    table["with_margin"] = [SUFFICE if inside else OPEN for inside in within]
    yield table.assign(variant=variant, quantity="E")[["variant", "quantity", *table.columns]]
    true = bands["H"][[*keys, "estimate", "low", "high"]].reset_index(drop=True)
    true["verdict"] = [
        NEEDED if low > 0 else ANY if high < 0 else OPEN for low, high in true[["low", "high"]].to_numpy().tolist()
    ]
    yield true.assign(variant=variant, quantity="H", with_margin="")[["variant", "quantity", *true.columns]]
