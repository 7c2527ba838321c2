"""``mosaicreid experiment``: every table and figure of a finished sweep."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser("experiment", help="collect a sweep's runs and analyse them as the paper's tables")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of all runs")
    parser.add_argument("--data", type=Path, help="the folder of the datasets; a synthetic one states its truth there")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    parser.add_argument("--profile", default="tiny", help="tiny or paper (default: tiny)")
    parser.add_argument("--datasets", nargs="+", default=["market1501", "dukemtmc"], metavar="NAME")
    parser.add_argument("--variants", nargs="*", default=[], metavar="NAME", help="datasets with Table 6 and ablations")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the tables; what was skipped is named."""
    from mosaicreid.experiment_results import write_experiment

    skipped = write_experiment(
        arguments.runs,
        arguments.results,
        datasets=arguments.datasets,
        variants_on=arguments.variants,
        data=arguments.data,
        profile=arguments.profile,
    )
    for folder, reason in skipped.items():
        print(f"skipped {folder}: {reason}")
    print(f"tables and figures of {arguments.runs} are in {arguments.results}")
    return 0
