"""This question's tables, from the worlds that there are."""

from pathlib import Path

from mosaicreid.analyses.hardness.tables import option_tables
from mosaicreid.analyses.strength.cells import read_cells
from mosaicreid.analyses.strength.tables import pool_worlds
from mosaicreid.names.provenance import SYNTHETIC
from mosaicreid.results import Table, write_tables

CELLS = Path(__file__).parent / "cells.toml"


def write_hardness(runs: Path, results: Path, *, settings: Path = CELLS) -> list[Path]:
    """Write ``hardness.csv`` and ``hardness_attributes.csv`` (``tables.option_tables``) into ``results``; the paths.

    Raises:
        InputError: settings that cannot be read, a cell without a world, or as ``option_tables``; nothing is written
            then.
    """
    cells = read_cells(settings)
    tables = option_tables(pool_worlds(cells, runs, command="mosaicreid hardness run"), cells)
    about = {"cells": [cell.name for cell in cells], "data": {cell.dataset: SYNTHETIC for cell in cells}}
    inputs = {settings.name: settings}
    return write_tables(
        {name: Table(frame=frame, inputs=inputs, parameters=about) for name, frame in tables.items()}, results
    )
