"""Figures of the published tables themselves: Table 3's marks, how the search found them, and Table 6."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid import published
from mosaicreid.names.shown import attribute_title, configuration_title
from mosaicreid.names.terms import STEPS
from mosaicreid.plotting import (
    BLUE,
    METRIC_TITLES,
    ORANGE,
    WIDTH,
    by_dataset,
    check_drawable,
    save_figure,
    stacked_panels,
    style,
    wrapped,
)
from mosaicreid.results import read_results

_SCORES = tuple(METRIC_TITLES)
_STEPS = {step: title for step, title in STEPS.items() if step != "table3"}


def plot_marks(table: pd.DataFrame, dataset: str) -> Figure:
    """Table 3 as a picture: a row per configuration, a square where an attribute is included, scores on the right.

    ``table``: configuration, the attributes of ``dataset`` (0/1), mAP and rank1 (percent), in any order of rows, which
    is kept.

    Raises:
        InputError: no rows, or one of the columns is missing.
    """
    check_drawable({"Table 3": table}, ["configuration", *_SCORES])
    names = [str(name) for name in table if name not in ("configuration", *_SCORES)]
    marks = table[names].to_numpy() == 1
    with style():
        figure = Figure(figsize=(WIDTH + 1.4, 1.15 + 0.3 * len(table)), layout="constrained")
        axes = figure.subplots()
        row, column = np.nonzero(marks)
        axes.scatter(column, row, s=62, marker="s", color=BLUE, linewidths=0)
        titles = [attribute_title(dataset, name) for name in names]
        axes.set_xticks(range(len(names)), titles, rotation=60, ha="left", rotation_mode="anchor")
        axes.xaxis.tick_top()
        rows = [configuration_title(dataset, str(name)) for name in table["configuration"]]
        axes.set_yticks(range(len(table)), wrapped(rows, 34), fontsize=9, linespacing=0.9)
        axes.set_xlim(-0.6, len(names) + 2.6)
        axes.set_ylim(len(table) - 0.4, -0.7)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for place, metric in zip((len(names) + 0.4, len(names) + 2.1), _SCORES, strict=True):
            for position, score in enumerate(table[metric]):
                axes.text(place, position, f"{score:.1f}", ha="center", va="center", fontsize=9)
            axes.text(place, len(table) - 0.1, f"{METRIC_TITLES[metric]}\n(%)", ha="center", va="top", fontsize=9)
    return figure


def plot_search(steps: pd.DataFrame) -> Figure:
    """How many designs each step of the search leaves, as powers of two; a panel per dataset.

    ``steps``: dataset, step, log2_candidates, as ``recovery.write_recovery`` writes it; zero is one design.

    Raises:
        InputError: no rows, or one of the columns is missing.
    """
    check_drawable({"the search": steps}, ["dataset", "step", "log2_candidates"])
    panels = by_dataset(steps[steps["step"].isin(list(_STEPS))])
    with style():
        figure, drawn = stacked_panels(panels, size=(WIDTH, 0.6 + 1.95 * len(panels)), sharex=True)
        for axes, table in drawn:
            rows = table.reset_index(drop=True)
            axes.barh(rows.index, rows["log2_candidates"], height=0.65, color=BLUE)
            for position, exponent in rows["log2_candidates"].items():
                count = 2**exponent
                text = "1 design" if count == 1 else f"{count:,.0f}" if count < 1e9 else f"2^{exponent:.0f}"
                axes.annotate(text, (exponent, position), (4, 0), textcoords="offset points", va="center")
            axes.set_yticks(rows.index, rows["step"].map(_STEPS))
            axes.invert_yaxis()
            axes.grid(axis="y", visible=False)
        drawn[-1][0].set_xlabel("designs left (power of two)")
        drawn[-1][0].set_xlim(0, 1.15 * steps["log2_candidates"].max())
    return figure


def plot_depth(table: pd.DataFrame) -> Figure:
    """Gain over the baseline against the number of last blocks that have experts (Table 6).

    ``table``: last_k, mAP_gain, rank1_gain (percentage points), as ``tables.gains_by_depth``.

    Raises:
        InputError: no rows, or one of the columns is missing.
    """
    check_drawable({"Table 6": table}, ["last_k", *(f"{metric}_gain" for metric in _SCORES)])
    with style():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        axes: Axes = figure.subplots()
        for metric, colour, marker in zip(_SCORES, (BLUE, ORANGE), ("o", "s"), strict=True):
            gains = [0.0, *table[f"{metric}_gain"]]
            axes.plot([0, *table["last_k"]], gains, marker=marker, color=colour, label=METRIC_TITLES[metric])
        axes.set_xticks([0, *table["last_k"]])
        axes.set_ylim(0, None)
        axes.set_xlabel("last blocks with experts, K (0: baseline)")
        axes.set_ylabel("gain (percentage points)")
        axes.legend(loc="lower right")
    return figure


def write_table_figures(results: Path) -> None:
    """Draw the figures of this module from ``results`` into ``results/figures``.

    Raises:
        InputError: table3_<dataset>.csv, recovery.csv or table6.csv is missing.
    """
    figures = {
        **{
            f"table3_{name}": plot_marks(read_results(results / f"table3_{name}.csv"), name)
            for name in published.DATASETS
        },
        "recovery": plot_search(read_results(results / "recovery.csv")),
        "table6": plot_depth(read_results(results / "table6.csv")),
    }
    for name, figure in figures.items():
        save_figure(figure, results / "figures" / f"{name}.svg")
