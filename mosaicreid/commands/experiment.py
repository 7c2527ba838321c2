"""`mosaicreid experiment`, `choices`, `backbones`: tables of finished sweeps. `mosaicreid executed`: a page."""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import Once, whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the four commands to the top-level parser."""
    parser = subparsers.add_parser("experiment", help="collect a sweep's runs and analyse them as the paper's tables")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of all runs")
    parser.add_argument("--data", type=Path, help="the folder of the datasets; a synthetic one states its truth there")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    parser.add_argument("--profile", default="tiny", help="tiny or paper (default: tiny)")
    parser.add_argument("--datasets", nargs="+", action=Once, metavar="NAME", help="default: all")
    parser.add_argument(
        "--variants", default="none", metavar="NAME", help="the dataset with Table 6 and the ablations (default: none)"
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        action=Once,
        type=whole_number,
        default=[],
        metavar="N",
        help="default: every seed there is",
    )
    parser.set_defaults(run=_experiment)

    choices = subparsers.add_parser("choices", help="compare what `make choices` has trained with the usual run")
    choices.add_argument("--runs", type=Path, required=True, help="the folder of all runs")
    choices.add_argument("--dataset", required=True, metavar="NAME", help="the dataset's name")
    choices.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    choices.add_argument("--profile", default="tiny", help="tiny or paper (default: tiny)")
    choices.set_defaults(run=_choices)

    backbones = subparsers.add_parser("backbones", help="whether several encoders rank attributes alike")
    backbones.add_argument(
        "--runs", type=_named, nargs="+", required=True, metavar="NAME=DIR", help="the folder of all runs of each"
    )
    backbones.add_argument("--data", type=Path, help="the folder of the datasets, which says whether they are drawn")
    backbones.add_argument("--datasets", nargs="+", action=Once, metavar="NAME", help="default: all")
    backbones.add_argument("--results", type=Path, default=Path("results"), help="folder to write (default: results)")
    backbones.set_defaults(run=_backbones)

    executed = subparsers.add_parser("executed", help="copy an executed notebook for the book, without its machine")
    executed.add_argument("source", type=Path, help="a notebook that papermill wrote")
    executed.add_argument("target", type=Path, help="the page to write")
    executed.add_argument("--title", required=True, help="the heading of the page")
    executed.set_defaults(run=_executed)


def _experiment(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.experiment.write import write_experiment
    from mosaicreid.datasets import DATASETS

    skipped = write_experiment(
        arguments.runs,
        arguments.results,
        datasets=arguments.datasets or DATASETS,
        variants_on="" if arguments.variants == "none" else arguments.variants,
        data=arguments.data,
        profile=arguments.profile,
        seeds=arguments.seeds,
    )
    for folder, reason in skipped.items():
        print(f"skipped {folder}: {reason}")
    print(f"tables and figures of {arguments.runs} are in {arguments.results}")


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not a backbone's runs; expected NAME=DIR like eva=runs/eva")
    return name, Path(folder)


def _backbones(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.backbones.write import write_backbones
    from mosaicreid.datasets import DATASETS
    from mosaicreid.errors import InputError

    folders = dict(arguments.runs)
    if len(folders) < len(arguments.runs):
        raise InputError("two backbones of --runs have one name; expected a name each")
    datasets = arguments.datasets or DATASETS
    for path in write_backbones(folders, arguments.results, datasets=datasets, data=arguments.data):
        print(f"wrote {path}")


def _choices(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.experiment.write import write_choices

    path = write_choices(arguments.runs, arguments.results, dataset=arguments.dataset, profile=arguments.profile)
    print(f"wrote {path}")


def _executed(arguments: argparse.Namespace) -> None:
    from mosaicreid.sweep.notebooks import write_executed

    write_executed(arguments.source, arguments.target, title=arguments.title)
