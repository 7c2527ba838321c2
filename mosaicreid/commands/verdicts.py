"""``mosaicreid verdicts``: the paper's main claims judged by every result table."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser("verdicts", help="judge the paper's main claims by the result tables")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of tables (default: results)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write verdicts.csv and print it in short."""
    from mosaicreid.analyses.verdicts.write import write_verdicts

    table = write_verdicts(arguments.results)
    print(table[["claim", "dataset", "published", "runs", "controls"]].to_string(index=False))
    return 0
