"""Figures of this experiment: rank correlations with the truth, what is lost on the way, power, and rare cues."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mosaicreid.analyses.recovery.decision import AIM, ENOUGH, LOSSES
from mosaicreid.analyses.recovery.estimates import PRIMARY
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import SYNTHETIC, data_title
from mosaicreid.names.shown import attribute_title
from mosaicreid.names.terms import TERMS
from mosaicreid.plotting import BLUE, GREY, ORANGE, ROW, WIDTH, style

_COLOURS = (BLUE, ORANGE, GREY, "black")
_MARKERS = "os^D"
_METHOD_COLOURS = {"retrain": BLUE, "ablation": ORANGE, "leakage": GREY}


def plot_agreement(worlds: pd.DataFrame, agreement: pd.DataFrame) -> Figure:
    """Rank correlation of every estimator with the truth: worlds as dashes, their mean with its interval, by dataset.

    Args:
        worlds: ``recovered_worlds.csv``. agreement: ``recovered.csv``.
    """
    datasets = _datasets(agreement)
    names = list(dict.fromkeys(agreement["importance"]))
    methods = [name for name in _METHOD_COLOURS if name in set(agreement["method"])]
    with style():
        figure = Figure(figsize=(WIDTH, (2 * ROW * len(names) + 0.8) * len(datasets) + 0.6), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            for number, method in enumerate(methods):
                own = agreement[(agreement["dataset"] == dataset) & (agreement["method"] == method)]
                height = np.array([names.index(name) for name in own["importance"]]) + 0.25 * (number - 1)
                colour = _METHOD_COLOURS[method]
                each = worlds[(worlds["dataset"] == dataset) & (worlds["method"] == method)]
                dots = np.array([names.index(name) for name in each["importance"]]) + 0.25 * (number - 1)
                axis.plot(each["rho"], dots, "|", color=colour, markersize=5, alpha=0.5)
                axis.hlines(height, own["low"], own["high"], color=colour, linewidth=2)
                axis.plot(own["mean"], height, "o", color=colour, markersize=4, label=TERMS["method"][method])
            axis.axvline(AIM, color="black", linestyle="--", linewidth=0.8)
            axis.set_yticks(range(len(names)), [TERMS["importance"].get(name, name) for name in names])
            axis.invert_yaxis()
            axis.set_title(data_title(dataset, SYNTHETIC))
        axes[-1].set_xlabel("rank correlation with the truth")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", fontsize=8)
    return figure


def plot_losses(losses: pd.DataFrame) -> Figure:
    """What each step takes from a rank correlation of 1, stacked, a panel per dataset (``recovered_losses.csv``)."""
    datasets = _datasets(losses)
    names = list(dict.fromkeys(losses["importance"]))
    with style():
        figure = Figure(figsize=(WIDTH, (ROW * len(names) + 0.8) * len(datasets) + 0.6), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            own = losses[losses["dataset"] == dataset].set_index(["importance", "loss"])["mean"]
            # A step may give something back: its bar then goes to the left of zero.
            right, left = np.zeros(len(names)), np.zeros(len(names))
            for colour, loss in zip((GREY, ORANGE, BLUE, "black"), LOSSES, strict=True):
                width = np.array([own[name, loss] for name in names])
                start = np.where(width >= 0, right, left)
                axis.barh(range(len(names)), width, left=start, color=colour, label=TERMS["loss"][loss], height=0.7)
                right, left = right + np.maximum(width, 0), left + np.minimum(width, 0)
            axis.axvline(1 - AIM, color="black", linestyle="--", linewidth=0.8)
            axis.set_yticks(range(len(names)), [TERMS["importance"].get(name, name) for name in names])
            axis.invert_yaxis()
            axis.set_title(data_title(dataset, SYNTHETIC))
        axes[-1].set_xlabel("lost of a rank correlation of 1")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", fontsize=8, ncols=2)
    return figure


def plot_power(power: pd.DataFrame) -> Figure:
    """How often a GLM ranks well enough, over the number of trainings, a panel per dataset (``recovered_power.csv``).

    Designs of as many rows as the paper's, with the test people that there are, scored as these worlds score.
    """
    datasets = _datasets(power)
    with style():
        figure = Figure(figsize=(WIDTH, 2.9 * len(datasets) + 0.4), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            own = power[(power["dataset"] == dataset) & (power["importance"] == PRIMARY) & (power["people"] == 1)]
            own = own[(own["rows"] == own["rows"].min()) & (own["scores"] == "worlds")]
            for number, (name, part) in enumerate(own.groupby("design", sort=False)):
                part = part.sort_values("trainings")
                style_of = {"color": _COLOURS[number % 4], "marker": _MARKERS[number % 4], "markersize": 4}
                axis.plot(part["trainings"], 100 * part["probability"], label=TERMS["design"][str(name)], **style_of)
            axis.axhline(100 * ENOUGH, color="black", linestyle="--", linewidth=0.8)
            axis.set_xscale("log")
            axis.set_ylim(-2, 102)
            axis.set_ylabel(f"ρ ≥ {AIM} (% of experiments)")
            axis.set_title(data_title(dataset, SYNTHETIC))
        axes[0].legend(fontsize=8)
        axes[-1].set_xlabel("trainings of experts (log scale)")
    return figure


def plot_rare(worlds: pd.DataFrame, shares: pd.DataFrame, answers: pd.DataFrame) -> Figure:
    """Gain of single attributes over their share of people, with what their labels bring without experts and what is
    in proportion to their hidden bits, a panel per dataset.

    Args:
        worlds: ``recovered_rare_worlds.csv``. shares: ``recovered_rare.csv``. answers: ``recovered_rare_answers.csv``.
    """
    datasets = _datasets(shares)
    with style():
        figure = Figure(figsize=(WIDTH, 2.9 * len(datasets) + 0.4), layout="constrained")
        axes = figure.subplots(len(datasets), 1, sharex=True, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            each = worlds[worlds["dataset"] == dataset].groupby("attribute", sort=False)
            for number, (name, part) in enumerate(each):
                axis.plot(
                    100 * part["share"],
                    part["gain"],
                    _MARKERS[number % 4],
                    color=_COLOURS[number % 4],
                    markersize=4,
                    alpha=0.6,
                    label=attribute_title(dataset, str(name)),
                )
            own = shares[shares["dataset"] == dataset].sort_values("share")
            half = (own["high"] - own["low"]) / 2
            axis.errorbar(100 * own["share"], own["mean"], yerr=half, fmt="k-", capsize=3, label="mean, 95 %")
            bits = own["knowledge_gain_bits"] * own["mean"].iloc[-1] / own["knowledge_gain_bits"].iloc[-1]
            axis.plot(100 * own["share"], bits, "k:", label="as its hidden bits say")
            half = (own["labels_high"] - own["labels_low"]) / 2
            brought = {"fmt": "v--", "color": ORANGE, "capsize": 3, "markersize": 4}
            axis.errorbar(100 * own["share"], own["labels_mean"], yerr=half, label="labels, no experts", **brought)
            margin = answers.loc[answers["dataset"] == dataset, "margin"].iloc[0]
            axis.axhline(margin, color="0.5", linestyle="--", linewidth=0.8, label="a tenth of all attributes' gain")
            axis.set_ylabel("gain alone (points of mAP)")
            axis.set_title(data_title(dataset, SYNTHETIC))
            axis.legend(fontsize=7, ncols=2)
        axes[-1].set_xlabel("people with the attribute (%)")
    return figure


def _datasets(table: pd.DataFrame) -> list[str]:
    if table.empty:
        raise InputError("got a table without rows to draw; expected one dataset at least")
    return [str(name) for name in dict.fromkeys(table["dataset"])]
