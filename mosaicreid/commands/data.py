"""``mosaicreid data ...``: look at a dataset folder, fetch the annotations, draw a synthetic dataset."""

import argparse
import re
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import whole_number


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the group ``data`` with its three commands."""
    group = subparsers.add_parser("data", help="check a dataset folder, fetch annotations, synthesize a dataset")
    commands = group.add_subparsers(metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="print what is in a dataset folder; status 1 if something is wrong")
    check.add_argument("root", type=Path, help="the folder that holds bounding_box_train, query, bounding_box_test")
    check.add_argument("--dataset", metavar="NAME", help="the dataset's name (default: recognised by the file names)")
    check.add_argument("--annotation", type=Path, help="the .mat file (default: the authors' name, in the root)")
    check.set_defaults(run=_check)

    annotations = commands.add_parser("annotations", help="fetch the two attribute files from their authors")
    annotations.add_argument(
        "--folder", type=Path, default=Path("data"), help="the folder of the datasets' folders (default: data)"
    )
    annotations.add_argument(
        "--flat", action="store_true", help="both files into the folder itself, as `priors` and `leakage` want them"
    )
    annotations.set_defaults(run=_annotations)

    synthesize = commands.add_parser("synthesize", help="draw a dataset of people in the format of a real one")
    synthesize.add_argument("root", type=Path, help="the folder to write")
    synthesize.add_argument("--like", required=True, metavar="NAME", help="the dataset to be like")
    synthesize.add_argument("--identities", type=whole_number, required=True, help="number of people")
    synthesize.add_argument("--seed", type=whole_number, required=True, help="equal seeds give equal bytes")
    synthesize.add_argument("--annotation", type=Path, help="a real .mat file to draw the people from")
    synthesize.add_argument("--size", type=_size, default=(128, 64), metavar="HxW", help="default: 128x64")
    synthesize.add_argument(
        "--visibility",
        type=_visibility,
        nargs="+",
        default=[],
        metavar="NAME=SHARE",
        help="how often an image shows an attribute, 0 to 1, in place of the world's own (hat=0.5 age=1)",
    )
    synthesize.add_argument(
        "--world",
        default="",
        metavar="SETTINGS",
        help='other options of the world: "legibility=0.8 nuisance=0.2 private_cues=1.5 marks=2 '
        'images_per_camera=[1,2] distractor_identities=0.3"',
    )
    synthesize.add_argument(
        "--replace", action="store_true", help="take the place of a folder that this command wrote and nobody added to"
    )
    synthesize.add_argument("--workers", type=whole_number, default=None, help="processes (default: one per core)")
    synthesize.set_defaults(run=_synthesize)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an image size; expected height x width like 128x64")
    return int(match[1]), int(match[2])


def _visibility(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a visibility; expected an attribute and a share like hat=0.5"
        ) from None


def _check(arguments: argparse.Namespace) -> int:
    from mosaicreid.data.check import check_dataset

    report = check_dataset(arguments.root, dataset=arguments.dataset, annotation=arguments.annotation)
    print(f"{report.dataset} at {arguments.root}")
    print(report.table.to_string(index=False))
    if report.passed_over:
        print(
            f"passed over {len(report.passed_over)} files or folders of the system's own, like {report.passed_over[0]}"
        )
    for problem in report.problems:
        print(f"problem: {problem}")
    print("nothing wrong" if not report.problems else f"{len(report.problems)} problems")
    return 1 if report.problems else 0


def _annotations(arguments: argparse.Namespace) -> None:
    from mosaicreid.data.download import fetch_annotations

    for dataset, path in fetch_annotations(arguments.folder, flat=arguments.flat).items():
        print(f"{dataset}: {path}")


def _synthesize(arguments: argparse.Namespace) -> None:
    from mosaicreid.config.worlds import world_options
    from mosaicreid.world.synthesize import synthesize

    height, width = arguments.size
    synthesize(
        arguments.root,
        like=arguments.like,
        identities=arguments.identities,
        seed=arguments.seed,
        annotation=arguments.annotation,
        height=height,
        width=width,
        visibility=dict(arguments.visibility),
        options=world_options(arguments.like, arguments.world),
        workers=arguments.workers,
        replace=arguments.replace,
    )
