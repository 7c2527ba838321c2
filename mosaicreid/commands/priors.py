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
        help="the folder of the two .mat files and of market1501.files.txt.gz, dukemtmc.files.txt.gz (image paths)",
    )
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], metavar="ROOT", help="synthesized folders")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.attributes import DATASETS, get_schema
    from mosaicreid.errors import InputError
    from mosaicreid.plots import save_figure
    from mosaicreid.plots_priors import plot_priors
    from mosaicreid.results import read_results

    if arguments.annotations:
        _count(arguments.annotations, arguments.synthetic, arguments.results)
    elif arguments.synthetic:
        raise InputError("--synthetic was given without --annotations; the table needs the real annotation too")
    priors = read_results(arguments.results / "priors.csv")
    for dataset in DATASETS:
        drawn = priors[(priors["dataset"] == dataset) & (priors["split"] == "all")]
        path = arguments.results / "figures" / f"priors-{dataset}.svg"
        save_figure(plot_priors(drawn, get_schema(dataset)), path)
        print(f"wrote {path}")


def _count(annotations: Path, synthetic: list[Path], results: Path) -> None:
    import json

    import pandas as pd

    from mosaicreid.annotation import FILE_NAMES, read_annotation
    from mosaicreid.attributes import DATASETS
    from mosaicreid.data.check import detect_dataset, summarise
    from mosaicreid.data.market1501 import SYNTHETIC_MARKER, read_file_list, read_folders
    from mosaicreid.errors import InputError
    from mosaicreid.priors import dataset_priors
    from mosaicreid.results import write_results

    priors: list[pd.DataFrame] = []
    images: list[pd.DataFrame] = []
    inputs: dict[str, Path] = {}
    worlds: dict[str, dict[str, object]] = {}
    for dataset in DATASETS:
        listing = annotations / f"{dataset}.files.txt.gz"
        matrix = annotations / FILE_NAMES[dataset]
        folders, codes = read_file_list(listing, dataset), read_annotation(matrix, dataset)
        priors.append(dataset_priors(folders, codes).assign(source="real"))
        images.append(summarise(folders, codes).assign(source="real", dataset=dataset))
        inputs |= {listing.name: listing, matrix.name: matrix}
    for root in synthetic:
        dataset = detect_dataset(root)
        marker, matrix = root / SYNTHETIC_MARKER, root / FILE_NAMES[dataset]
        if not marker.is_file():
            raise InputError(f"no {SYNTHETIC_MARKER} in {root}; expected a folder that `data synthesize` wrote")
        if f"synthetic {matrix.name}" in inputs:
            raise InputError(f"{root} is a second synthetic folder like {dataset}; expected at most one of each")
        folders, codes = read_folders(dataset, root), read_annotation(matrix, dataset)
        priors.append(dataset_priors(folders, codes).assign(source="synthetic"))
        images.append(summarise(folders, codes).assign(source="synthetic", dataset=dataset))
        inputs |= {f"synthetic {matrix.name}": matrix, f"{SYNTHETIC_MARKER} like {dataset}": marker}
        stated = json.loads(marker.read_text())
        worlds[dataset] = {name: stated.get(name) for name in ("identities", "seed")}
    for name, tables in (("images", images), ("priors", priors)):
        table = pd.concat(tables, ignore_index=True)
        first = ["source", "dataset"]
        table = table[[*first, *table.columns.drop(first)]]
        write_results(table, results / f"{name}.csv", inputs=inputs, parameters={"synthetic": worlds})
        print(f"wrote {results / name}.csv")
