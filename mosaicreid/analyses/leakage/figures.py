"""Figures of what attributes alone retrieve."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.names.shown import cluster_title, named
from mosaicreid.plotting import BLUE, GREY, ORANGE, WIDTH, by_dataset, stacked_panels, style
from mosaicreid.published import load_table

_NAMED = [cluster_title(name) for name in ("baseline", "all", "extrinsic", "intrinsic")]


def plot_leakage_shapley(shapley: pd.DataFrame) -> Figure:
    """Bars per attribute, a panel per dataset: the Shapley value of the attributes' own mAP, and the GLM coefficient.

    ``shapley``: the table ``leakage_shapley`` of both datasets. Coefficients carry the 95 % intervals of Table 4,
    Shapley values are exact. The two have axes of their own (below and above the panel) with one zero, because they
    differ by an order of magnitude.
    """
    panels = by_dataset(shapley)
    size = (WIDTH, 0.9 * len(panels) + 0.36 * len(shapley))
    with style():
        figure, drawn = stacked_panels(panels, size=size, height_ratios=[len(rows) for rows in panels.values()])
        for axes, rows in drawn:
            _draw_shapley(axes, rows.sort_values("mAP"))
        return figure


def _draw_shapley(axes: Axes, table: pd.DataFrame) -> None:
    rows = pd.Series(range(len(table)), index=table.index)
    above = axes.twiny()
    printed = named(load_table(4, dataset := str(table["dataset"].iloc[0])), dataset).set_index("term")
    printed = printed.loc[table["attribute"]]
    ends = np.stack([printed["ci_low"], printed["ci_high"]])
    left = axes.barh(rows + 0.2, table["mAP"], height=0.38, color=BLUE)
    right = above.barh(rows - 0.2, table["glm_mAP"], height=0.38, color=ORANGE)
    above.hlines(rows - 0.2, *ends, color="0.25", linewidth=1)
    axes.set_yticks(rows, table["attribute"])
    axes.grid(visible=False, axis="y")
    above.grid(visible=False)
    above.spines["top"].set_visible(True)
    # One zero for both: the same share of either axis lies left of it.
    low = min(0.0, 1.05 * ends.min() / ends.max())
    axes.set_xlim(1.08 * low * table["mAP"].max(), 1.08 * table["mAP"].max())
    above.set_xlim(1.08 * low * ends.max(), 1.08 * ends.max())
    axes.set_xlabel("Shapley value without images (points of mAP)", color=BLUE)
    above.set_xlabel("GLM coefficient in the paper (points of mAP)", color="#a05a00")
    axes.legend([left, right], ["attributes alone", "paper's model"], loc="lower right", frameon=True)


def plot_leakage_published(published: pd.DataFrame) -> Figure:
    """Published mAP of every configuration over the bits of identity that its attributes reveal, a panel per dataset.

    ``published``: the table ``leakage_published`` of both datasets.
    """
    panels = by_dataset(published)
    with style():
        figure, drawn_panels = stacked_panels(panels, size=(WIDTH, 3.4 * len(panels)))
        for axes, table in drawn_panels:
            drawn = axes.scatter(table["known_bits"], table["mAP"], c=table["leakage_mAP"], cmap="viridis_r", s=36)
            drawn.set_edgecolor(GREY)
            for row in table[table["configuration"].isin(_NAMED)].itertuples():
                right = row.known_bits > table["known_bits"].max() / 2
                axes.annotate(
                    str(row.configuration),
                    (row.known_bits, row.mAP),
                    xytext=(-7 if right else 7, 4),
                    textcoords="offset points",
                    ha="right" if right else "left",
                )
            axes.set_xlabel("identity revealed by the attributes (bits)")
            axes.set_ylabel("published mAP (%)")
            figure.colorbar(drawn, ax=axes, label="mAP without images (%)")
        return figure
