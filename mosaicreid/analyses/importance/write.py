"""Figures 5 to 9 of whole result tables, for both metrics."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.datasets import get_dataset
from mosaicreid.plotting import METRIC_TITLES, by_dataset, save_figure


def write_figures(tables: Mapping[str, pd.DataFrame], results: Path, *, source: str) -> None:
    """Draw every estimator's figures into ``results/figures``, as ``<source>_<figure>_<metric>.svg``.

    Args:
        tables: an estimator's name -> its results with columns dataset and metric, as its CSV file has them.
        source: ``published`` for the paper's experiments, ``experiment`` for our runs.
    """
    for metric, title in METRIC_TITLES.items():
        for estimator in ESTIMATORS:
            table = tables[estimator.name]
            rows = table[table["metric"] == metric]
            for name, plot in estimator.plots.items():
                figures = {name: by_dataset(rows)} if plot.together else {}
                if not plot.together:
                    for dataset, rows_of_dataset in rows.groupby("dataset", sort=False):
                        figures[f"{name}_{dataset}"] = {get_dataset(str(dataset)).title: rows_of_dataset}
                for file, panels in figures.items():
                    figure = plot.draw(panels, metric=title)
                    save_figure(figure, Path(results) / "figures" / f"{source}_{file}_{metric}.svg")
