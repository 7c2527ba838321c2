"""Figures 5 to 9: attribute importance by SHAP, forest, t-test and effect size; of the paper's table or of our runs.

Each function takes DataFrames as ``statistics.estimators`` returns them, with the index as a column.
"""

from collections.abc import Callable, Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.errors import InputError
from mosaicreid.plotting import BLUE, GREY, ORANGE, ROW, WIDTH, check_drawable, stacked_panels, style


def plot_shap(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """SHAP value of every experiment and attribute, a panel each, attributes by mean absolute value (Figure 5).

    Args:
        panels: by title, a long table: attribute, included (0/1), shap (percentage points of the metric).
        metric: its name for the axis label.

    Raises:
        InputError: no panels, an empty one, or one that lacks a column; so do all functions here.
    """

    def draw(axes: Axes, table: pd.DataFrame) -> list[str]:
        order = table["shap"].abs().groupby(table["attribute"]).mean().sort_values().index
        for position, name in enumerate(order):
            rows = table[table["attribute"] == name]
            for included, colour, marker, side in ((1, ORANGE, "D", 1), (0, BLUE, "o", -1)):
                values = rows.loc[rows["included"] == included, "shap"]
                # Excluded below the line, included above: overlapping points keep apart without random jitter.
                height = position + side * (0.1 + 0.05 * (np.arange(len(values)) % 3))
                axes.plot(values, height, marker, color=colour, markersize=4, alpha=0.75, markeredgewidth=0)
        axes.axvline(0, color="0.4", linewidth=0.8)
        return list(order)

    with style():
        figure = _stacked(panels, ["attribute", "included", "shap"], draw, f"SHAP value (points of {metric})")
        _legend(figure, {"included": (ORANGE, "D"), "excluded": (BLUE, "o")})
    return figure


def plot_forest(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """Impurity importance beside permutation importance, attributes by the former (Figures 6 and 7).

    ``panels``: one title, and its table: attribute, fimp (shares of 1), pimp (fall of the forest's R2).
    """
    check_drawable(panels, ["attribute", "fimp", "pimp"])
    if len(panels) > 1:
        raise InputError(f"a figure of a forest shows one table; got {', '.join(panels)}")
    ((title, table),) = panels.items()
    ranked = table.sort_values("fimp", kind="stable")
    with style():
        figure = Figure(figsize=(WIDTH, 0.95 + ROW * len(ranked)), layout="constrained")
        figure.suptitle(f"{title}, {metric}", x=0.02, ha="left", fontsize=11)
        axes = figure.subplots(1, 2, sharey=True)
        labels = {"fimp": "FIMP (share of\nimpurity decrease)", "pimp": "PIMP (fall of R²\nwhen permuted)"}
        for axis, (column, label), colour in zip(axes, labels.items(), (BLUE, ORANGE), strict=True):
            axis.barh(np.arange(len(ranked)), ranked[column], height=0.65, color=colour)
            axis.set_xlabel(label)
            axis.grid(axis="y", visible=False)
        axes[0].set_yticks(range(len(ranked)), ranked["attribute"])
    return figure


def plot_t_tests(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """Welch's t of every attribute, a panel each; the marker says which p-value it has (Figure 8).

    ``panels``: by title, a table: attribute, t_stat (excluded minus included), p_value (not corrected for the number
    of tests), n_included, n_excluded. An attribute without a test (NaN) is named, with a note in place of its point.
    """
    levels = {
        "p < 0.01": (ORANGE, "D"),
        "p < 0.05": (BLUE, "s"),
        "p ≥ 0.05": (GREY, "o"),
    }

    def level(p_value: float) -> tuple[str, str]:
        return levels["p < 0.01" if p_value < 0.01 else "p < 0.05" if p_value < 0.05 else "p ≥ 0.05"]

    columns = ["attribute", "t_stat", "p_value", "n_included", "n_excluded"]
    with style():
        label = f"Welch's t of {metric}, excluded − included"
        figure = _stacked(panels, columns, _lollipops("t_stat", lambda row: level(row["p_value"])), label)
        _legend(figure, levels)
    return figure


def plot_effect_sizes(panels: Mapping[str, pd.DataFrame], *, metric: str) -> Figure:
    """Cohen's d of every attribute, a panel each, over the usual bound of a large effect, 0.8 (Figure 9).

    ``panels``: by title, a table: attribute, cohens_d (included minus excluded), n_included, n_excluded.
    """
    points = _lollipops("cohens_d", lambda row: (BLUE, "o"))

    def draw(axes: Axes, table: pd.DataFrame) -> list[str]:
        axes.axvline(0.8, color=ORANGE, linestyle="--", linewidth=1.2)
        return points(axes, table)

    with style():
        label = f"Cohen's d of {metric} (pooled SDs),\nincluded − excluded"
        figure = _stacked(panels, ["attribute", "cohens_d", "n_included", "n_excluded"], draw, label)
        _legend(figure, {"0.8, called large": (ORANGE, "|")})
    return figure


def _stacked(
    panels: Mapping[str, pd.DataFrame], columns: list[str], draw: Callable[[Axes, pd.DataFrame], list[str]], label: str
) -> Figure:
    """Panels on a common x axis; ``draw`` returns the names of its rows from the bottom up."""
    check_drawable(panels, columns)
    heights = [table["attribute"].nunique() for table in panels.values()]
    size = (WIDTH, 0.9 + 0.35 * len(panels) + ROW * sum(heights))
    figure, drawn = stacked_panels(panels, size=size, height_ratios=heights, sharex=True)
    for axes, table in drawn:
        names = draw(axes, table)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.6, len(names) - 0.4)
    drawn[-1][0].set_xlabel(label)
    return figure


def _lollipops(column: str, look: Callable[[pd.Series], tuple[str, str]]) -> Callable[[Axes, pd.DataFrame], list[str]]:
    """A point per attribute on a stem from zero, the largest on top, named with its rows: ``hat (7 of 25)``."""

    def draw(axes: Axes, table: pd.DataFrame) -> list[str]:
        ranked = table.sort_values(column, key=np.abs, na_position="first", kind="stable")
        for position, (_, row) in enumerate(ranked.iterrows()):
            if np.isnan(row[column]):
                axes.annotate("no test", (0, position), va="center", color="0.3")
                continue
            colour, marker = look(row)
            axes.hlines(position, min(0, row[column]), max(0, row[column]), color=colour, linewidth=2)
            axes.plot(row[column], position, marker, color=colour, markersize=7)
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.grid(axis="y", visible=False)
        counts = zip(ranked["attribute"], ranked["n_included"], ranked["n_excluded"], strict=True)
        return [f"{name} ({included} of {included + excluded})" for name, included, excluded in counts]

    return draw


def _legend(figure: Figure, entries: Mapping[str, tuple[str, str]]) -> None:
    handles = [
        mpl.lines.Line2D([], [], linestyle="", marker=marker, color=colour, markeredgewidth=1.2, label=label)
        for label, (colour, marker) in entries.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), handletextpad=0.2)
