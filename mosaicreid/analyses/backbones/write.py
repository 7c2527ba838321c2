"""The tables and the figure of a comparison of backbones, written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.backbones.compute import compare_backbones
from mosaicreid.analyses.backbones.figures import plot_backbones
from mosaicreid.names.provenance import data_kinds, data_titles
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, read_results, write_tables


def write_backbones(
    folders: Mapping[str, Path], results: Path, *, datasets: Sequence[str], data: Path | None
) -> list[Path]:
    """Write ``backbones_scores.csv``, ``backbones_attributes.csv``, ``backbones_pairs.csv`` and a figure, of all
    ``datasets``, whose images lie in ``data``; arguments and errors as ``compare_backbones``."""
    found = [compare_backbones(folders, dataset) for dataset in datasets]
    kinds = data_kinds(data, datasets)
    about = {"backbones": list(folders), "datasets": list(datasets), "data": kinds}
    tables = {
        f"backbones_{name}": Table(
            frame=pd.concat([tables[name] for tables in found], ignore_index=True), parameters=about
        )
        for name in found[0]
    }
    paths = write_tables(tables, Path(results))
    figure = Path(results) / "figures" / "backbones.svg"
    save_figure(plot_backbones(read_results(Path(results) / "backbones_attributes.csv"), data_titles(kinds)), figure)
    return [*paths, figure]
