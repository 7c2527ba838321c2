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
    """Write verdicts.csv and, where the real annotation was counted, verdicts_further.csv; print both in short."""
    from mosaicreid.analyses.verdicts.claims import KINDS
    from mosaicreid.analyses.verdicts.write import has_annotation, write_further, write_verdicts

    table = write_verdicts(arguments.results)
    print(table[["claim", "dataset", *KINDS]].to_string(index=False))
    if has_annotation(arguments.results):
        further = write_further(arguments.results)
        print(further[["claim", "dataset", "verdict"]].to_string(index=False))
    else:
        print(
            "claims made in passing are not judged: no priors.csv and images.csv here, which `mosaicreid priors` writes"
        )
    return 0
