"""The figure of the simulation study."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.names.terms import ANALYSES
from mosaicreid.plotting import BLUE, ORANGE, by_dataset, stacked_panels, style, wrapped

_MARKS = {"mAP": ("o", BLUE, "mAP"), "rank1": ("s", ORANGE, "Rank-1"), "": ("D", "0.3", "rank correlation")}


def plot_coverage(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Coverage of nominal 95 % intervals, of as many seeds as there are, a panel per dataset and a row per analysis
    (``robust_coverage.csv``); a thin line runs down to the interval that is covered least."""
    most = table.groupby("analysis")["seeds"].transform("max")
    several = table[table["seeds"] == most].assign(metric=table["metric"].fillna(""))
    panels = by_dataset(several, titles)
    names = list(dict.fromkeys(several["analysis"]))

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        axis.axvspan(93, 97, color="0.92", label="93 to 97 %")
        axis.axvline(95, color="0.5", linewidth=0.8)
        for offset, (metric, (mark, colour, label)) in zip((-0.15, 0.15, 0), _MARKS.items(), strict=True):
            of_metric = rows[rows["metric"] == metric]
            position = np.array([names.index(name) for name in of_metric["analysis"]]) + offset
            axis.hlines(position, 100 * of_metric["least"], 100 * of_metric["covered"], color=colour, linewidth=0.8)
            axis.errorbar(
                100 * of_metric["covered"],
                position,
                xerr=196 * of_metric["std_err"],
                fmt=mark,
                markersize=4,
                color=colour,
                label=label,
            )
        axis.set_yticks(range(len(names)), wrapped((ANALYSES[name] for name in names), 44), fontsize=9)
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.grid(visible=False, axis="y")

    with style():
        figure, drawn = stacked_panels(panels, size=(6.6, 1.2 + 0.27 * len(names) * len(panels)), sharex=True)
        for axis, rows in drawn:
            draw(axis, rows)
        drawn[-1][0].set_xlabel(
            "intervals that hold the truth (%)\nthick: 95 % Monte Carlo error; thin: down to the worst"
        )
        figure.legend(*drawn[0][0].get_legend_handles_labels(), fontsize=9, loc="outside upper center", ncols=4)
    return figure
