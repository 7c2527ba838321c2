"""``mosaicreid recovery``: does the method find what attributes are worth, where that is known?"""

import argparse
from typing import Any

from mosaicreid.commands.arguments import whole_number
from mosaicreid.commands.worlds.arguments import add_folders, add_results, add_run, run_worlds


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``recovery`` with its commands."""
    group = subparsers.add_parser("recovery", help="whether every estimator finds a known truth, in many worlds")
    commands = group.add_subparsers(metavar="COMMAND", required=True)
    run = add_run(commands)
    run.set_defaults(run=_run)
    collect = commands.add_parser("collect", help="tables and figures of the worlds that there are; minutes")
    collect.set_defaults(run=_collect)
    coverage = commands.add_parser("coverage", help="how often intervals over few worlds hold the mean; a minute")
    coverage.add_argument("--replications", type=whole_number, default=1000, help="draws of worlds (default: 1000)")
    coverage.set_defaults(run=_coverage)
    for command in (collect, coverage):
        add_results(command)
    for command in (run, collect):
        add_folders(command, runs="runs/recovery")


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.recovery.worlds import CELLS

    run_worlds(arguments, CELLS)


def _collect(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.recovery.worlds import CELLS
    from mosaicreid.analyses.recovery.write import write_recovery

    for path in write_recovery(arguments.runs, arguments.results, settings=arguments.settings or CELLS):
        print(f"wrote {path}")


def _coverage(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.coverage.few_worlds import write_few_worlds

    table = write_few_worlds(arguments.results, replications=arguments.replications)
    print(table.round(3).to_string(index=False))
    print(f"wrote {arguments.results / 'recovered_coverage.csv'}")
