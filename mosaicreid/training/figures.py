"""Figures of one training run: losses, learning rate, parameters, the gate of a batch, and ranked lists of images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from mosaicreid.data.loaders import Samples
from mosaicreid.retrieval.ranked_lists import RankedList

# Colours of seaborn's "colorblind" palette; importing seaborn would cost a short run a second.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#949494"
_TERMS = {"loss": GREY, "id": BLUE, "triplet": ORANGE, "i2t": GREEN, "t2i": VERMILION}
_WIDTH = 6.0  # inches


def plot_losses(history: pd.DataFrame) -> Figure:
    """Every loss term by epoch, a panel per stage; ``history`` has the columns stage, epoch, loss and the terms."""
    stages = list(dict.fromkeys(history["stage"]))
    figure, axes = plt.subplots(
        len(stages), 1, figsize=(_WIDTH, 1.9 * len(stages)), squeeze=False, layout="constrained"
    )
    for axis, stage in zip(axes[:, 0], stages, strict=True):
        rows = history[history["stage"] == stage]
        for term, colour in _TERMS.items():
            if term in rows and rows[term].notna().any():
                label = "weighted sum" if term == "loss" else term
                axis.plot(rows["epoch"], rows[term], "o-", color=colour, markersize=3, label=label)
        axis.set_title(f"stage {stage}", loc="left", fontsize=11)
        axis.set_ylabel("loss")
        axis.legend(fontsize=9, frameon=False, ncols=5, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0)
        _by_epoch(axis)
    axes[-1, 0].set_xlabel("epoch")
    return figure


def plot_learning_rate(history: pd.DataFrame) -> Figure:
    """The learning rate by epoch, a panel per stage; ``history`` has the columns stage, epoch, learning_rate."""
    stages = list(dict.fromkeys(history["stage"]))
    figure, axes = plt.subplots(1, len(stages), figsize=(_WIDTH, 2.0), squeeze=False, layout="constrained")
    for axis, stage in zip(axes[0], stages, strict=True):
        rows = history[history["stage"] == stage]
        axis.plot(rows["epoch"], rows["learning_rate"], "o-", color=BLUE, markersize=3)
        axis.set_title(f"stage {stage}", loc="left", fontsize=10)
        axis.set_xlabel("epoch")
        axis.set_ylim(bottom=0)
        axis.ticklabel_format(axis="y", scilimits=(0, 0))
        _by_epoch(axis)
    axes[0, 0].set_ylabel("learning rate")
    return figure


def plot_gate(gate: Tensor, names: Sequence[str]) -> Figure:
    """The gate of a batch: images from left to right, experts from top to bottom, filled where one is active.

    ``gate`` (B, E) of 0 and 1, ``names`` the E experts ``attribute=value``; an empty figure says so where E is 0.
    """
    figure, axis = plt.subplots(figsize=(_WIDTH, 0.8 + 0.19 * len(names)), layout="constrained")
    if not names:
        axis.text(0.5, 0.5, "no experts", ha="center", va="center")
        axis.set_axis_off()
        return figure
    axis.imshow(gate.T.numpy(), aspect="auto", cmap=ListedColormap(["white", BLUE]), vmin=0, vmax=1)
    axis.set_yticks(range(len(names)), list(names), fontsize=9)
    attributes = [name.partition("=")[0] for name in names]
    for row in range(1, len(names)):
        if attributes[row] != attributes[row - 1]:
            axis.axhline(row - 0.5, color="0.6", linewidth=0.8)
    axis.set_xlabel("image of the batch")
    axis.set_ylabel("expert")
    return figure


def plot_ranked_lists(lists: Sequence[RankedList], query: Samples, gallery: Samples) -> Figure:
    """A row per query: the query, then the first images of its ranking, framed by whether they show the same person.

    A correct image has a solid blue frame, a wrong one a dashed vermilion frame; the title says AP in percent.
    """
    columns = 1 + max(len(each.gallery) for each in lists)
    height, width = query.pixels.shape[2:]
    size = _WIDTH / columns
    figure, axes = plt.subplots(
        len(lists),
        columns,
        figsize=(_WIDTH, len(lists) * (size * height / width + 0.25)),
        squeeze=False,
        layout="constrained",
    )
    for row, each in zip(axes, lists, strict=True):
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
        _photograph(row[0], query, each.query)
        row[0].set_title(f"AP {100 * each.ap:.0f} %", fontsize=9)
        for rank, (axis, index, correct) in enumerate(zip(row[1:], each.gallery, each.correct, strict=False), start=1):
            _photograph(axis, gallery, int(index))
            axis.set_title(str(rank), fontsize=9)
            axis.spines[:].set(
                visible=True, color=BLUE if correct else VERMILION, linewidth=3, linestyle="-" if correct else "--"
            )
    return figure


def _photograph(axis: Axes, samples: Samples, index: int) -> None:
    axis.imshow(np.asarray(samples.pixels[index]).transpose(1, 2, 0))


def _by_epoch(axis: Axes) -> None:
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.9")
    axis.set_axisbelow(True)
