"""Figures of the controls for the oracle; each takes a result table and the titles of its data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.names.terms import CONTROLS
from mosaicreid.plotting import (
    BLUE,
    GREY,
    ORANGE,
    by_dataset,
    draw_intervals,
    stacked_panels,
    style,
    title_of_dataset,
    wrapped,
)

# A split: what its two parts are called.
SPLITS = {
    "gain": ("whole gain", ""),
    "fusion-crossfit": ("labels added to the score", "experts beyond that"),
    "given-labels": ("experts, labels added to both", ""),
    "permuted-trained": ("permuted labels, trained", "true rather than permuted labels"),
    "predicted": ("predicted labels", "true rather than predicted labels"),
    "distractors-lent": ("distractors labelled too", "distractors unlabelled"),
    "look-alikes": ("gain among look-alikes", ""),
}
_INTERVAL = "95 % intervals over people and seeds"


def plot_controls(table: pd.DataFrame, titles: Mapping[str, str], *, metric: str = "mAP") -> Figure:
    """Every control's difference to the baseline on the same queries, a panel per dataset (``oracle_controls.csv``)."""
    table = table[table["control"].isin(CONTROLS)]
    with style():
        figure, panels = _panels(table, titles)
        for axis, rows in panels:
            rows = rows.set_index("control").loc[[name for name in reversed(CONTROLS) if name in set(rows["control"])]]
            position = np.arange(len(rows))
            draw_intervals(axis, rows["difference"], rows["difference_low"], rows["difference_high"], position, BLUE)
            axis.set_yticks(position, wrapped(CONTROLS[str(name)] for name in rows.index), fontsize=9, linespacing=0.9)
        panels[-1][0].set_xlabel(f"difference to the baseline in {metric}\n(points, {_INTERVAL})")
    return figure


def plot_rank1_controls(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """``plot_controls`` of Rank-1 (``oracle_rank1_controls.csv``)."""
    return plot_controls(table, titles, metric="Rank-1")


def plot_rank1_split(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """``plot_split`` of Rank-1 (``oracle_rank1_split.csv``)."""
    return plot_split(table, titles, metric="Rank-1")


def plot_noise(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """mAP against the probability that a label is wrong, in queries, gallery or both (``oracle_controls.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    with style():
        figure = Figure(figsize=(6.2, 3.4), layout="constrained")
        axes = figure.subplots(1, len(datasets), sharey=True, squeeze=False)
        for axis, dataset in zip(axes[0], datasets, strict=True):
            rows_of_dataset = table[table["dataset"] == dataset]
            start = rows_of_dataset[rows_of_dataset["control"] == "oracle"]
            for (where, name), colour, marker in zip(
                {"query": "queries", "gallery": "gallery", "both": "both"}.items(),
                (ORANGE, GREY, BLUE),
                "s^o",
                strict=True,
            ):
                rows = pd.concat([start, rows_of_dataset[rows_of_dataset["control"] == f"noise-{where}"]]).sort_values(
                    "level"
                )
                axis.plot(rows["level"], rows["mAP"], marker=marker, color=colour, label=f"wrong in {name}")
                axis.fill_between(rows["level"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, linewidth=0)
            baseline = rows_of_dataset[rows_of_dataset["control"] == "baseline"].iloc[0]
            axis.axhline(baseline["mAP"], color="black", linestyle="--", linewidth=1, label="no experts")
            axis.axhspan(baseline["ci_low"], baseline["ci_high"], color="black", alpha=0.08, linewidth=0)
            axis.set_title(title_of_dataset(dataset, titles))
            axis.set_xlabel("probability of a wrong label")
        axes[0, 0].set_ylabel("mAP (%)")
        axes[0, 0].set_ylim(bottom=0)
        axes[0, 0].legend(fontsize=9)
    return figure


def plot_split(table: pd.DataFrame, titles: Mapping[str, str], *, metric: str = "mAP") -> Figure:
    """The two parts of the gain in every split, a panel per dataset (``oracle_split.csv``)."""
    table = table[table["split"].isin(SPLITS)]
    with style():
        figure, panels = _panels(table, titles)
        for axis, rows in panels:
            rows = (
                rows.assign(order=rows["split"].map(list(SPLITS).index)).sort_values("order", kind="stable").iloc[::-1]
            )
            second = (rows["part"] == "from control").to_numpy()
            position = np.arange(len(rows))
            for chosen, colour in ((~second, BLUE), (second, ORANGE)):
                part = rows[chosen]
                draw_intervals(axis, part["points"], part["ci_low"], part["ci_high"], position[chosen], colour)
            names = [SPLITS[split][int(late)] for split, late in zip(rows["split"], second, strict=True)]
            axis.set_yticks(position, names, fontsize=9)
            for edge in np.flatnonzero(rows["split"].to_numpy()[1:] != rows["split"].to_numpy()[:-1]):
                axis.axhline(edge + 0.5, color="0.8", linewidth=0.8)
        panels[-1][0].set_xlabel(f"part of the gain over the baseline in {metric}\n(points, {_INTERVAL})")
    return figure


def _panels(table: pd.DataFrame, titles: Mapping[str, str]) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel per dataset, as high as its rows need."""
    panels = by_dataset(table, titles)
    heights = [len(rows) for rows in panels.values()]
    return stacked_panels(panels, size=(6.2, 1.3 + 0.32 * sum(heights)), height_ratios=heights, sharex=True)
