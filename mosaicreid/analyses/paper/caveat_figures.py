"""Figures of the caveats: how far one row moves a coefficient, and what a raw difference owes to other attributes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.plotting import (
    BLUE,
    GREY,
    ORANGE,
    ROW,
    WIDTH,
    by_dataset,
    check_drawable,
    save_figure,
    stacked_panels,
    style,
)
from mosaicreid.results import read_results

_SKY = sns.color_palette("colorblind").as_hex()[9]


def plot_influence(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """Every coefficient with its 95 % interval under t, and its range when any one row is left out; a panel each.

    Args:
        panels: by title, a table: term (no intercept), coef, t_low, t_high, coef_min, coef_max, rests_on_one_row.
        metric: its name for the axis label.

    Raises:
        InputError: no panels, or one without rows or one of the columns.
    """

    def draw(axes: Axes, table: pd.DataFrame) -> None:
        positions = np.arange(len(table))
        axes.hlines(positions, table["coef_min"], table["coef_max"], color=_SKY, linewidth=7)
        axes.hlines(positions, table["t_low"], table["t_high"], color="0.3", linewidth=1.2)
        for rests, (colour, marker) in {False: ("black", "o"), True: (ORANGE, "D")}.items():
            chosen = (table["rests_on_one_row"] == rests).to_numpy()
            axes.plot(table["coef"].to_numpy()[chosen], positions[chosen], marker, color=colour, markersize=6)

    columns = ["term", "coef", "t_low", "t_high", "coef_min", "coef_max", "rests_on_one_row"]
    with style():
        figure = _panels(panels, columns, draw, f"coefficient (points of {metric})")
        _legend(
            figure,
            {
                "coefficient": {"color": "black", "marker": "o", "linestyle": ""},
                "rests on one row": {"color": ORANGE, "marker": "D", "linestyle": ""},
                "95 % interval (t)": {"color": "0.3", "linewidth": 1.2},
                "one row left out": {"color": _SKY, "linewidth": 7},
            },
        )
    return figure


def plot_confounding(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """The raw difference of means of every attribute and its GLM coefficient, joined by a line; a panel each.

    ``panels``: by title, a table: term, coef, difference. Raises as ``plot_influence``.
    """

    def draw(axes: Axes, table: pd.DataFrame) -> None:
        positions = np.arange(len(table))
        axes.hlines(positions, table["coef"], table["difference"], color=GREY, linewidth=1.2)
        axes.plot(table["difference"], positions, "s", color=BLUE, markersize=6)
        axes.plot(table["coef"], positions, "o", color=ORANGE, markersize=6)

    with style():
        figure = _panels(panels, ["term", "coef", "difference"], draw, f"effect of inclusion (points of {metric})")
        _legend(
            figure,
            {
                "others held fixed (GLM)": {"color": ORANGE, "marker": "o", "linestyle": ""},
                "raw difference (t-test)": {"color": BLUE, "marker": "s", "linestyle": ""},
            },
        )
    return figure


def write_caveat_figures(results: Path) -> None:
    """Both figures for the published mAP, from the tables ``caveats_*.csv`` in ``results`` to ``results/figures``.

    Raises:
        InputError: one of the tables is missing.
    """
    tables = {name: read_results(results / f"caveats_{name}.csv") for name in ("t_vs_z", "influence_summary")}
    tables["confounding"] = read_results(results / "caveats_confounding.csv").rename(columns={"attribute": "term"})
    keys = ["dataset", "metric", "term"]
    judged = tables["influence_summary"].merge(tables["t_vs_z"], on=keys, validate="one_to_one")
    panels = {
        name: {
            title: table[(table["metric"] == "mAP") & (table["term"] != "Intercept")]
            for title, table in by_dataset(rows).items()
        }
        for name, rows in {"influence": judged, "confounding": tables["confounding"]}.items()
    }
    save_figure(plot_influence(panels["influence"], metric="mAP"), results / "figures" / "caveats_influence.svg")
    save_figure(plot_confounding(panels["confounding"], metric="mAP"), results / "figures" / "caveats_confounding.svg")


def _panels(
    panels: Mapping[str, pd.DataFrame], columns: list[str], draw: Callable[[Axes, pd.DataFrame], None], label: str
) -> Figure:
    check_drawable(panels, columns)
    heights = [len(table) for table in panels.values()]
    size = (WIDTH, 1.2 + 0.35 * len(panels) + ROW * sum(heights))
    figure, drawn = stacked_panels(panels, size=size, height_ratios=heights, sharex=True)
    for axes, table in drawn:
        ranked = table.sort_values("coef", kind="stable")
        draw(axes, ranked)
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks(range(len(ranked)), ranked["term"])
        axes.set_ylim(-0.6, len(ranked) - 0.4)
    drawn[-1][0].set_xlabel(label)
    return figure


def _legend(figure: Figure, entries: Mapping[str, Mapping[str, object]]) -> None:
    handles = [mpl.lines.Line2D([], [], label=label, **look) for label, look in entries.items()]  # type: ignore[arg-type]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, handletextpad=0.4)
