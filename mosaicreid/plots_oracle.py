"""Figures of the controls for the oracle and of what attributes are worth; each takes a result table."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.plots import BLUE, DATASET_TITLES, GREY, ORANGE, save_figure, style
from mosaicreid.results import read_results

CONTROLS = {
    "oracle": "experts, true labels",
    "permuted-trained": "experts trained on permuted labels",
    "permuted-people": "experts told another person's labels",
    "permuted-images": "experts told another image's labels",
    "distractors-lent": "experts, distractors labelled too",
    "predicted": "experts, predicted labels",
    "labels": "labels alone, no image",
    "fusion": "no experts, labels added (training people)",
    "fusion-crossfit": "no experts, labels added (cross-fitted)",
    "fusion-best": "no experts, labels added (best weight)",
    "alike-oracle": "experts, among look-alikes",
}
# A split: what its two parts are called.
SPLITS = {
    "gain": ("whole gain", ""),
    "fusion-crossfit": ("labels added to the score", "experts beyond that"),
    "permuted-trained": ("permuted labels, trained", "true rather than permuted labels"),
    "predicted": ("predicted labels", "true rather than predicted labels"),
    "distractors-lent": ("distractors labelled too", "distractors unlabelled"),
    "look-alikes": ("gain among look-alikes", ""),
}
_METHODS = {
    "ablation": "switched off\nafter training",
    "retrain": "retrained\n(the paper's)",
    "leakage": "labels alone,\nno image",
    "truth": "known truth",
}
_INTERVAL = "95 % intervals over people and seeds"


def draw_oracle(results: Path) -> list[Path]:
    """Draw every figure from the tables in ``results``; returns their paths."""
    figures = {
        "oracle_controls": (plot_controls, "oracle_controls"),
        "oracle_noise": (plot_noise, "oracle_controls"),
        "oracle_split": (plot_split, "oracle_split"),
        "shapley_attributes": (plot_shapley, "shapley_attributes"),
    }
    paths = []
    for name, (plot, table) in figures.items():
        paths.append(Path(results) / "figures" / f"{name}.svg")
        save_figure(plot(read_results(Path(results) / f"{table}.csv")), paths[-1])
    return paths


def plot_controls(table: pd.DataFrame) -> Figure:
    """Every control's difference to the baseline on the same queries, a panel per dataset (``oracle_controls.csv``)."""
    table = table[table["control"].isin(CONTROLS)]
    with style():
        figure, panels = _panels(table)
        for axis, rows in panels:
            rows = rows.set_index("control").loc[[name for name in reversed(CONTROLS) if name in set(rows["control"])]]
            position = np.arange(len(rows))
            _intervals(axis, rows["difference"], rows["difference_low"], rows["difference_high"], position, BLUE)
            axis.set_yticks(position, [CONTROLS[str(name)] for name in rows.index], fontsize=9)
        panels[-1][0].set_xlabel(f"difference to the baseline in mAP\n(points, {_INTERVAL})")
    return figure


def plot_noise(table: pd.DataFrame) -> Figure:
    """mAP against the probability that a label is wrong, in queries, gallery or both (``oracle_controls.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    with style():
        figure, axes = plt.subplots(
            1, len(datasets), figsize=(6.2, 3.4), sharey=True, squeeze=False, layout="constrained"
        )
        for axis, dataset in zip(axes[0], datasets, strict=True):
            own = table[table["dataset"] == dataset]
            start = own[own["control"] == "oracle"]
            for (where, name), colour, marker in zip(
                {"query": "queries", "gallery": "gallery", "both": "both"}.items(),
                (ORANGE, GREY, BLUE),
                "s^o",
                strict=True,
            ):
                rows = pd.concat([start, own[own["control"] == f"noise-{where}"]]).sort_values("level")
                axis.plot(rows["level"], rows["mAP"], marker=marker, color=colour, label=f"wrong in {name}")
                axis.fill_between(rows["level"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, linewidth=0)
            baseline = own[own["control"] == "baseline"].iloc[0]
            axis.axhline(baseline["mAP"], color="black", linestyle="--", linewidth=1, label="no experts")
            axis.axhspan(baseline["ci_low"], baseline["ci_high"], color="black", alpha=0.08, linewidth=0)
            axis.set_title(DATASET_TITLES[dataset])
            axis.set_xlabel("probability of a wrong label")
        axes[0, 0].set_ylabel(f"mAP (%), bands: {_INTERVAL}", fontsize=9)
        axes[0, 0].set_ylim(bottom=0)
        axes[0, 0].legend(fontsize=9)
    return figure


def plot_split(table: pd.DataFrame) -> Figure:
    """The two parts of the gain in every split, a panel per dataset (``oracle_split.csv``)."""
    table = table[table["split"].isin(SPLITS)]
    with style():
        figure, panels = _panels(table)
        for axis, rows in panels:
            rows = (
                rows.assign(order=rows["split"].map(list(SPLITS).index)).sort_values("order", kind="stable").iloc[::-1]
            )
            second = (rows["part"] == "from control").to_numpy()
            position = np.arange(len(rows))
            for chosen, colour in ((~second, BLUE), (second, ORANGE)):
                own = rows[chosen]
                _intervals(axis, own["points"], own["ci_low"], own["ci_high"], position[chosen], colour)
            names = [SPLITS[split][int(late)] for split, late in zip(rows["split"], second, strict=True)]
            axis.set_yticks(position, names, fontsize=9)
            for edge in np.flatnonzero(rows["split"].to_numpy()[1:] != rows["split"].to_numpy()[:-1]):
                axis.axhline(edge + 0.5, color="0.8", linewidth=0.8)
        panels[-1][0].set_xlabel(f"part of the gain over the baseline in mAP\n(points, {_INTERVAL})")
    return figure


def plot_shapley(table: pd.DataFrame) -> Figure:
    """Every attribute's worth by every method, attributes by the last: the truth, where it is known
    (``shapley_attributes.csv``)."""
    datasets = list(dict.fromkeys(table["dataset"]))
    methods = [method for method in _METHODS if method in set(table["method"])]
    counts = [table.loc[table["dataset"] == dataset, "attribute"].nunique() for dataset in datasets]
    with style():
        figure, axes = plt.subplots(
            len(datasets),
            len(methods),
            figsize=(6.5, 1.6 + 0.27 * sum(counts)),
            height_ratios=counts,
            sharey="row",
            sharex="col",
            squeeze=False,
            layout="constrained",
        )
        for row, dataset in zip(axes, datasets, strict=True):
            own = table[table["dataset"] == dataset]
            order = own[own["method"] == methods[-1]].sort_values("value")["attribute"].tolist()
            for axis, method in zip(row, methods, strict=True):
                values = own[own["method"] == method].set_index("attribute").loc[order]
                position = np.arange(len(order))
                low, high = (values[end].fillna(values["value"]) for end in ("ci_low", "ci_high"))
                _intervals(axis, values["value"], low, high, position, GREY if method == "truth" else BLUE)
                axis.set_yticks(position, order, fontsize=9)
                axis.tick_params(axis="x", labelsize=9)
            row[0].set_title(DATASET_TITLES[dataset])
        for axis, method in zip(axes[-1], methods, strict=True):
            axis.set_xlabel(f"{_METHODS[method]}\n({'bits' if method == 'truth' else 'points'})", fontsize=9)
    return figure


def _panels(table: pd.DataFrame) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure with a panel per dataset, as high as its rows need, and the rows of each."""
    groups = [(str(dataset), rows) for dataset, rows in table.groupby("dataset", sort=False)]
    heights = [len(rows) for _, rows in groups]
    figure, axes = plt.subplots(
        len(groups),
        1,
        figsize=(6.2, 1.3 + 0.27 * sum(heights)),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, (dataset, _) in zip(axes[:, 0], groups, strict=True):
        axis.set_title(DATASET_TITLES[dataset])
    return figure, [(axis, rows) for axis, (_, rows) in zip(axes[:, 0], groups, strict=True)]


def _intervals(
    axis: Axes, value: pd.Series, low: pd.Series, high: pd.Series, position: np.ndarray, colour: str
) -> None:
    axis.axvline(0, color="0.5", linewidth=0.8)
    axis.hlines(position, low, high, color=colour, linewidth=2)
    axis.plot(value, position, "o", color=colour, markersize=4)
