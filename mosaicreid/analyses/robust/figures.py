"""Figures of the robust analyses; each takes a result table and the titles of its data (``names.provenance``)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.plotting import BLUE, ORANGE, by_dataset, stacked_panels, style, wrapped


def plot_effects(table: pd.DataFrame, titles: Mapping[str, str], *, metric: str = "mAP") -> Figure:
    """Attribute effects on ``metric`` with robust and with the paper's intervals; a panel per dataset
    (``robust_effects.csv``)."""

    def draw(axis: Axes, rows: pd.DataFrame, position: np.ndarray) -> None:
        axis.hlines(position + 0.14, rows["ci_low"], rows["ci_high"], color=BLUE, linewidth=2.4)
        axis.plot(rows["effect"], position + 0.14, "o", color=BLUE, markersize=5, label="mixed effects")
        axis.hlines(position - 0.14, rows["naive_ci_low"], rows["naive_ci_high"], color=ORANGE, linewidth=1.4)
        axis.plot(rows["naive_effect"], position - 0.14, "s", color=ORANGE, markersize=4, label="paper's GLM, one seed")

    label = f"effect of the attribute's experts on {metric}\n(points, 95 % intervals)"
    return _rows_by_dataset(table, titles, draw, order="effect", names="attribute", label=label, height=0.36)


def plot_gains(table: pd.DataFrame, titles: Mapping[str, str], *, metric: str = "mAP") -> Figure:
    """Gain of every configuration over the baseline with simultaneous intervals (``robust_gains.csv``)."""

    def draw(axis: Axes, rows: pd.DataFrame, position: np.ndarray) -> None:
        axis.hlines(position, rows["sim_low"], rows["sim_high"], color=BLUE, linewidth=1, label="all at once")
        axis.hlines(position, rows["ci_low"], rows["ci_high"], color=BLUE, linewidth=3, label="one by one")
        axis.plot(rows["gain"], position, "o", color="black", markersize=4)

    label = f"gain over the baseline\n({metric} points, 95 % intervals)"
    return _rows_by_dataset(table, titles, draw, order="gain", names="configuration", label=label, height=0.27)


def plot_rank1_effects(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """``plot_effects`` of Rank-1 (``robust_rank1_effects.csv``)."""
    return plot_effects(table, titles, metric="Rank-1")


def plot_rank1_gains(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """``plot_gains`` of Rank-1 (``robust_rank1_gains.csv``)."""
    return plot_gains(table, titles, metric="Rank-1")


def _rows_by_dataset(
    table: pd.DataFrame,
    titles: Mapping[str, str],
    draw: Callable[[Axes, pd.DataFrame, np.ndarray], None],
    *,
    order: str,
    names: str,
    label: str,
    height: float,
) -> Figure:
    """A panel per dataset, in each a row per value of ``names``, ``height`` inches high, sorted by ``order``."""
    panels = {title: rows.sort_values(order) for title, rows in by_dataset(table, titles).items()}
    heights = [len(rows) for rows in panels.values()]
    with style():
        size = (6, 1.3 + height * sum(heights))
        figure, drawn = stacked_panels(panels, size=size, height_ratios=heights, sharex=True)
        for axis, rows in drawn:
            position = np.arange(len(rows))
            axis.axvline(0, color="0.4", linewidth=0.8)
            draw(axis, rows, position)
            axis.set_yticks(position, wrapped(rows[names]), fontsize=9, linespacing=0.95)
            axis.grid(visible=False, axis="y")
        drawn[-1][0].set_xlabel(label)
        drawn[0][0].legend(fontsize=9, loc="lower right")
    return figure
