"""``mosaicreid recovery run`` and ``collect``: does the method find what attributes are worth, where that is known?"""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.worlds.strength import part_of_all


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``recovery`` with its commands."""
    group = subparsers.add_parser("recovery", help="whether every estimator finds a known truth, in many worlds")
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="draw, train and score every world that is not there yet; hours")
    run.add_argument("--cells", nargs="+", default=[], metavar="NAME", help="these cells alone (default: all)")
    run.add_argument(
        "--part", type=part_of_all, default=(0, 1), metavar="K/N", help="the K-th of N processes that share the worlds"
    )
    run.set_defaults(run=_run)

    collect = commands.add_parser("collect", help="tables and figures of the worlds that there are; minutes")
    collect.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    collect.set_defaults(run=_collect)

    for command in (run, collect):
        command.add_argument("--settings", type=Path, help="settings of the cells, TOML (default: the committed ones)")
        command.add_argument(
            "--runs",
            type=Path,
            default=Path("runs/recovery"),
            help="folder of the worlds' tables (default: runs/recovery)",
        )


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.recovery.worlds import CELLS
    from mosaicreid.analyses.strength.cells import choose_cells, read_cells
    from mosaicreid.analyses.strength.compute import run_cells
    from mosaicreid.sweep.fingerprint import code_fingerprint

    cells = choose_cells(read_cells(arguments.settings or CELLS), arguments.cells)
    code = code_fingerprint("mosaicreid.analyses.strength.compute")
    paths = run_cells(cells, arguments.runs, part=arguments.part, code=code)
    print(f"{len(paths)} worlds are in {arguments.runs}")


def _collect(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.recovery.worlds import CELLS
    from mosaicreid.analyses.recovery.write import write_recovery

    for path in write_recovery(arguments.runs, arguments.results, settings=arguments.settings or CELLS):
        print(f"wrote {path}")
