"""The comparison of a sweep with the committed one, written beside the sweep's own tables."""

from pathlib import Path

import pandas as pd

from mosaicreid.analyses.machine.compute import KEYS, compare_runs, describe_machine, summarise
from mosaicreid.results import Table, read_results, write_tables
from mosaicreid.runs import read_run, run_folder
from mosaicreid.tables import COUNT, PERCENT, TEXT, Column

_RUNS = {
    **{"dataset": TEXT, "configuration": TEXT, "variant": Column(kind="text", missing=True), "seed": COUNT},
    **{"mAP": PERCENT, "rank1": PERCENT},
}


def read_runs(path: Path) -> pd.DataFrame:
    """The scores of a sweep's runs (``experiment_runs.csv``), each run once.

    Raises:
        InputError: as ``read_results``.
    """
    return read_results(path, _RUNS, key=tuple(KEYS))


def write_comparison(runs: Path, results: Path, committed: Path) -> pd.DataFrame:
    """Write ``machine_{runs,summary,environment}.csv`` to ``results``; returns the summary.

    Args:
        runs: the folder of the sweep's runs; ``results``: that of its tables.
        committed: the folder of the tables to compare with; only read.

    Raises:
        InputError: a table or the run ``all`` is missing, or no run is in both; nothing has been written then.
    """
    name = "experiment_runs.csv"
    measured, known = read_runs(Path(results) / name), read_runs(Path(committed) / name)
    compared = compare_runs(measured, known)
    summary = summarise(compared, known)
    costs = read_results(Path(results) / "experiment_costs.csv", {"total_minutes": Column(kind="number", least=0)})
    minutes = float(costs["total_minutes"].sum())
    first = compared.iloc[0]
    run = read_run(run_folder(runs, dataset=first["dataset"], name=first["run"], seed=int(first["seed"])))
    inputs = {"committed": Path(committed) / name, "own": Path(results) / name}
    tables = {"runs": compared, "summary": summary, "environment": describe_machine(run.environment, minutes)}
    write_tables({f"machine_{key}": Table(frame=frame, inputs=inputs) for key, frame in tables.items()}, results)
    return summary
