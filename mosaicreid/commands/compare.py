"""``mosaicreid compare``: this machine's sweep beside the committed results."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser("compare", help="compare a sweep's scores with the committed ones")
    parser.add_argument("--runs", type=Path, default=Path("runs/tiny"), help="folder of all runs (default: runs/tiny)")
    parser.add_argument("--results", type=Path, help="folder of the sweep's tables (default: results in the runs')")
    committed = "folder of the tables to compare with (default: results)"
    parser.add_argument("--committed", type=Path, default=Path("results"), help=committed)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.machine.write import write_comparison
    from mosaicreid.datasets import get_dataset

    results = arguments.results or arguments.runs / "results"
    for row in write_comparison(arguments.runs, results, arguments.committed).to_dict("records"):
        title = get_dataset(row["dataset"]).title
        print(
            f"{title}-like world: {row['verdict']}; {row['equal']} of {row['runs']} runs equal, "
            f"largest difference {row['largest']:.2f} points of mAP (seeds differ by {row['seed_sd']:.2f})"
        )
