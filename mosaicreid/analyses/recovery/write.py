"""This experiment's tables and figures: all tables computed, then written, then drawn from what was written."""

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from mosaicreid.analyses.recovery.figures import plot_agreement, plot_losses, plot_power, plot_rare
from mosaicreid.analyses.recovery.tables import all_tables
from mosaicreid.analyses.recovery.worlds import CELLS
from mosaicreid.analyses.strength.cells import read_cells
from mosaicreid.names.provenance import SYNTHETIC
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, read_results, write_tables

# Figure -> its function, and the tables that it is drawn from, the first of which is its source.
FIGURES: Mapping[str, tuple[Callable[..., Figure], tuple[str, ...]]] = {
    "recovered": (plot_agreement, ("recovered_worlds", "recovered")),
    "recovered_losses": (plot_losses, ("recovered_losses",)),
    "recovered_power": (plot_power, ("recovered_power",)),
    "recovered_rare": (plot_rare, ("recovered_rare_worlds", "recovered_rare", "recovered_rare_answers")),
}


def write_recovery(runs: Path, results: Path, *, settings: Path = CELLS) -> list[Path]:
    """Write what the worlds in ``runs`` say as ``recovered*.csv`` and figures into ``results``; returns the paths.

    Raises:
        InputError: settings that cannot be read, or as ``tables.all_tables``; nothing is written then.
    """
    cells = read_cells(settings)
    tables = all_tables(cells, runs)
    # Every world of this experiment is drawn for it.
    about = {"cells": [cell.name for cell in cells], "data": {cell.dataset: SYNTHETIC for cell in cells}}
    inputs = {settings.name: settings}
    results = Path(results)
    paths = write_tables(
        {name: Table(frame=frame, inputs=inputs, parameters=about) for name, frame in tables.items()}, results
    )
    for name, (draw, sources) in FIGURES.items():
        path = results / "figures" / f"{name}.svg"
        save_figure(draw(*(read_results(results / f"{source}.csv") for source in sources)), path)
        paths.append(path)
    return paths
