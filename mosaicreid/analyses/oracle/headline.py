"""The figure of the first page: what experts and labels bring to a baseline, beside what the paper prints."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mosaicreid import published
from mosaicreid.plotting import BLUE, ORANGE, by_dataset, stacked_panels, style

# The controls that are shown, top to bottom, and as they are called.
ROWS = {
    "baseline": "baseline",
    "oracle": "with experts",
    "fusion-crossfit": "no experts,\nlabels added",
    "oracle-fusion-crossfit": "experts,\nlabels added",
}
_PAPERS = {"baseline": "baseline", "oracle": "all"}


def plot_headline(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """mAP (percent) of the baseline and of experts, each with and without the labels added to the score, a panel per
    dataset (``oracle_controls.csv``), with crosses for the paper's two scores on real images."""
    with style():
        panels = by_dataset(table[table["level"] == 0], titles)
        figure, drawn = stacked_panels(panels, size=(5.4, 1.1 + 1.4 * len(panels)), sharex=True)
        for axis, rows in drawn:
            dataset, rows = str(rows["dataset"].iloc[0]), rows.set_index("control")
            names = [name for name in reversed(ROWS) if name in rows.index]
            shown, place = rows.loc[names], np.arange(len(names))
            axis.hlines(place, shown["ci_low"], shown["ci_high"], color=BLUE, linewidth=2)
            axis.plot(shown["mAP"], place, "o", color=BLUE, markersize=5, label="our runs")
            if dataset in published.DATASETS:
                scores = published.load_table(3, dataset).set_index("configuration")["mAP"]
                printed = [(scores[_PAPERS[name]], k) for k, name in enumerate(names) if name in _PAPERS]
                axis.plot(*np.transpose(printed), "X", color=ORANGE, markersize=7, label="the paper, real images")
            axis.set_yticks(place, [ROWS[name] for name in names], fontsize=9, linespacing=0.9)
            axis.set_ylim(-0.6, len(names) - 0.4)
        figure.legend(*drawn[0][0].get_legend_handles_labels(), fontsize=9, loc="outside upper right", ncols=2)
        drawn[-1][0].set_xlabel("mAP (%), 95 % intervals over people and seeds")
    return figure
