"""Figures 5 to 9 of whole result tables, for both metrics."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.plotting import METRIC_TITLES, by_dataset, save_figure, title_of_dataset


def write_figures(
    tables: Mapping[str, pd.DataFrame], results: Path, *, source: str, titles: Mapping[str, str] | None = None
) -> None:
    """Draw every estimator's figures into ``results/figures``, as ``<source>_<figure>_<metric>.svg``.

    Args:
        tables: an estimator's name -> its results with columns dataset and metric, as its CSV file has them.
        source: ``published`` for the paper's experiments, ``experiment`` for our runs.
        titles: what each dataset is called (``names.provenance``); None for the paper's.
    """
    for metric, metric_title in METRIC_TITLES.items():
        for estimator in ESTIMATORS:
            table = tables[estimator.name]
            rows = table[table["metric"] == metric]
            for name, plot in estimator.plots.items():
                figures = {name: by_dataset(rows, titles)} if plot.together else {}
                if not plot.together:
                    panels = by_dataset(rows, titles)
                    for dataset in rows["dataset"].unique():
                        title = title_of_dataset(dataset, titles)
                        figures[f"{name}_{dataset}"] = {title: panels[title]}
                for file, panels in figures.items():
                    figure = plot.draw(panels, metric=metric_title)
                    save_figure(figure, Path(results) / "figures" / f"{source}_{file}_{metric}.svg")
