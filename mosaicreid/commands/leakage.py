"""``mosaicreid leakage``: what the attributes alone retrieve, without any image."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``leakage``."""
    parser = subparsers.add_parser(
        "leakage",
        help="what attributes alone retrieve, without any image",
        description="Score every subset of attributes and write RESULTS/leakage_*.csv with their figures; without "
        "--annotations, only draw the figures anew from the tables.",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="DIR",
        help="the folder of the datasets' .mat files and of their lists of image paths, NAME.files.txt.gz",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.leakage.write import draw_leakage, write_leakage

    written = write_leakage(arguments.annotations, arguments.results) if arguments.annotations else []
    for path in [*written, *draw_leakage(arguments.results)]:
        print(f"wrote {path}")
