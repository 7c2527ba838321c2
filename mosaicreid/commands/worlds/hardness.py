"""``mosaicreid hardness run`` and ``collect``: what each option of a synthetic world does to the baseline."""

import argparse
from typing import Any

from mosaicreid.commands.worlds.arguments import add_folders, add_results, add_run, run_worlds


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``hardness`` with its commands."""
    group = subparsers.add_parser("hardness", help="what each option of a synthetic world does to the baseline")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    run = add_run(commands, takes="half an hour")
    run.set_defaults(run=_run)
    collect = commands.add_parser("collect", help="tables of the worlds that there are")
    collect.set_defaults(run=_collect)
    add_results(collect)
    for command in (run, collect):
        add_folders(command, runs="runs/hardness")


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.hardness.write import CELLS

    run_worlds(arguments, CELLS)


def _collect(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.hardness.write import CELLS, write_hardness

    for path in write_hardness(arguments.runs, arguments.results, settings=arguments.settings or CELLS):
        print(f"wrote {path}")
