"""Figures of our own runs beside the paper's numbers and the world's known truth."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.datasets import get_dataset
from mosaicreid.plotting import BLUE, GREY, ORANGE, WIDTH, by_dataset, stacked_panels, style

_LINEAR = 0.1  # bits below which the scale of bits is linear, so that none at all has its place


def plot_table3(table: pd.DataFrame) -> Figure:
    """Our mAP of every configuration beside the published one, a panel per dataset (``experiment_table3.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    heights = [int((table["dataset"] == dataset).sum()) for dataset in datasets]
    with style():
        figure = Figure(figsize=(6, 1.2 + 0.27 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(datasets), 2, height_ratios=heights, sharey="row", squeeze=False)
        for (ours, paper), dataset in zip(axes, datasets, strict=True):
            rows = table[table["dataset"] == dataset].iloc[::-1]
            position = np.arange(len(rows))
            ours.errorbar(rows["mAP"], position, xerr=rows["mAP_sd"], fmt="o", color=BLUE, markersize=4)
            paper.plot(rows["published_mAP"], position, "s", color=ORANGE, markersize=4)
            ours.set_yticks(position, rows["configuration"], fontsize=9)
            ours.set_title(f"{get_dataset(dataset).title}: our runs")
            paper.set_title("the paper")
        axes[-1, 0].set_xlabel("mAP (%), mean ± SD")
        axes[-1, 1].set_xlabel("mAP (%)")
    return figure


def plot_effects_by_truth(table: pd.DataFrame) -> Figure:
    """Effect of each attribute's experts against what the world makes knowing it worth (``experiment_truth.csv``)."""
    with style():
        figure, panels = _square_panels(table)
        for axis, rows in panels:
            spread = np.abs(np.stack([rows["effect"] - rows["ci_low"], rows["ci_high"] - rows["effect"]]))
            axis.axhline(0, color="0.5", linewidth=0.8)
            axis.errorbar(
                rows["knowledge_gain_bits"], rows["effect"], yerr=spread, fmt="o", color=BLUE, ecolor=GREY, capsize=2
            )
            bits, effect = rows["knowledge_gain_bits"].to_numpy(), rows["effect"].to_numpy()
            place = np.arcsinh(bits / _LINEAR)
            for number, name in enumerate(rows["attribute"]):
                # Of two neighbours, the higher one is named above its point and the lower one below.
                near = np.argsort(np.abs(place - place[number]), kind="stable")
                neighbour = next(other for other in near if other != number)
                axis.annotate(
                    str(name),
                    (bits[number], effect[number]),
                    xytext=(5, 5 if effect[number] >= effect[neighbour] else -11),
                    textcoords="offset points",
                    fontsize=9,
                )
            axis.set_ylabel("effect on mAP (points)")
            # Most attributes hide little; their names would lie on each other.
            axis.set_xscale("asinh", linear_width=_LINEAR)
            axis.set_xticks(ticks := [0.1, 0.2, 0.5, 1, 2], [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        panels[-1][0].set_xlabel("bits that images hide and the oracle tells (log scale above 0.1)")
    return figure


def plot_bits(table: pd.DataFrame) -> Figure:
    """mAP of every configuration against the bits that its labels tell (``experiment_bits.csv``); bars: SD of seeds."""
    with style():
        figure, panels = _square_panels(table)
        for axis, rows in panels:
            rows = rows.sort_values("bits")
            axis.plot(rows["bits"], rows["curve"], color=ORANGE, label="function of the bits alone")
            axis.errorbar(
                rows["bits"], rows["mAP"], yerr=rows["mAP_sd"], fmt="o", color=BLUE, ecolor=GREY, capsize=2,
                label="a configuration",
            )  # fmt: skip
            axis.set_ylabel("mAP (%)")
            axis.legend(fontsize=9, frameon=False, loc="lower right")
        panels[-1][0].set_xlabel("bits that images hide and the configuration's labels tell")
    return figure


def plot_last_k(table: pd.DataFrame) -> Figure:
    """mAP against the share of blocks that have experts, ours and Table 6's (``experiment_last_k.csv``)."""
    with style():
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots(2, 1, sharex=True)
        for axis, (source, colour, title) in zip(
            axes, (("ours", BLUE, "our runs"), ("paper", ORANGE, "the paper, Table 6")), strict=True
        ):
            rows = table[table["source"] == source]
            axis.errorbar(
                100 * rows["last_k"] / rows["depth"], rows["mAP"], yerr=rows["mAP_sd"].fillna(0), fmt="o-", color=colour
            )
            axis.set_title(title)
            axis.set_ylabel("mAP (%)")
        axes[-1].set_xlabel("last blocks with experts (% of all blocks)")
    return figure


def plot_ablations(table: pd.DataFrame) -> Figure:
    """Difference of every variant to the default, with 95 % intervals (``experiment_ablations.csv``).

    Filled points are the choices that matter by the table's ``reading``.
    """
    rows = table.iloc[::-1]
    position = np.arange(len(rows))
    matters = (rows["reading"] == "yes").to_numpy()
    with style():
        figure = Figure(figsize=(5.5, 1 + 0.33 * len(rows)), layout="constrained")
        axis = figure.subplots()
        axis.axvline(0, color="0.5", linewidth=0.8)
        axis.hlines(position, rows["ci_low"], rows["ci_high"], color=np.where(matters, ORANGE, BLUE), linewidth=2)
        for chosen, colour, face in ((matters, ORANGE, ORANGE), (~matters, BLUE, "white")):
            axis.plot(rows["difference"][chosen], position[chosen], "o", color=colour, markerfacecolor=face)
        axis.set_yticks(position, rows["variant"])
        axis.set_xlabel("difference to the default (points of mAP, 95 %)")
    return figure


def _square_panels(table: pd.DataFrame) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    panels = by_dataset(table)
    return stacked_panels(panels, size=(5.5, 3.4 * len(panels)))
