"""Figures of the experiment: shares and E over the strength of the baseline."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.analyses.strength.decision import BASELINES
from mosaicreid.analyses.strength.matched import PAPER_SHARES
from mosaicreid.analyses.strength.tables import main_rows
from mosaicreid.errors import InputError
from mosaicreid.names.terms import TERMS
from mosaicreid.plotting import BLUE, GREY, ORANGE, WIDTH, style

_ROUTES = {route: TERMS["route"][route] for route in ("identity", "attributes")}
# Quantity -> colour, marker, what it is called.
_SHARES = {
    "share_L": (ORANGE, "s", "labels, no experts"),
    "share_gain": (BLUE, "o", "experts"),
    "share_both": (GREY, "^", "experts and labels"),
}


def plot_strength(estimands: pd.DataFrame, curves: pd.DataFrame, decision: pd.DataFrame) -> Figure:
    """What is removed of the shortfall (above) and E with its band and margin (below), a column per route.

    Args:
        estimands, curves, decision: ``strength_worlds.csv``'s estimands, ``strength_curves.csv``,
            ``strength_decision.csv``. Dots are worlds; crosses are the paper at its two baselines.
    """
    rows = main_rows(estimands)
    routes = _routes_of(curves)
    with style():
        figure = Figure(figsize=(WIDTH, 1.3 * WIDTH), layout="constrained")
        axes = figure.subplots(2, len(routes), sharex=True, sharey="row", squeeze=False)
        for column, route in enumerate(routes):
            above, below = axes[0, column], axes[1, column]
            own, fitted = rows[rows["route"] == route], curves[curves["route"] == route]
            for quantity, (colour, marker, name) in _SHARES.items():
                _dots_and_band(above, own, fitted, quantity, colour, marker, name, scale=100)
            above.plot(
                BASELINES, 100 * np.array(PAPER_SHARES), "x", color="black", markersize=8, label="the paper's gain"
            )
            above.set_title(_ROUTES[route], fontsize=10)
            _dots_and_band(below, own, fitted, "E", "black", "o", "E: experts beyond the labels", scale=1)
            gain = fitted[fitted["quantity"] == "gain"]
            margin = 0.1 * gain["estimate"]
            below.plot(gain["baseline"], margin, "--", color=ORANGE, linewidth=1, label="margin: a tenth of the gain")
            below.plot(gain["baseline"], -margin, "--", color=ORANGE, linewidth=1)
            below.axhline(0, color="0.5", linewidth=0.8)
            for point in decision[decision["route"] == route].itertuples():
                below.axvline(float(point.baseline), color="0.8", linewidth=0.8, zorder=0)  # type: ignore[arg-type]
        # Margins at weak baselines lie far above everything that is asked here.
        seen = curves[curves["quantity"] == "E"]
        height = 1.2 * max(seen["high"].max(), -seen["low"].min(), rows["E"].abs().max(), decision["margin"].max())
        axes[1, 0].set_ylim(-height, height)
        axes[0, 0].set_ylabel("removed of the shortfall (%)")
        axes[1, 0].set_ylabel("E (points of mAP)")
        figure.supxlabel("mAP of the baseline (%)", fontsize=10)
        handles, names = (
            [*first, *second]
            for first, second in zip(
                axes[0, 0].get_legend_handles_labels(), axes[1, 0].get_legend_handles_labels(), strict=True
            )
        )
        figure.legend(handles, names, loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return figure


def plot_strength_small(estimands: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """What labels and experts remove of the shortfall, a panel per route: ``plot_strength``'s upper half, smaller."""
    rows = main_rows(estimands)
    routes = _routes_of(curves)
    with style():
        figure = Figure(figsize=(WIDTH, 0.66 * WIDTH), layout="constrained")
        axes = figure.subplots(1, len(routes), sharex=True, sharey=True, squeeze=False)[0]
        for axis, route in zip(axes, routes, strict=True):
            own, fitted = rows[rows["route"] == route], curves[curves["route"] == route]
            for quantity in ("share_L", "share_gain"):
                colour, marker, name = _SHARES[quantity]
                _dots_and_band(axis, own, fitted, quantity, colour, marker, name, scale=100)
            axis.plot(BASELINES, 100 * np.array(PAPER_SHARES), "x", color="black", label="the paper's gain")
            axis.set_title(_ROUTES[route], fontsize=10)
            axis.set_ylim(0, 105)
        axes[0].set_ylabel("removed of the shortfall (%)")
        figure.supxlabel("mAP of the baseline (%)", fontsize=10)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure


def _routes_of(curves: pd.DataFrame) -> list[str]:
    routes = [route for route in _ROUTES if route in set(curves["route"])]
    if not routes:
        raise InputError("no curve of a route to draw; expected worlds on the route identity or attributes")
    return routes


def _dots_and_band(
    axis: Axes,
    worlds: pd.DataFrame,
    curves: pd.DataFrame,
    quantity: str,
    colour: str,
    marker: str,
    name: str,
    *,
    scale: float,
) -> None:
    curve = curves[curves["quantity"] == quantity].sort_values("baseline")
    axis.plot(worlds["baseline"], scale * worlds[quantity], marker, color=colour, markersize=3, alpha=0.6)
    axis.plot(curve["baseline"], scale * curve["estimate"], color=colour, label=name)
    axis.fill_between(
        curve["baseline"], scale * curve["low"], scale * curve["high"], color=colour, alpha=0.15, linewidth=0
    )
