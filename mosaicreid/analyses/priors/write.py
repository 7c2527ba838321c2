"""How common each attribute value is, in the real datasets and in synthetic ones: counted, written, drawn."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.priors.compute import SEVERAL, UNLABELLED, dataset_priors
from mosaicreid.analyses.priors.figures import plot_priors
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.check import detect_dataset, summarise
from mosaicreid.data.folders import read_file_list, read_folders
from mosaicreid.datasets import DATASETS, get_folder_dataset, get_schema
from mosaicreid.datasets.marker import SYNTHETIC_MARKER, read_marker
from mosaicreid.errors import InputError, one_of
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, check_attributes, columns_first, read_results, write_tables
from mosaicreid.tables import SHARE, TEXT, Column

_PRIORS = {
    "source": Column(kind="text", among=("real", "synthetic")),
    **{"dataset": Column(kind="text", among=DATASETS), "split": TEXT, "attribute": TEXT, "value": TEXT, "share": SHARE},
}


def write_priors(annotations: Path, results: Path, *, synthetic: Sequence[Path] = ()) -> list[Path]:
    """Count images and attribute values and write ``images.csv`` and ``priors.csv``; returns the paths.

    Args:
        annotations: holds each dataset's .mat file and ``NAME.files.txt.gz``, a list of its images.
        synthetic: folders that ``data synthesize`` wrote, at most one like each dataset.

    Raises:
        InputError: as ``read_file_list`` and ``read_annotation``; a folder that is not synthetic, or a second one like
            the same dataset. Nothing has been written then.
    """
    priors: list[pd.DataFrame] = []
    images: list[pd.DataFrame] = []
    inputs: dict[str, Path] = {}
    worlds: dict[str, dict[str, object]] = {}
    for dataset in DATASETS:
        listing = Path(annotations) / f"{dataset}.files.txt.gz"
        definition = get_folder_dataset(dataset)
        matrix = Path(annotations) / definition.annotation.file_name
        folders, codes = read_file_list(listing, definition), read_annotation(matrix, definition)
        priors.append(dataset_priors(folders, codes).assign(source="real"))
        images.append(summarise(folders, codes).assign(source="real", dataset=dataset))
        inputs |= {listing.name: listing, matrix.name: matrix}
    for root in synthetic:
        dataset = detect_dataset(root)
        definition = get_folder_dataset(dataset)
        marker, matrix = root / SYNTHETIC_MARKER, root / definition.annotation.file_name
        if not marker.is_file():
            raise InputError(f"no {SYNTHETIC_MARKER} in {root}; expected a folder that `data synthesize` wrote")
        if f"synthetic {matrix.name}" in inputs:
            raise InputError(f"{root} is a second synthetic folder like {dataset}; expected at most one of each")
        folders, codes = read_folders(definition, root), read_annotation(matrix, definition)
        priors.append(dataset_priors(folders, codes).assign(source="synthetic"))
        images.append(summarise(folders, codes).assign(source="synthetic", dataset=dataset))
        inputs |= {f"synthetic {matrix.name}": matrix, f"{SYNTHETIC_MARKER} like {dataset}": marker}
        stated = read_marker(root)
        worlds[dataset] = {"identities": stated.identities, "seed": stated.seed}
    tables = {
        name: Table(
            frame=columns_first(pd.concat(parts, ignore_index=True), "source", "dataset"),
            inputs=inputs,
            parameters={"synthetic": worlds},
        )
        for name, parts in (("images", images), ("priors", priors))
    }
    return write_tables(tables, results)


def draw_priors(results: Path) -> list[Path]:
    """Draw a figure per dataset of ``priors.csv`` in ``results`` into ``results/figures``; returns their paths.

    Raises:
        InputError: there is no such table, or it holds what it should not; nothing has been drawn then.
    """
    path = Path(results) / "priors.csv"
    priors = read_results(path, _PRIORS, key=("source", "dataset", "split", "attribute", "value"))
    check_attributes(priors, where=str(path))
    figures = {}
    for dataset in DATASETS:
        schema = get_schema(dataset)
        drawn = priors[(priors["dataset"] == dataset) & (priors["split"] == "all")]
        if drawn.empty:
            raise InputError(f"{path} has no rows of {dataset} and the split all; `mosaicreid priors` writes them")
        for group in schema.groups:
            known = (*group.values, UNLABELLED, SEVERAL)
            for value in drawn.loc[drawn["attribute"] == group.name, "value"]:
                if value not in known:
                    raise one_of(f"value of {group.name} in {path}", value, known)
        figures[dataset] = plot_priors(drawn, schema)
    paths = []
    for dataset, figure in figures.items():
        paths.append(Path(results) / "figures" / f"priors-{dataset}.svg")
        save_figure(figure, paths[-1])
    return paths
