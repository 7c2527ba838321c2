"""Figures of one training run: losses, learning rate, parameters, the gate of a batch, and ranked lists of images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from mosaicreid.data.loaders import Samples
from mosaicreid.names.terms import LOSSES, STAGES
from mosaicreid.retrieval.ranked_lists import RankedList

# Colours of seaborn's "colorblind" palette; importing seaborn would cost a short run a second.
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#949494"
_TERMS = dict(zip(LOSSES, (GREY, BLUE, ORANGE, GREEN, VERMILION), strict=True))
_WIDTH = 6.0  # inches
_LETTER = 0.075  # inches, the mean width of a letter of nine points

# Margins are given in inches, and a ranked list is one picture: a layout engine measures every text twice, and an axes
# per photograph costs more than all the rest, at the end of a run of seconds.


def plot_losses(history: pd.DataFrame) -> Figure:
    """Every loss term by epoch, a panel per stage; ``history`` has the columns stage, epoch, loss and the terms."""
    stages = list(dict.fromkeys(history["stage"]))
    figure, axes = _panels(len(stages), 1, height=1.9 * len(stages), left=0.65, top=0.35, bottom=0.5, between=0.6)
    for axis, stage in zip(axes[:, 0], stages, strict=True):
        rows = history[history["stage"] == stage]
        for term, colour in _TERMS.items():
            if term in rows and rows[term].notna().any():
                axis.plot(rows["epoch"], rows[term], "o-", color=colour, markersize=3, label=LOSSES[term])
        axis.set_title(STAGES[stage], loc="left", fontsize=11)
        axis.set_ylabel("loss")
        axis.legend(fontsize=9, frameon=False, ncols=5, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0)
        _by_epoch(axis, ticks=6)
    axes[-1, 0].set_xlabel("epoch")
    return figure


def plot_learning_rate(history: pd.DataFrame) -> Figure:
    """The learning rate by epoch, a panel per stage; ``history`` has the columns stage, epoch, learning_rate."""
    stages = list(dict.fromkeys(history["stage"]))
    figure, axes = _panels(1, len(stages), height=2.0, left=0.65, top=0.5, bottom=0.5, between=0.4)
    for axis, stage in zip(axes[0], stages, strict=True):
        rows = history[history["stage"] == stage]
        axis.plot(rows["epoch"], rows["learning_rate"], "o-", color=BLUE, markersize=3)
        axis.set_title(STAGES[stage], loc="left", fontsize=10, y=1.12)
        axis.set_xlabel("epoch")
        axis.set_ylim(bottom=0)
        axis.ticklabel_format(axis="y", scilimits=(0, 0))
        _by_epoch(axis, ticks=3)
    axes[0, 0].set_ylabel("learning rate")
    return figure


def plot_gate(gate: Tensor, names: Sequence[str]) -> Figure:
    """The gate of a batch: images from left to right, experts from top to bottom, filled where one is active.

    ``gate`` (B, E) of 0 and 1, ``names`` the E experts as ``attribute: value``; an empty figure says so where E is 0.
    """
    longest = max(map(len, names), default=0)
    figure, axes = _panels(
        1, 1, height=0.8 + 0.19 * len(names), left=0.4 + _LETTER * longest, top=0.15, bottom=0.55, between=0
    )
    axis = axes[0, 0]
    if not names:
        axis.text(0.5, 0.5, "no experts", ha="center", va="center")
        axis.set_axis_off()
        return figure
    axis.imshow(gate.T.numpy(), aspect="auto", cmap=ListedColormap(["white", BLUE]), vmin=0, vmax=1)
    axis.set_yticks(range(len(names)), list(names), fontsize=9)
    attributes = [name.partition(":")[0] for name in names]
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
    # In pixels of the photographs, which are put together first: room for a frame around each, and for a title above.
    wide = round(1.18 * width)
    pixel = _WIDTH / (columns * wide)  # inches
    tall = round(height + 0.3 / pixel)
    canvas = np.full((len(lists) * tall, columns * wide, 3), 255, np.uint8)
    figure, axes = _panels(1, 1, height=len(canvas) * pixel, left=0, top=0, bottom=0, between=0, right=0)
    axis = axes[0, 0]
    axis.set_axis_off()
    for row, each in enumerate(lists):
        for column in range(1 + len(each.gallery)):
            top, left = (row + 1) * tall - height - (wide - width) // 2, column * wide + (wide - width) // 2
            samples, index = (query, each.query) if column == 0 else (gallery, int(each.gallery[column - 1]))
            canvas[top : top + height, left : left + width] = np.asarray(samples.pixels[index]).transpose(1, 2, 0)
            title = f"AP {100 * each.ap:.0f} %" if column == 0 else str(column)
            axis.text(left + width / 2, top - 0.06 / pixel, title, ha="center", fontsize=9)
            if column > 0:
                axis.add_patch(_frame(left, top, width, height, correct=bool(each.correct[column - 1])))
    axis.imshow(canvas, aspect="auto")
    return figure


def _frame(left: float, top: float, width: float, height: float, *, correct: bool) -> Rectangle:
    colour, style = (BLUE, "-") if correct else (VERMILION, "--")
    return Rectangle(
        (left - 0.5, top - 0.5), width, height, fill=False, edgecolor=colour, linestyle=style, linewidth=3, zorder=2
    )


def _panels(
    rows: int,
    columns: int,
    *,
    height: float,
    left: float,
    top: float,
    bottom: float,
    between: float,
    right: float = 0.1,
) -> tuple[Figure, np.ndarray]:
    """A figure of rows and columns of axes (rows, columns); sizes in inches, ``between`` neighbouring axes."""
    inner = (height - top - bottom - between * (rows - 1)) / rows
    across = (_WIDTH - left - right - between * (columns - 1)) / columns
    return plt.subplots(
        rows,
        columns,
        figsize=(_WIDTH, height),
        squeeze=False,
        gridspec_kw={
            "left": left / _WIDTH,
            "right": 1 - right / _WIDTH,
            "top": 1 - top / height,
            "bottom": bottom / height,
            "hspace": between / inner,
            "wspace": between / across,
        },
    )


def _by_epoch(axis: Axes, ticks: int) -> None:
    axis.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="0.9")
    axis.set_axisbelow(True)
