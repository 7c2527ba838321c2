"""What attributes alone retrieve, of every dataset whose annotation is at hand: computed, written, drawn."""

from pathlib import Path

import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.leakage.compute import find_candidates
from mosaicreid.analyses.leakage.figures import plot_leakage_published, plot_leakage_shapley
from mosaicreid.analyses.leakage.given_size import DRAWS, bits_given_size
from mosaicreid.analyses.leakage.tables import (
    leakage_published,
    leakage_relation,
    leakage_shapley,
    leakage_summary,
    leakage_table,
)
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.folders import read_file_list
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, check_attributes, read_results, write_tables
from mosaicreid.tables import NUMBER, PERCENT, TEXT, Column

_DATASET = {"dataset": Column(kind="text", among=published.DATASETS)}
_DRAWN = {
    "shapley": (plot_leakage_shapley, _DATASET | {"attribute": TEXT, "mAP": NUMBER, "glm_mAP": NUMBER}, "attribute"),
    "published": (
        plot_leakage_published,
        _DATASET | {"configuration": TEXT, "known_bits": NUMBER, "mAP": PERCENT, "leakage_mAP": PERCENT},
        "configuration",
    ),
}


def write_leakage(annotations: Path, results: Path) -> list[Path]:
    """Score every subset of attributes of the paper's datasets and write ``leakage_*.csv``; returns the paths.

    ``annotations`` holds each dataset's .mat file and ``NAME.files.txt.gz``, a list of its images.

    Raises:
        InputError: as ``read_file_list`` and ``read_annotation``; nothing has been written then.
    """
    annotations = Path(annotations)
    tables: dict[str, Table] = {}
    parts: dict[str, list[pd.DataFrame]] = {"shapley": [], "summary": [], "published": [], "relation": []}
    inputs: dict[str, Path] = {}
    for dataset in published.DATASETS:
        listing = annotations / f"{dataset}.files.txt.gz"
        definition = get_folder_dataset(dataset)
        matrix = annotations / definition.annotation.file_name
        images, annotation = read_file_list(listing, definition), read_annotation(matrix, definition)["test"]
        candidates = find_candidates(images["query"], images["gallery"], annotation)
        table = leakage_table(candidates, annotation)
        read = {listing.name: listing, matrix.name: matrix}
        tables[f"leakage_subsets_{dataset}"] = Table(frame=table.round(3), inputs=read, parameters={"decimals": 3})
        schema = annotation.schema
        parts["summary"].append(leakage_summary(table, candidates, schema))
        parts["shapley"].append(leakage_shapley(table, schema))
        parts["published"].append(leakage_published(table, schema))
        table3 = published.load_table(3, dataset)
        given_size = bits_given_size(
            table3[list(schema.attributes)].to_numpy(),
            table3["mAP"].to_numpy(float),
            table["entropy_bits"].iloc[0] - table["entropy_bits"].to_numpy(float),
        )
        parts["relation"].append(leakage_relation(parts["published"][-1], parts["shapley"][-1]).assign(**given_size))
        inputs |= read | {published.table_path(3, dataset).name: published.table_path(3, dataset)}
    for number in (4, 7):
        inputs[published.table_path(number).name] = published.table_path(number)
    for name, frames in parts.items():
        parameters = {"draws": DRAWS, "seed": 0} if name == "relation" else {}
        tables[f"leakage_{name}"] = Table(
            frame=pd.concat(frames, ignore_index=True), inputs=inputs, parameters=parameters
        )
    return write_tables(tables, results)


def draw_leakage(results: Path) -> list[Path]:
    """Draw the figures of the tables in ``results`` into ``results/figures``; returns their paths.

    Raises:
        InputError: a table is missing or holds what it should not; nothing has been drawn then.
    """
    tables = {}
    for name, (_, columns, key) in _DRAWN.items():
        path = Path(results) / f"leakage_{name}.csv"
        tables[name] = read_results(path, columns, key=("dataset", key))
        if key == "attribute":
            check_attributes(tables[name], where=str(path))
    paths = []
    for name, (plot, *_) in _DRAWN.items():
        paths.append(Path(results) / "figures" / f"leakage-{name}.svg")
        save_figure(plot(tables[name]), paths[-1])
    return paths
