"""``mosaicreid on-card``: a command on a GPU that no other job of the sweep uses."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``on-card``."""
    parser = subparsers.add_parser(
        "on-card",
        help="run a command on a GPU that no other job of the sweep uses",
        description="Wait for a free GPU of this machine, and run COMMAND with no other one to see. What a sweep calls "
        "for each of its jobs, so that `--resources gpu=4` fills four cards. Without a GPU, COMMAND runs as it is.",
    )
    parser.add_argument(
        "--runs", type=Path, required=True, help="the folder of all runs; its _cards says who has which"
    )
    parser.add_argument("words", nargs="+", metavar="COMMAND", help="the command and its arguments, after --")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.sweep.cards import run_on_card

    run_on_card(arguments.words, locks=arguments.runs / "_cards")
