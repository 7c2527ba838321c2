"""The drawing of Figure 4."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.analyses.priors.compute import SEVERAL, UNLABELLED
from mosaicreid.attributes import Schema
from mosaicreid.names.provenance import SYNTHETIC, data_title
from mosaicreid.names.shown import attribute_title
from mosaicreid.plotting import WIDTH, style, wrapped

# Clothes are drawn in their own colours, which the labels name as well.
_CLOTHES = {
    "black": "#303030",
    "white": "#ffffff",
    "red": "#d64a4a",
    "pink": "#f2a9c4",
    "purple": "#8d63b3",
    "yellow": "#f2d64b",
    "gray": "#a8a8a8",
    "blue": "#4c86c9",
    "green": "#5aa36a",
    "brown": "#8a6242",
}
_REST = {UNLABELLED: "#ffffff", SEVERAL: "#dddddd"}
_HATCH = {UNLABELLED: "////", SEVERAL: "xxxx"}
_DARK = {"black", "red", "purple", "blue", "brown", "green"}
_LABEL_SIZE = 9
# At this width a character of a label takes about this share of the bar.
_CHARACTER = 0.0185
_REAL, _SYNTHETIC = 0.46, 0.24


def plot_priors(priors: pd.DataFrame, schema: Schema) -> Figure:
    """Stacked bars of the share of images per attribute value: real above, synthetic thinner below where there is one.

    ``priors``: the rows of one dataset and one split, with the columns source (real or synthetic), attribute, value
    and share.
    """
    with style():
        return _draw(priors, schema)


def _draw(priors: pd.DataFrame, schema: Schema) -> Figure:
    figure = Figure(figsize=(WIDTH, 0.6 + 0.5 * len(schema.groups)), layout="constrained")
    axes = figure.subplots()
    for row, group in enumerate(schema.groups):
        colours = _colours(group.values)
        for source, offset, height in (("real", -0.14, _REAL), ("synthetic", 0.26, _SYNTHETIC)):
            chosen = priors[(priors["source"] == source) & (priors["attribute"] == group.name)]
            shares = chosen.set_index("value")["share"]
            _stack(axes, row + offset, height, shares, colours, labelled=source == "real")
    named_attributes = [attribute_title(schema.dataset, name) for name in schema.attributes]
    axes.set_yticks(range(len(schema.groups)), wrapped(named_attributes, 16))
    axes.set_ylim(len(schema.groups) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of annotated images")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    if (priors["source"] == "synthetic").any():
        real, drawn = data_title(schema.dataset), data_title(schema.dataset, SYNTHETIC)
        axes.set_title(f"Thick bars: {real}. Thin bars: {drawn}.", fontsize=9)
    sns.despine(ax=axes, left=True)
    return figure


def _colours(values: tuple[str, ...]) -> dict[str, str]:
    if set(values) <= set(_CLOTHES):
        return {value: _CLOTHES[value] for value in values} | _REST
    palette = sns.color_palette("colorblind").as_hex()
    # Sky blue, orange, green, yellow of the palette: dark text stays legible on each.
    light = [palette[index] for index in (9, 1, 6, 8)]
    return dict(zip(values, light, strict=False)) | _REST


def _stack(axes: Axes, y: float, height: float, shares: pd.Series, colours: dict[str, str], *, labelled: bool) -> None:
    left = 0.0
    for value, share in shares[shares > 0].items():
        name = str(value)
        axes.barh(
            y,
            share,
            left=left,
            height=height,
            color=colours[name],
            hatch=_HATCH.get(name),
            edgecolor="#555555",
            linewidth=0.5,
            clip_on=False,
        )
        if labelled and share > _CHARACTER * (len(name) + 1):
            ink = "white" if name in _DARK else "black"
            axes.text(left + share / 2, y, name, ha="center", va="center", fontsize=_LABEL_SIZE, color=ink)
        left += share
