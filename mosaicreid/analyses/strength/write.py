"""The experiment's tables and figures: all tables computed, then written, then drawn."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.strength.cells import CELLS, read_cells
from mosaicreid.analyses.strength.compute import world_path
from mosaicreid.analyses.strength.decision import UNFINISHED
from mosaicreid.analyses.strength.figures import plot_strength, plot_strength_small
from mosaicreid.analyses.strength.sensitivity import sensitivity_table
from mosaicreid.analyses.strength.tables import (
    cell_table,
    curve_tables,
    estimands,
    matched_at_baselines,
    matched_table,
    pool_worlds,
)
from mosaicreid.names.provenance import SYNTHETIC
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, read_results, write_tables


def write_strength(runs: Path, results: Path, *, settings: Path = CELLS, names: Sequence[str] = ()) -> list[Path]:
    """Write what the worlds in ``runs`` say as ``strength_*.csv`` and figures into ``results``; returns the paths.

    ``strength_scores.csv`` (every scoring of every world, columns as in ``compute``), ``strength_worlds.csv`` (the
    estimands of each world), ``strength_cells.csv``, ``strength_matched.csv``, ``strength_matched_at.csv``,
    ``strength_curves.csv``, ``strength_decision.csv``, ``strength_true.csv`` (both ``unfinished`` overall while a
    designed cell lacks worlds) and ``strength_sensitivity.csv``; figures of the same start. ``names`` chooses cells.
    What needs cells on designed routes is left out where none was chosen.

    Raises:
        InputError: settings that cannot be read, a cell without worlds, or too few of them; nothing is written then.
    """
    cells = [cell for cell in read_cells(settings) if not names or cell.name in names]
    worlds = pool_worlds(cells, runs)
    values = estimands(worlds)
    tables = {
        "strength_scores": worlds,
        "strength_worlds": values,
        "strength_matched": matched_table(worlds),
        "strength_matched_at": matched_at_baselines(worlds),
    }
    designed = any(cell.route != "default" for cell in cells)
    if designed:
        named = ("strength_curves", "strength_decision", "strength_true")
        tables["strength_cells"] = cell_table(values)
        tables |= dict(zip(named, curve_tables(values), strict=True))
        if _unfinished(settings, runs):
            for name in named[1:]:
                tables[name] = tables[name].assign(overall=UNFINISHED)
        tables["strength_sensitivity"] = sensitivity_table(values)
    # Every world of this experiment is drawn for it.
    about = {"cells": [cell.name for cell in cells], "data": {cell.dataset: SYNTHETIC for cell in cells}}
    inputs = {settings.name: settings}
    paths = write_tables(
        {name: Table(frame=frame, inputs=inputs, parameters=about) for name, frame in tables.items()}, results
    )
    return paths + (_draw(Path(results)) if designed else [])


def _unfinished(settings: Path, runs: Path) -> bool:
    """Whether a designed cell lacks worlds: a verdict is never from fewer than were announced."""
    designed = [cell for cell in read_cells(settings) if cell.route != "default"]
    return not all(world_path(runs, cell, draw).is_file() for cell in designed for draw in cell.draws)


def _draw(results: Path) -> list[Path]:
    worlds, curves, decision = (
        read_results(results / f"strength_{name}.csv") for name in ("worlds", "curves", "decision")
    )
    drawn = {
        "strength": plot_strength(worlds, curves, decision),
        "strength_small": plot_strength_small(worlds, curves),
    }
    paths = []
    for name, figure in drawn.items():
        paths.append(results / "figures" / f"{name}.svg")
        save_figure(figure, paths[-1])
    return paths


def write_pilots(runs: Path, path: Path, *, settings: Path) -> pd.DataFrame:
    """Write the estimands of the pilots' worlds that are in ``runs`` as the table ``path``, and return them.

    With each world go the options and settings that it was made with; cells without a world are left out.

    Raises:
        InputError: settings that cannot be read, or no world at all.
    """
    cells = read_cells(settings)
    begun = [cell for cell in cells if (Path(runs) / cell.dataset / cell.name).is_dir()]
    values = estimands(pool_worlds(begun or cells, runs))
    about = pd.DataFrame(
        [
            {"cell": cell.name, "identities": cell.identities, "options": cell.world, "settings": cell.settings}
            for cell in cells
        ]
    )
    table = values.drop(columns=["main"]).merge(about, on="cell", how="left")
    command = "mosaicreid strength run --settings FILE; mosaicreid strength pilots --settings FILE"
    write_tables(
        {
            path.stem: Table(
                frame=table,
                inputs={settings.name: settings},
                parameters={"pilots": True, "command": command, "data": {cell.dataset: SYNTHETIC for cell in cells}},
            )
        },
        path.parent,
    )
    return table
