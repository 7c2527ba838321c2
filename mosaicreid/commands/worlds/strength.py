"""``mosaicreid strength run`` and ``collect``: experts and labels over the strength of the baseline, in many worlds."""

import argparse
from typing import Any

from mosaicreid.commands.arguments import whole_number
from mosaicreid.commands.worlds.arguments import add_cells, add_folders, add_results, add_run, run_worlds


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``strength`` with its commands."""
    group = subparsers.add_parser("strength", help="what labels and experts add to baselines weak and strong")
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    run = add_run(commands)
    run.set_defaults(run=_run)

    collect = commands.add_parser("collect", help="tables and figures of the worlds that there are")
    add_cells(collect)
    collect.set_defaults(run=_collect)

    pilots = commands.add_parser("pilots", help="one table of the worlds in which settings were chosen")
    pilots.set_defaults(run=_pilots)

    coverage = commands.add_parser("coverage", help="how often the bands hold the truth in simulated worlds; minutes")
    coverage.add_argument("--replications", type=whole_number, default=200, help="simulated tables (default: 200)")
    coverage.set_defaults(run=_coverage)

    for command in (collect, pilots, coverage):
        add_results(command)
    for command in (run, collect, pilots):
        add_folders(command, runs="runs/strength")


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.strength.cells import CELLS

    run_worlds(arguments, CELLS)


def _collect(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.lengths.tables import compares_lengths
    from mosaicreid.analyses.lengths.write import write_lengths
    from mosaicreid.analyses.strength.cells import CELLS, choose_cells, read_cells
    from mosaicreid.analyses.strength.write import write_strength

    settings = arguments.settings or CELLS
    cells = choose_cells(read_cells(settings), arguments.cells)
    names = [cell.name for cell in cells]
    paths = write_strength(arguments.runs, arguments.results, settings=settings, names=names)
    if any(compares_lengths(cell) for cell in cells):
        paths += write_lengths(arguments.results, cells)
    for path in paths:
        print(f"wrote {path}")


def _pilots(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.strength.cells import PILOTS
    from mosaicreid.analyses.strength.write import write_pilots

    path = arguments.results / "strength_pilots.csv"
    table = write_pilots(arguments.runs, path, settings=arguments.settings or PILOTS)
    print(f"wrote {path}: {table[['cell', 'world']].drop_duplicates().shape[0]} worlds")


def _coverage(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.coverage.strength import write_coverage

    path = arguments.results / "strength_coverage.csv"
    table = write_coverage(arguments.results, replications=arguments.replications)
    print(table.round(3).to_string(index=False))
    print(f"wrote {path}")
