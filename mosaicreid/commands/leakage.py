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
        help="the folder of the two .mat files and of market1501.files.txt.gz, dukemtmc.files.txt.gz (image paths)",
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write (default: results)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.plots import save_figure
    from mosaicreid.plots_leakage import plot_leakage_published, plot_leakage_shapley
    from mosaicreid.results import read_results

    results: Path = arguments.results
    if arguments.annotations:
        _compute(arguments.annotations, results)
    for name, draw in (("shapley", plot_leakage_shapley), ("published", plot_leakage_published)):
        path = results / "figures" / f"leakage-{name}.svg"
        save_figure(draw(read_results(results / f"leakage_{name}.csv")), path)
        print(f"wrote {path}")


def _compute(annotations: Path, results: Path) -> None:
    import pandas as pd

    from mosaicreid.annotation import FILE_NAMES, read_annotation
    from mosaicreid.attributes import DATASETS
    from mosaicreid.data.market1501 import read_file_list
    from mosaicreid.leakage import find_candidates
    from mosaicreid.leakage_tables import (
        leakage_published,
        leakage_relation,
        leakage_shapley,
        leakage_summary,
        leakage_table,
    )
    from mosaicreid.published import table_path
    from mosaicreid.results import write_results

    tables: dict[str, list[pd.DataFrame]] = {"shapley": [], "summary": [], "published": [], "relation": []}
    inputs: dict[str, Path] = {}
    for dataset in DATASETS:
        listing, matrix = annotations / f"{dataset}.files.txt.gz", annotations / FILE_NAMES[dataset]
        images, annotation = read_file_list(listing, dataset), read_annotation(matrix, dataset)["test"]
        candidates = find_candidates(images["query"], images["gallery"], annotation)
        table = leakage_table(candidates, annotation)
        read = {listing.name: listing, matrix.name: matrix}
        path = results / f"leakage_subsets_{dataset}.csv"
        write_results(table.round(3), path, inputs=read, parameters={"decimals": 3})
        print(f"wrote {path}")
        schema = annotation.schema
        tables["summary"].append(leakage_summary(table, candidates, schema))
        tables["shapley"].append(leakage_shapley(table, schema))
        tables["published"].append(leakage_published(table, schema))
        tables["relation"].append(leakage_relation(tables["published"][-1], tables["shapley"][-1]))
        table3 = table_path(3, dataset)
        inputs |= read | {table3.name: table3}
    for number in (4, 7):
        inputs[table_path(number).name] = table_path(number)
    for name, parts in tables.items():
        path = results / f"leakage_{name}.csv"
        write_results(pd.concat(parts, ignore_index=True), path, inputs=inputs)
        print(f"wrote {path}")
