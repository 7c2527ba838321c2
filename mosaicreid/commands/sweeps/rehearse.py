"""``mosaicreid rehearse``: the paper's sweep in small, from made-up images and weights to a built book."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``rehearse``."""
    parser = subparsers.add_parser(
        "rehearse",
        help="the paper's sweep in small: every rule, stage and page, on drawn images and random weights",
        description="Run what `make paper` runs with everything real but size, and build the book that shows it. Its "
        "numbers mean nothing. Given in the folder of the clone; goes on after an interruption.",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/rehearse"), help="where to write (default: runs/rehearse)"
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="DIR",
        help="the real annotation files and lists of images, NAME.files.txt.gz (default: names and labels made up)",
    )
    parser.add_argument("--cores", type=whole_number, help="processors to use (default: all that this process has)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from mosaicreid.errors import InputError
    from mosaicreid.files import usable_cpus
    from mosaicreid.rehearsal.sizes import FULL
    from mosaicreid.rehearsal.steps import RehearsalFailed, rehearse

    cores = usable_cpus() if arguments.cores is None else arguments.cores
    if not 1 <= cores <= 1024:
        raise InputError(f"got {cores} cores; expected 1 to 1024")
    try:
        rehearse(arguments.folder, size=FULL, annotations=arguments.annotations, cores=cores)
    except RehearsalFailed as error:
        print(f"mosaicreid: error: {error}; the same command goes on", file=sys.stderr)
        return 1
    return 0
