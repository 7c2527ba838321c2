"""Figure of what attributes are worth to several backbones."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mosaicreid.names.shown import title_of
from mosaicreid.plotting import BLUE, GREY, ORANGE, ROW, WIDTH, by_dataset, check_drawable, stacked_panels, style

_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREY, "^"), ("black", "D"))


def plot_backbones(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Effects of attributes by backbone, attributes in the order of the first (``backbones_attributes.csv``)."""
    panels = by_dataset(table[table["measure"] == "effect"], titles)
    check_drawable(panels, ("backbone", "attribute", "points"))
    counts = [rows["attribute"].nunique() for rows in panels.values()]
    with style():
        figure, parts = stacked_panels(panels, size=(WIDTH, 1.8 + ROW * sum(counts)), height_ratios=counts)
        for axis, rows in parts:
            points = rows.pivot_table(index="attribute", columns="backbone", values="points", sort=False)
            points = points.sort_values(points.columns[0])
            position = np.arange(len(points))
            axis.axvline(0, color="0.5", linewidth=0.8)
            for number, name in enumerate(points):
                colour, marker = _LOOKS[number % len(_LOOKS)]
                label = title_of("backbone", str(name))
                axis.plot(points[name], position, marker, color=colour, markersize=5, label=label)
            axis.set_yticks(position, points.index)
        parts[-1][0].set_xlabel("effect of the attribute (points of mAP)")
        figure.legend(*parts[0][0].get_legend_handles_labels(), loc="outside lower left", fontsize=9)
    return figure
