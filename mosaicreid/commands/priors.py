"""``mosaicreid priors``: Figure 4 as a table and a drawing per dataset."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``priors``."""
    parser = subparsers.add_parser("priors", help="how common each attribute value is (Figure 4)")
    parser.add_argument(
        "--annotations",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder of the two .mat files and of market1501.files.txt.gz, dukemtmc.files.txt.gz (image paths)",
    )
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], metavar="ROOT", help="synthesized folders")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import pandas as pd

    from mosaicreid.annotation import FILE_NAMES, read_annotation
    from mosaicreid.attributes import DATASETS, get_schema
    from mosaicreid.data.check import detect_dataset
    from mosaicreid.data.market1501 import read_file_list, read_folders
    from mosaicreid.plots import save_figure
    from mosaicreid.plots_priors import plot_priors
    from mosaicreid.priors import dataset_priors
    from mosaicreid.results import write_results

    tables: list[pd.DataFrame] = []
    inputs: dict[str, Path] = {}
    for dataset in DATASETS:
        matrix = arguments.annotations / FILE_NAMES[dataset]
        listing = arguments.annotations / f"{dataset}.files.txt.gz"
        images = read_file_list(listing, dataset)
        tables.append(dataset_priors(images, read_annotation(matrix, dataset)).assign(source="real"))
        inputs |= {matrix.name: matrix, listing.name: listing}
    for root in arguments.synthetic:
        dataset = detect_dataset(root)
        matrix = root / FILE_NAMES[dataset]
        images = read_folders(dataset, root)
        tables.append(dataset_priors(images, read_annotation(matrix, dataset)).assign(source="synthetic"))
        inputs[f"synthetic {matrix.name}"] = matrix
    priors = pd.concat(tables, ignore_index=True)
    priors = priors[["source", *priors.columns.drop("source")]]
    write_results(priors, arguments.results / "priors.csv", inputs=inputs)
    for dataset in DATASETS:
        drawn = priors[(priors["dataset"] == dataset) & (priors["split"] == "all")]
        path = arguments.results / "figures" / f"priors-{dataset}.svg"
        save_figure(plot_priors(drawn, get_schema(dataset)), path)
    print(f"wrote {arguments.results / 'priors.csv'} and two figures beside it")
