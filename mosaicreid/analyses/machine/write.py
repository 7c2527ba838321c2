"""The comparison of a sweep with the committed one, written beside the sweep's own tables."""

from pathlib import Path

import pandas as pd

from mosaicreid.analyses.machine.compute import compare_runs, describe_machine, summarise
from mosaicreid.results import Table, read_results, write_tables
from mosaicreid.runs import read_run, run_folder


def write_comparison(runs: Path, results: Path, committed: Path) -> pd.DataFrame:
    """Write ``machine_{runs,summary,environment}.csv`` to ``results``; returns the summary.

    Args:
        runs: the folder of the sweep's runs; ``results``: that of its tables.
        committed: the folder of the tables to compare with; only read.

    Raises:
        InputError: a table or the run ``all`` is missing, or no run is in both; nothing has been written then.
    """
    name = "experiment_runs.csv"
    measured, known = read_results(Path(results) / name), read_results(Path(committed) / name)
    compared = compare_runs(measured, known)
    summary = summarise(compared, known)
    minutes = float(read_results(Path(results) / "experiment_costs.csv")["total_minutes"].sum())
    first = compared.iloc[0]
    run = read_run(run_folder(runs, dataset=first["dataset"], name=first["run"], seed=int(first["seed"])))
    inputs = {"committed": Path(committed) / name, "own": Path(results) / name}
    tables = {"runs": compared, "summary": summary, "environment": describe_machine(run.environment, minutes)}
    write_tables({f"machine_{key}": Table(frame=frame, inputs=inputs) for key, frame in tables.items()}, results)
    return summary
