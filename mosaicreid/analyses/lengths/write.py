"""This question's tables and figures: all tables computed, then written, then drawn from what was written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from mosaicreid.analyses.lengths.figures import plot_attributes, plot_lengths, plot_lengths_small
from mosaicreid.analyses.lengths.further import goes_further
from mosaicreid.analyses.lengths.tables import compares_lengths, length_tables
from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.names.provenance import SYNTHETIC
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, read_results, write_tables

# Figure -> its function; all are drawn from ``lengths.csv``.
FIGURES: Mapping[str, Callable[..., Figure]] = {
    "lengths": plot_lengths,
    "lengths_small": plot_lengths_small,
    "lengths_attributes": plot_attributes,
}


def write_lengths(results: Path, cells: Sequence[Cell]) -> list[Path]:
    """Write ``lengths*.csv`` and figures into ``results``, where ``strength_worlds.csv`` is; returns the paths.

    Where no single attribute was trained, there is no figure of any.

    Args:
        results: the folder. cells: those of the experiment, of which some compare lengths and some may go on from them.

    Raises:
        InputError: no table of worlds, or as ``tables.length_tables``; nothing is written then.
    """
    results = Path(results)
    worlds = results / "strength_worlds.csv"
    tables = length_tables(read_results(worlds), cells)
    usual = [cell for cell in cells if compares_lengths(cell)]
    chosen = [cell for cell in cells if cell in usual or any(goes_further(cell, other) for other in usual)]
    about = {"cells": [cell.name for cell in chosen], "data": {cell.dataset: SYNTHETIC for cell in chosen}}
    paths = write_tables(
        {name: Table(frame=frame, inputs={worlds.name: worlds}, parameters=about) for name, frame in tables.items()},
        results,
    )
    drawn = read_results(results / "lengths.csv")
    figures = dict(FIGURES)
    if (drawn["configuration"] == "all").all():
        del figures["lengths_attributes"]
    for name, draw in figures.items():
        paths.append(results / "figures" / f"{name}.svg")
        save_figure(draw(drawn), paths[-1])
    return paths
