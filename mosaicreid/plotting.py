"""What all figures share: look, colours, widths, panels by dataset, and how they are written.

Figures are narrow enough to be read on a phone. Nothing here changes matplotlib's global state.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.names.provenance import data_title
from mosaicreid.names.shown import named
from mosaicreid.names.terms import METRICS

METRIC_TITLES = METRICS
BLUE, ORANGE, _, _, _, _, _, GREY, *_ = sns.color_palette("colorblind").as_hex()
WIDTH = 5.0  # inches: at 390 pixels, 10-point type is still ten pixels high
ROW = 0.29  # inches per attribute in a figure of WIDTH
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.9",
    "legend.fontsize": 10,
    "legend.frameon": False,
    # Letters are drawn as shapes, so that a figure looks the same wherever it is opened.
    "svg.fonttype": "path",
    "svg.hashsalt": "mosaicreid",
}


_NOT_STYLE = ("backend", "backend_fallback", "interactive", "toolbar", "webagg.open_in_browser")


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, within a ``with`` block only, whatever a user's own matplotlib settings are."""
    # The backend is the program's choice, and setting it closes figures.
    usual = {name: value for name, value in mpl.rcParamsDefault.items() if name not in _NOT_STYLE}
    with mpl.rc_context(usual | _STYLE):
        yield


def by_dataset(table: pd.DataFrame, titles: Mapping[str, str] | None = None) -> dict[str, pd.DataFrame]:
    """The rows of each dataset, by its title, in the order in which datasets occur.

    Attributes and configurations are named as a reader is shown them. ``titles``: what each dataset is called by where
    its numbers come from (``names.provenance``); None for what was measured on the datasets themselves.
    """
    return {
        title_of_dataset(str(dataset), titles): named(rows, str(dataset))
        for dataset, rows in table.groupby("dataset", sort=False)
    }


def title_of_dataset(dataset: str, titles: Mapping[str, str] | None) -> str:
    """The title of one dataset, as ``by_dataset`` takes it."""
    return data_title(dataset) if titles is None else titles[dataset]


def wrapped(titles: Iterable[str], width: int = 30) -> list[str]:
    """``titles`` broken into lines of at most ``width`` letters, for the labels of an axis."""
    return ["\n".join(textwrap.wrap(title, width)) for title in titles]


def stacked_panels(
    panels: Mapping[str, pd.DataFrame],
    *,
    size: tuple[float, float],
    height_ratios: Sequence[float] | None = None,
    sharex: bool = False,
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A figure of ``size`` (inches) with a panel below the other per title of ``panels``, and each panel's rows.

    Call it within ``style``, and draw there too.
    """
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=sharex, squeeze=False, height_ratios=height_ratios)[:, 0]
    for axes, title in zip(grid, panels, strict=True):
        axes.set_title(title)
    return figure, list(zip(grid, panels.values(), strict=True))


def draw_intervals(
    axis: Axes, value: pd.Series, low: pd.Series, high: pd.Series, position: np.ndarray, colour: str
) -> None:
    """Points with horizontal intervals at the heights ``position``, over a line at zero."""
    axis.axvline(0, color="0.5", linewidth=0.8)
    axis.hlines(position, low, high, color=colour, linewidth=2)
    axis.plot(value, position, "o", color=colour, markersize=4)


def check_drawable(panels: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> None:
    """Refuse what cannot be drawn.

    Raises:
        InputError: no panels, a panel without rows, or one that lacks a column.
    """
    if not panels:
        raise InputError("got no panels to draw; expected at least one table by its title")
    for title, table in panels.items():
        missing = [name for name in columns if name not in table]
        if missing or table.empty:
            got = ", ".join(map(str, table.columns)) or "no columns"
            raise InputError(
                f"cannot draw {title!r}: {len(table)} rows with {got}; expected rows with {', '.join(columns)}"
            )


def save_figure(figure: Figure, path: Path) -> None:
    """Write ``figure`` as SVG; equal figures give equal bytes (no date, no version, no random identifiers).

    Raises:
        InputError: ``path`` does not end in ``.svg``.
    """
    path = Path(path)
    if path.suffix != ".svg":
        raise InputError(f"figures are SVG files; got the path {path.name!r}, expected one that ends in .svg")
    with style(), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
