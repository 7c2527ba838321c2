"""What commands of experiments in many worlds have in common: which worlds, in which folder, by how many processes."""

import argparse
import re
from pathlib import Path
from typing import Any


def add_run(commands: "argparse._SubParsersAction[Any]", *, takes: str = "hours") -> argparse.ArgumentParser:
    """Add the command ``run`` with its options; what it does is for the caller to set."""
    said = f"draw, train and score every world that is not there yet; {takes}"
    run: argparse.ArgumentParser = commands.add_parser("run", help=said)
    add_cells(run)
    run.add_argument(
        "--part", type=part_of_all, default=(0, 1), metavar="K/N", help="the K-th of N processes that share the worlds"
    )
    return run


def add_cells(command: argparse.ArgumentParser) -> None:
    """Add the option that chooses cells."""
    command.add_argument("--cells", nargs="+", default=[], metavar="NAME", help="these cells alone (default: all)")


def add_folders(command: argparse.ArgumentParser, *, runs: str) -> None:
    """Add the options for the settings of the cells and for the folder of the worlds' tables."""
    command.add_argument("--settings", type=Path, help="settings of the cells, TOML (default: the committed ones)")
    command.add_argument(
        "--runs", type=Path, default=Path(runs), help=f"folder of the worlds' tables (default: {runs})"
    )


def add_results(command: argparse.ArgumentParser) -> None:
    """Add the option for the folder of results."""
    command.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")


def part_of_all(text: str) -> tuple[int, int]:
    """The numbers k, from 0, and n of a part ``K/N``."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a part; expected K/N with K from 1 to N, like 1/2")
    return int(match[1]) - 1, int(match[2])


def run_worlds(arguments: argparse.Namespace, settings: Path) -> None:
    """Do what ``run`` was asked for, with the cells of ``settings`` where no other file was named."""
    from mosaicreid.analyses.strength.cells import choose_cells, read_cells
    from mosaicreid.analyses.strength.compute import run_cells
    from mosaicreid.sweep.fingerprint import code_fingerprint

    cells = choose_cells(read_cells(arguments.settings or settings), arguments.cells)
    code = code_fingerprint("mosaicreid.analyses.strength.compute")
    paths = run_cells(cells, arguments.runs, part=arguments.part, code=code)
    print(f"{len(paths)} worlds are in {arguments.runs}")
