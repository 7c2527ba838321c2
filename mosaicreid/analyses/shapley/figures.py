"""Figure of what attributes are worth, by every method."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mosaicreid.plotting import BLUE, GREY, by_dataset, draw_intervals, style, wrapped

_METHODS = {
    "ablation": "switched off\nafter training",
    "retrain": "retrained\n(the paper's)",
    "leakage": "labels alone,\nno image",
    "truth": "known truth",
}


def plot_shapley(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Every attribute's worth by every method, attributes by the last: the truth, where it is known
    (``shapley_attributes.csv``)."""
    panels = by_dataset(table, titles)
    methods = [method for method in _METHODS if method in set(table["method"])]
    counts = [rows["attribute"].nunique() for rows in panels.values()]
    with style():
        figure = Figure(figsize=(6.5, 1.6 + 0.27 * sum(counts)), layout="constrained")
        axes = figure.subplots(
            len(panels), len(methods), height_ratios=counts, sharey="row", sharex="col", squeeze=False
        )
        for row, (title, rows_of_dataset) in zip(axes, panels.items(), strict=True):
            order = rows_of_dataset[rows_of_dataset["method"] == methods[-1]].sort_values("value")["attribute"].tolist()
            for axis, method in zip(row, methods, strict=True):
                values = rows_of_dataset[rows_of_dataset["method"] == method].set_index("attribute").loc[order]
                position = np.arange(len(order))
                low, high = (values[end].fillna(values["value"]) for end in ("ci_low", "ci_high"))
                draw_intervals(axis, values["value"], low, high, position, GREY if method == "truth" else BLUE)
                axis.set_yticks(position, wrapped(order, 16), fontsize=8)
                axis.tick_params(axis="x", labelsize=9)
            row[0].set_title(title)
        for axis, method in zip(axes[-1], methods, strict=True):
            axis.set_xlabel(f"{_METHODS[method]}\n({'bits' if method == 'truth' else 'points'})", fontsize=9)
    return figure
