"""Figures of the robust analyses; each function takes a result table and returns a Figure."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

_COLOURS = sns.color_palette("colorblind")
_TITLES = {"market1501": "Market-1501", "dukemtmc": "DukeMTMC"}


def plot_effects(table: pd.DataFrame) -> Figure:
    """Attribute effects with robust and with the paper's intervals; a panel per dataset (``robust_effects.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    heights = [len(table[table["dataset"] == dataset]) for dataset in datasets]
    figure, axes = plt.subplots(
        len(datasets),
        1,
        figsize=(6, 1.3 + 0.36 * sum(heights)),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, dataset in zip(axes[:, 0], datasets, strict=True):
        rows = table[table["dataset"] == dataset].sort_values("effect")
        position = np.arange(len(rows))
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.hlines(position + 0.14, rows["ci_low"], rows["ci_high"], color=_COLOURS[0], linewidth=2.4)
        axis.plot(rows["effect"], position + 0.14, "o", color=_COLOURS[0], markersize=5, label="mixed effects")
        axis.hlines(position - 0.14, rows["naive_ci_low"], rows["naive_ci_high"], color=_COLOURS[1], linewidth=1.4)
        axis.plot(
            rows["naive_effect"], position - 0.14, "s", color=_COLOURS[1], markersize=4, label="paper's GLM, 95 %"
        )
        axis.set_yticks(position, rows["attribute"])
        axis.set_title(_TITLES.get(dataset, dataset), loc="left", fontsize=11)
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
    axes[-1, 0].set_xlabel("effect of the attribute's experts on mAP (points, 95 % intervals)")
    axes[0, 0].legend(fontsize=9, loc="lower right")
    sns.despine(figure)
    return figure


def plot_gains(table: pd.DataFrame) -> Figure:
    """Gain of every configuration over the baseline with simultaneous intervals (``robust_gains.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    heights = [len(table[table["dataset"] == dataset]) for dataset in datasets]
    figure, axes = plt.subplots(
        len(datasets),
        1,
        figsize=(6, 1.3 + 0.27 * sum(heights)),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, dataset in zip(axes[:, 0], datasets, strict=True):
        rows = table[table["dataset"] == dataset].sort_values("gain")
        position = np.arange(len(rows))
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.hlines(position, rows["sim_low"], rows["sim_high"], color=_COLOURS[0], linewidth=1, label="all at once")
        axis.hlines(position, rows["ci_low"], rows["ci_high"], color=_COLOURS[0], linewidth=3, label="one by one")
        axis.plot(rows["gain"], position, "o", color="black", markersize=4)
        axis.set_yticks(position, rows["configuration"], fontsize=9)
        axis.set_title(_TITLES.get(dataset, dataset), loc="left", fontsize=11)
        axis.grid(axis="x", color="0.9")
        axis.set_axisbelow(True)
    axes[-1, 0].set_xlabel("gain over the baseline (mAP points, 95 % intervals)")
    axes[0, 0].legend(fontsize=9, loc="lower right")
    sns.despine(figure)
    return figure


def plot_coverage(table: pd.DataFrame) -> Figure:
    """Coverage of nominal 95 % intervals in the simulation study, by analysis (``robust_coverage.csv``)."""
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    names = list(dict.fromkeys(table["analysis"]))
    axis.axvspan(93, 97, color="0.92", label="93 to 97 %")
    axis.axvline(95, color="0.5", linewidth=0.8)
    for offset, (seeds, rows), marker in zip((0.13, -0.13), table.groupby("seeds"), "os", strict=False):
        position = np.array([names.index(name) for name in rows["analysis"]]) + offset
        label = f"{seeds} seed" + ("s" if seeds != 1 else "")  # type: ignore[operator]
        axis.errorbar(
            100 * rows["covered"],
            position,
            xerr=196 * rows["std_err"],
            fmt=marker,
            color=_COLOURS[2 * (seeds != 1)],
            label=label,
        )
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlabel("intervals that contain the truth (%, with 95 % Monte Carlo error)")
    axis.legend(fontsize=9)
    sns.despine(figure)
    return figure
