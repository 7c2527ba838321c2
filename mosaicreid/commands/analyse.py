"""``mosaicreid analyse``: every result table and figure that follows from the published tables."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the top-level parser."""
    parser = subparsers.add_parser("analyse", help="recompute the paper's statistics from its published tables")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder to write to (default: results)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write every table and figure; status 1 where a published number is not reproduced to its last digit."""
    from mosaicreid.analyses.paper.write import write_paper

    tables = write_paper(arguments.results)
    for name, table in tables.items():
        print(f"{arguments.results / name}.csv: {len(table)} rows")
    print(f"{arguments.results / 'figures'}: Figures 5 to 9, and those of the tables, the search and the caveats")
    total = tables["digits_summary"].iloc[-1]
    print(f"{total['agree']} of {total['total']} published numbers agree to the last printed digit")
    if total["agree"] < total["total"]:
        disagree = ", ".join(map(str, tables["digits"].query("not agree")["term"].unique()))
        print(f"not reproduced: numbers of {disagree}; see digits.csv", file=sys.stderr)
        return 1
    return 0
