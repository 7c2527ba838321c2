"""``mosaicreid priors``: Figure 4 as a table and a drawing per dataset."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``priors``."""
    parser = subparsers.add_parser(
        "priors",
        help="how common each attribute value is (Figure 4)",
        description="Count images and attribute values, write RESULTS/images.csv and RESULTS/priors.csv and draw the "
        "figures; without --annotations, only draw them anew from RESULTS/priors.csv.",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="DIR",
        help="the folder of the datasets' .mat files and of their lists of image paths, NAME.files.txt.gz",
    )
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], metavar="ROOT", help="synthesized folders")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.priors.write import draw_priors, write_priors
    from mosaicreid.errors import InputError

    if arguments.synthetic and not arguments.annotations:
        raise InputError("--synthetic was given without --annotations; the table needs the real annotation too")
    written = []
    if arguments.annotations:
        written = write_priors(arguments.annotations, arguments.results, synthetic=arguments.synthetic)
    for path in [*written, *draw_priors(arguments.results)]:
        print(f"wrote {path}")
