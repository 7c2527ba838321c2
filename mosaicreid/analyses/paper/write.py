"""Everything that follows from the paper's own tables: computed, then written, then drawn."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mosaicreid import published
from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.analyses.importance.write import write_figures
from mosaicreid.analyses.paper.caveat_figures import write_caveat_figures
from mosaicreid.analyses.paper.compute import published_tables
from mosaicreid.analyses.paper.figures import write_table_figures
from mosaicreid.analyses.paper.recovery import recovery_tables
from mosaicreid.analyses.paper.tables import printed_tables
from mosaicreid.results import Table, read_results, write_tables


def published_results(computed: Mapping[str, pd.DataFrame]) -> dict[str, Table]:
    """The tables of ``published_tables`` by file name, with the published tables as their provenance."""
    inputs = {f"table3_{dataset}.csv": published.table_path(3, dataset) for dataset in published.DATASETS}
    inputs |= {published.table_path(number).name: published.table_path(number) for number in (4, 5, 7)}
    return {name: Table(frame=frame, inputs=inputs, parameters={"analysis": name}) for name, frame in computed.items()}


def write_paper(results: Path) -> dict[str, pd.DataFrame]:
    """Write every table and figure of the published experiments to ``results``; returns the tables by file name."""
    computed = dict(tqdm(published_tables(), desc="analyse", unit="table", disable=None))
    tables = published_results(computed) | recovery_tables() | printed_tables()
    write_tables(tables, results)
    estimated = {estimator.name: f"published_{estimator.name}" for estimator in ESTIMATORS}
    drawn = {name: read_results(Path(results) / f"{file}.csv") for name, file in estimated.items()}
    write_figures(drawn, results, source="published")
    write_caveat_figures(results)
    write_table_figures(results)
    return {name: table.frame for name, table in tables.items()}
