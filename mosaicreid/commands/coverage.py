"""``mosaicreid coverage``: the simulation study behind the robust intervals, in one command."""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser(
        "coverage",
        help="simulate data whose truth is known and count how often each interval contains it",
        description="Simulate per-query results, games and retrievals whose truth is known, like our runs in the "
        "synthetic worlds, and write how often each kind of interval on the pages holds the truth to "
        "RESULTS/robust_coverage.csv.",
    )
    parser.add_argument(
        "--replications", type=whole_number, default=600, help="simulated panels per dataset (default: 600)"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="seed of the simulation (default: 0)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the study and draw its figure."""
    from mosaicreid.analyses.coverage.write import write_coverage
    from mosaicreid.results import read_results

    path = write_coverage(arguments.results, replications=arguments.replications, seed=arguments.seed)
    print(read_results(path).to_string(index=False, float_format="%.3f"))
    return 0
