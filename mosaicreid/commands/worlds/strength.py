"""``mosaicreid strength run`` and ``collect``: experts and labels over the strength of the baseline, in many worlds."""

import argparse
import re
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``strength`` with its commands."""
    group = subparsers.add_parser("strength", help="what labels and experts add to baselines weak and strong")
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="draw, train and score every world that is not there yet; hours")
    run.add_argument("--cells", nargs="+", default=[], metavar="NAME", help="these cells alone (default: all)")
    run.add_argument(
        "--part", type=part_of_all, default=(0, 1), metavar="K/N", help="the K-th of N processes that share the worlds"
    )
    run.set_defaults(run=_run)

    collect = commands.add_parser("collect", help="tables and figures of the worlds that there are")
    collect.add_argument("--cells", nargs="+", default=[], metavar="NAME", help="these cells alone (default: all)")
    collect.set_defaults(run=_collect)

    pilots = commands.add_parser("pilots", help="one table of the worlds in which settings were chosen")
    pilots.set_defaults(run=_pilots)

    coverage = commands.add_parser("coverage", help="how often the bands hold the truth in simulated worlds; minutes")
    coverage.add_argument("--replications", type=whole_number, default=200, help="simulated tables (default: 200)")
    coverage.set_defaults(run=_coverage)

    for command in (collect, pilots, coverage):
        command.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    for command in (run, collect, pilots):
        command.add_argument("--settings", type=Path, help="settings of the cells, TOML (default: the committed ones)")
        command.add_argument(
            "--runs",
            type=Path,
            default=Path("runs/strength"),
            help="folder of the worlds' tables (default: runs/strength)",
        )


def part_of_all(text: str) -> tuple[int, int]:
    """The numbers k, from 0, and n of a part ``K/N``."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a part; expected K/N with K from 1 to N, like 1/2")
    return int(match[1]) - 1, int(match[2])


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.strength.cells import CELLS, choose_cells, read_cells
    from mosaicreid.analyses.strength.compute import run_cells
    from mosaicreid.sweep.fingerprint import code_fingerprint

    cells = choose_cells(read_cells(arguments.settings or CELLS), arguments.cells)
    code = code_fingerprint("mosaicreid.analyses.strength.compute")
    paths = run_cells(cells, arguments.runs, part=arguments.part, code=code)
    print(f"{len(paths)} worlds are in {arguments.runs}")


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
