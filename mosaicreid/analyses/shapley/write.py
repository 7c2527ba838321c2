"""The controls for the oracle and what attributes are worth: all tables computed, then written, then drawn."""

from collections.abc import Sequence
from pathlib import Path

from mosaicreid.analyses.oracle.figures import (
    plot_controls,
    plot_noise,
    plot_rank1_controls,
    plot_rank1_split,
    plot_split,
)
from mosaicreid.analyses.oracle.headline import plot_headline
from mosaicreid.analyses.oracle.tables import oracle_tables
from mosaicreid.analyses.shapley.figures import plot_shapley
from mosaicreid.analyses.shapley.residual_information import residual_agreement, residual_information
from mosaicreid.analyses.shapley.tables import shapley_tables
from mosaicreid.names.provenance import data_kinds, data_titles
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, as_written, read_results, write_tables
from mosaicreid.tables import NUMBER, TEXT

_EFFECTS = {"dataset": TEXT, "attribute": TEXT, "effect": NUMBER, "ci_low": NUMBER, "ci_high": NUMBER}
FIGURES = {
    "headline": (plot_headline, "oracle_controls"),
    "oracle_controls": (plot_controls, "oracle_controls"),
    "oracle_noise": (plot_noise, "oracle_controls"),
    "oracle_split": (plot_split, "oracle_split"),
    "shapley_attributes": (plot_shapley, "shapley_attributes"),
    "oracle_rank1_controls": (plot_rank1_controls, "oracle_rank1_controls"),
    "oracle_rank1_split": (plot_rank1_split, "oracle_rank1_split"),
    "shapley_rank1_attributes": (plot_shapley, "shapley_rank1_attributes"),
}


def write_oracle(runs: Path, results: Path, *, data: Path, datasets: Sequence[str], seeds: Sequence[int]) -> list[Path]:
    """Write ``oracle_*.csv``, ``shapley_*.csv``, ``unread*.csv`` and their figures; returns the paths.

    Reads what ``run_oracle`` left in ``runs``, the datasets in ``data`` and ``robust_effects.csv`` in ``results``.

    Raises:
        InputError: one of these is missing, or does not fit the others; nothing has been written then.
    """
    results = Path(results)
    effects = results / "robust_effects.csv"
    read = read_results(effects, _EFFECTS, key=("dataset", "attribute"))
    shapley = shapley_tables(runs, read, data=data, datasets=datasets, seeds=seeds)
    oracle = oracle_tables(runs, datasets=datasets, seeds=seeds)
    # From the tables as the files have them, so that the comparison can be repeated from those.
    residual = residual_information(as_written(oracle["heads"]), as_written(shapley["attributes"]))
    kinds = data_kinds(data, datasets)
    about = {"data": kinds, "datasets": list(datasets), "seeds": list(seeds), "level": 0.95}
    sources = {name: results / name for name in ("oracle_heads.csv", "shapley_attributes.csv")}
    tables = {
        **{
            f"shapley_{name}": Table(frame=frame, inputs={effects.name: effects}, parameters=about)
            for name, frame in shapley.items()
        },
        **{f"oracle_{name}": Table(frame=frame, parameters=about) for name, frame in oracle.items()},
        "unread": Table(frame=residual, inputs=sources, parameters={"data": kinds}),
    }
    agreement = residual_agreement(residual)
    if len(agreement):
        tables["unread_agreement"] = Table(frame=agreement, inputs=sources, parameters={"data": kinds})
    paths = write_tables(tables, results)
    for name, (plot, table) in FIGURES.items():
        # Where all first images are right, or none, there is no table of Rank-1.
        if table not in tables:
            continue
        paths.append(results / "figures" / f"{name}.svg")
        save_figure(plot(read_results(results / f"{table}.csv"), data_titles(kinds)), paths[-1])
    return paths
