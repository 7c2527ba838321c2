"""Figures of gains over the length of the experts' training, drawn from ``lengths.csv``."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.errors import InputError
from mosaicreid.names.provenance import SYNTHETIC, data_title
from mosaicreid.names.shown import configuration_title
from mosaicreid.plotting import BLUE, GREY, ORANGE, WIDTH, style

# Quantity -> colour, marker, what it is called.
_CURVES = {
    "permuted_gain": (GREY, "^", "experts, another person's labels"),
    "gain": (BLUE, "o", "experts, true labels"),
    "both": ("black", "D", "experts and labels added"),
}
_BESIDE = 1.04
_COLOURS, _MARKERS = (BLUE, ORANGE, GREY, "black"), "os^Dvx*P"


def plot_lengths(lengths: pd.DataFrame) -> Figure:
    """Gains with all attributes over the length of the experts' training, a panel per dataset; bars: 95 % over worlds.

    Raises:
        InputError: no row of experts with all attributes.
    """
    rows = _trained(lengths, "all")
    datasets = list(dict.fromkeys(rows["dataset"]))
    with style():
        figure = Figure(figsize=(WIDTH, 2.7 * len(datasets) + 1), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            _panel(axis, rows[rows["dataset"] == dataset], ("permuted_gain", "gain", "both"))
            axis.set_title(data_title(str(dataset), SYNTHETIC))
            axis.set_ylabel("gain (points of mAP)")
        axes[-1].set_xlabel("epochs that experts train (log scale)")
        _legend(figure, axes[0], columns=2)
    return figure


def plot_lengths_small(lengths: pd.DataFrame) -> Figure:
    """``plot_lengths`` with its panels side by side, and without what experts and labels bring together."""
    rows = _trained(lengths, "all")
    datasets = list(dict.fromkeys(rows["dataset"]))
    with style():
        figure = Figure(figsize=(WIDTH, 0.7 * WIDTH), layout="constrained")
        axes = figure.subplots(1, len(datasets), sharex=True, sharey=True, squeeze=False)[0]
        for axis, dataset in zip(axes, datasets, strict=True):
            _panel(axis, rows[rows["dataset"] == dataset], ("permuted_gain", "gain"))
            axis.set_title(data_title(str(dataset), SYNTHETIC), fontsize=10)
        axes[0].set_ylabel("gain (points of mAP)")
        figure.supxlabel("epochs that experts train (log scale)", fontsize=10)
        _legend(figure, axes[0], columns=2)
    return figure


def plot_attributes(lengths: pd.DataFrame) -> Figure:
    """Gain of single attributes over the length of training, a panel per dataset; dashed: their labels, no experts.

    Raises:
        InputError: no row of experts of a single attribute.
    """
    rows = _trained(lengths, "single")
    datasets = list(dict.fromkeys(rows["dataset"]))
    with style():
        figure = Figure(figsize=(WIDTH, 2.9 * len(datasets) + 0.4), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            own = rows[rows["dataset"] == dataset]
            for number, (name, part) in enumerate(own.groupby("configuration", sort=False)):
                colour = _COLOURS[number % 4]
                title = configuration_title(str(dataset), str(name))
                _line(axis, part[part["quantity"] == "gain"], colour, _MARKERS[number % 8], title, number=number)
                axis.axhline(_labels(part), color=colour, linestyle="--", linewidth=1)
            axis.axhline(0, color="0.5", linewidth=0.8)
            _epochs(axis, own)
            axis.set_title(data_title(str(dataset), SYNTHETIC))
            axis.set_ylabel("gain (points of mAP)")
            axis.legend(fontsize=8, ncols=2, loc="upper left")
            axis.set_ylim(top=1.25 * axis.get_ylim()[1])
        axes[-1].set_xlabel("epochs that experts train (log scale)")
    return figure


def _trained(lengths: pd.DataFrame, which: str) -> pd.DataFrame:
    every = lengths["configuration"] == "all"
    rows = lengths[(every if which == "all" else ~every) & (lengths["epochs"] > 0)]
    if rows.empty:
        attributes = "all attributes" if which == "all" else "a single attribute"
        raise InputError(f"no row of experts with {attributes}; expected some, trained for several lengths, to draw")
    return rows


def _panel(axis: Axes, own: pd.DataFrame, quantities: tuple[str, ...]) -> None:
    for number, quantity in enumerate(quantities):
        colour, marker, name = _CURVES[quantity]
        _line(axis, own[own["quantity"] == quantity], colour, marker, name, number=number)
    axis.axhline(_labels(own), color=ORANGE, linestyle="--", label="labels added, no experts")
    axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
    _epochs(axis, own)


def _line(axis: Axes, rows: pd.DataFrame, colour: str, marker: str, name: str, *, number: int) -> None:
    rows = rows.sort_values("epochs")
    half = (rows["high"] - rows["low"]).fillna(0) / 2
    # Beside each other, so that no interval hides another.
    place = rows["epochs"] * _BESIDE ** (number - 1)
    axis.errorbar(place, rows["mean"], yerr=half, fmt=f"{marker}-", color=colour, capsize=2, markersize=4, label=name)


def _labels(rows: pd.DataFrame) -> float:
    """What the labels bring without experts, the same at every length."""
    return float(rows[rows["quantity"] == "L"]["mean"].iloc[0])


def _epochs(axis: Axes, rows: pd.DataFrame) -> None:
    ticks = sorted(rows["epochs"].unique())
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_xticks(ticks, [str(tick) for tick in ticks])


def _legend(figure: Figure, axis: Axes, *, columns: int) -> None:
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=columns, fontsize=8)
