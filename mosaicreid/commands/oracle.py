"""``mosaicreid oracle run`` and ``collect``: what the oracle gives away, and what each attribute is worth."""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import Once, whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``oracle`` with its two commands."""
    group = subparsers.add_parser("oracle", help="controls for the oracle router, and Shapley values of attributes")
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    one = commands.add_parser("run", help="all controls on the trained models of one dataset and seed")
    one.add_argument("--dataset", required=True, metavar="NAME", help="the dataset's name")
    one.add_argument("--seed", type=whole_number, required=True, help="the seed of the runs")
    one.add_argument("--root", type=Path, required=True, help="the dataset's folder")
    one.add_argument("--runs", type=Path, required=True, help="the folder of all runs, with a finished run `all`")
    one.add_argument("--people", type=whole_number, default=24, help="people of the Shapley values (default: 24)")
    one.add_argument("--orders", type=whole_number, default=10, help="pairs of orders of attributes (default: 10)")
    one.add_argument("--cache", type=Path, help="the folder of decoded images (default: _cache in the runs' folder)")
    one.set_defaults(run=_run)

    collect = commands.add_parser("collect", help="every table and figure from what `run` left")
    collect.add_argument("--runs", type=Path, required=True, help="the folder of all runs")
    collect.add_argument("--data", type=Path, required=True, help="the folder of the datasets")
    collect.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    collect.add_argument("--datasets", nargs="+", action=Once, metavar="NAME", help="default: all")
    collect.add_argument("--seeds", nargs="+", action=Once, type=whole_number, default=[0, 1, 2], metavar="SEED")
    collect.set_defaults(run=_collect)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.oracle.compute import Effort, run_oracle

    effort = Effort(people=arguments.people, pairs=arguments.orders)
    written = run_oracle(
        arguments.runs,
        dataset=arguments.dataset,
        seed=arguments.seed,
        root=arguments.root,
        effort=effort,
        cache=arguments.cache,
    )
    for path in written:
        print(f"wrote {path}")


def _collect(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.shapley.write import write_oracle
    from mosaicreid.datasets import DATASETS

    for path in write_oracle(
        arguments.runs,
        arguments.results,
        data=arguments.data,
        datasets=arguments.datasets or DATASETS,
        seeds=arguments.seeds,
    ):
        print(f"wrote {path}")
