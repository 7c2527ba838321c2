"""Figures of our own runs beside the paper's numbers and the world's known truth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.names.shown import variant_title
from mosaicreid.plotting import BLUE, GREY, ORANGE, WIDTH, by_dataset, stacked_panels, style, wrapped

# Where a name may stand beside its point, in typographic points, and which of its ends is there.
_SIDES = ((5, 4, "left"), (5, -12, "left"), (-5, 4, "right"), (-5, -12, "right"), (5, 15, "left"), (5, -23, "left"))
_LINEAR = 0.1  # bits below which the scale of bits is linear, so that none at all has its place


def plot_table3(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Our mAP of every configuration beside the published one, a panel per dataset (``experiment_table3.csv``)."""
    panels = by_dataset(table, titles)
    heights = [len(rows) for rows in panels.values()]
    with style():
        figure = Figure(figsize=(6, 1.2 + 0.27 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), 2, height_ratios=heights, sharey="row", squeeze=False)
        for (ours, paper), (title, of_dataset) in zip(axes, panels.items(), strict=True):
            rows = of_dataset.iloc[::-1]
            position = np.arange(len(rows))
            ours.errorbar(rows["mAP"], position, xerr=rows["mAP_sd"], fmt="o", color=BLUE, markersize=4)
            paper.plot(rows["published_mAP"], position, "s", color=ORANGE, markersize=4)
            ours.set_yticks(position, wrapped(rows["configuration"]), fontsize=9, linespacing=0.95)
            ours.set_title(f"{title}, ours")
            paper.set_title("the paper")
        axes[-1, 0].set_xlabel("mAP (%), mean ± SD")
        axes[-1, 1].set_xlabel("mAP (%)")
    return figure


def plot_effects_by_truth(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Effect of each attribute's experts against what the world makes knowing it worth (``experiment_truth.csv``)."""
    with style():
        figure, panels = _square_panels(table, titles)
        for axis, rows in panels:
            spread = np.abs(np.stack([rows["effect"] - rows["ci_low"], rows["ci_high"] - rows["effect"]]))
            axis.axhline(0, color="0.5", linewidth=0.8)
            axis.errorbar(
                rows["knowledge_gain_bits"], rows["effect"], yerr=spread, fmt="o", color=BLUE, ecolor=GREY, capsize=2
            )
            _name_points(axis, rows)
            axis.set_ylabel("effect on mAP (points)")
            # Most attributes hide little; their names would lie on each other.
            axis.set_xscale("asinh", linear_width=_LINEAR)
            axis.set_xticks(ticks := [0.1, 0.2, 0.5, 1, 2], [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        panels[-1][0].set_xlabel("bits that images hide and the oracle tells (log scale above 0.1)")
    return figure


def plot_bits(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """mAP of every configuration against the bits that its labels tell (``experiment_bits.csv``); bars: SD of seeds."""
    with style():
        figure, panels = _square_panels(table, titles)
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


def plot_last_k(table: pd.DataFrame, ours: str) -> Figure:
    """mAP against the share of blocks that have experts, ours and Table 6's (``experiment_last_k.csv``).

    ``ours``: the title of the data that our runs were made on.
    """
    with style():
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots(2, 1, sharex=True)
        for axis, (source, colour, title) in zip(
            axes, (("ours", BLUE, f"{ours}, our runs"), ("paper", ORANGE, "the paper, Table 6")), strict=True
        ):
            rows = table[table["source"] == source]
            axis.errorbar(
                100 * rows["last_k"] / rows["depth"], rows["mAP"], yerr=rows["mAP_sd"].fillna(0), fmt="o-", color=colour
            )
            axis.set_title(title)
            axis.set_ylabel("mAP (%)")
        axes[-1].set_xlabel("last blocks with experts (% of all blocks)")
    return figure


def plot_ablations(table: pd.DataFrame, ours: str) -> Figure:
    """Difference of every variant to the default, with 95 % intervals (``experiment_ablations.csv``).

    Filled points are the choices that matter by the table's ``reading``; ``ours`` is the title of the data.
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
        axis.set_yticks(position, wrapped(map(variant_title, rows["variant"])))
        axis.set_title(ours)
        axis.set_xlabel("difference to the default (points of mAP, 95 %)")
    return figure


def _square_panels(table: pd.DataFrame, titles: Mapping[str, str]) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    panels = by_dataset(table, titles)
    return stacked_panels(panels, size=(5.5, 3.4 * len(panels)))


def _name_points(axis: Axes, rows: pd.DataFrame) -> None:
    """The attribute beside each point: on the side where its name meets the fewest names and points."""
    bits, effect = rows["knowledge_gain_bits"].to_numpy(float), rows["effect"].to_numpy(float)
    place = np.arcsinh(bits / _LINEAR)
    # In typographic points, of a panel of about 320 by 190.
    across = 320 * (place - place.min()) / max(np.ptp(place), 1e-9)
    up = 190 * (effect - effect.min()) / max(np.ptp(effect), 1e-9)
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in zip(across, up, strict=True)]
    for x, y, number, name in zip(across, up, range(len(rows)), map(str, rows["attribute"]), strict=True):
        wide = 4.6 * len(name)
        boxes = []
        for dx, dy, side in _SIDES:
            left = x + dx - (wide if side == "right" else 0)
            boxes.append((left, y + dy, left + wide, y + dy + 9))
        crowded = [sum(_overlap(box, other) for other in taken) + 4 * (box[0] < -10 or box[2] > 350) for box in boxes]
        best = int(np.argmin(crowded))
        taken.append(boxes[best])
        dx, dy, side = _SIDES[best]
        axis.annotate(
            name, (bits[number], effect[number]), xytext=(dx, dy), textcoords="offset points", ha=side, fontsize=8
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
