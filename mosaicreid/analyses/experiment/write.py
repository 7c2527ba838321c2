"""Every result table and figure of a sweep, computed from its runs, then written, then drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.experiment import known_truth, tables
from mosaicreid.analyses.experiment.collect import collect_runs, per_query_table, table3_of
from mosaicreid.analyses.experiment.compute import analyse_runs, compare_choices, compare_each, compare_variants
from mosaicreid.analyses.experiment.figures import (
    plot_ablations,
    plot_bits,
    plot_effects_by_truth,
    plot_last_k,
    plot_table3,
)
from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.analyses.importance.write import write_figures
from mosaicreid.analyses.robust.compute import robust_tables
from mosaicreid.analyses.robust.figures import plot_effects, plot_gains, plot_rank1_effects, plot_rank1_gains
from mosaicreid.analyses.robust.margins import margin_if_any
from mosaicreid.config.profiles import make_config
from mosaicreid.data.folders import read_truth
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import data_kinds, data_titles
from mosaicreid.plotting import save_figure
from mosaicreid.results import Table, as_written, columns_first, read_results, write_results, write_tables
from mosaicreid.sweep.variants import capacity

# A figure and the table that it is drawn from. What shows one dataset alone is drawn apart.
FIGURES = {
    "experiment_table3": (plot_table3, "experiment_table3"),
    "robust_effects": (plot_effects, "robust_effects"),
    "robust_gains": (plot_gains, "robust_gains"),
    "robust_rank1_effects": (plot_rank1_effects, "robust_rank1_effects"),
    "robust_rank1_gains": (plot_rank1_gains, "robust_rank1_gains"),
    "experiment_truth": (plot_effects_by_truth, "experiment_truth"),
    "experiment_bits": (plot_bits, "experiment_bits"),
}
FIGURES_OF_VARIANTS = {
    "experiment_last_k": (plot_last_k, "experiment_last_k"),
    "experiment_ablations": (plot_ablations, "experiment_ablations"),
}


def write_experiment(
    root: Path,
    results: Path,
    *,
    datasets: Sequence[str],
    variants_on: str,
    data: Path | None,
    profile: str,
    seeds: Sequence[int] = (),
) -> dict[str, str]:
    """Write ``experiment_*.csv`` and ``robust_*.csv`` and their figures; returns the run folders that were skipped.

    Args:
        variants_on: the dataset that has the runs of Table 6 and the ablations; ``""`` for none.
        data: holds a folder per dataset; where one has ``synthetic.json``, effects are compared with its known truth.
        seeds: the seeds to analyse; none for all there are.

    Raises:
        InputError: a configuration of Table 3 without a run, ``variants_on`` that is not in ``datasets``, or what the
            analyses raise; nothing has been written then.
    """
    runs, skipped = collect_runs(root, datasets, seeds=seeds)
    computed = experiment_tables(root, runs, datasets=datasets, variants_on=variants_on, data=data, profile=profile)
    write_tables(computed, Path(results))
    draw(Path(results), names=list(computed), kinds=data_kinds(data, datasets), variants_on=variants_on)
    return skipped


def experiment_tables(
    root: Path,
    runs: pd.DataFrame,
    *,
    datasets: Sequence[str],
    variants_on: str,
    data: Path | None,
    profile: str,
) -> dict[str, Table]:
    """Every table of the sweep whose ``runs`` (of ``collect_runs``) lie below ``root``, by the name of its file.

    Arguments and errors otherwise as ``write_experiment``.
    """
    if variants_on and variants_on not in datasets:
        raise InputError(f"variants of {variants_on!r} are asked for, but only {', '.join(datasets)} is analysed")
    of_paper = [dataset for dataset in datasets if dataset in published.DATASETS]
    tables3 = {dataset: table3_of(runs, dataset) for dataset in datasets}
    analysed = [analyse_runs(runs, dataset) for dataset in datasets]
    ours = {name: pd.concat([frames[name] for frames in analysed], ignore_index=True) for name in analysed[0]}
    frames = {f"table3_{dataset}": table for dataset, table in tables3.items()} | ours
    if of_paper:
        paper = tables.analyse_paper(of_paper)
        frames |= tables.effects_beside_published(ours, paper)
        frames["agreement"] = tables.agreement_with_paper(ours, paper, of_paper)
    frames["data"] = tables.provenance(datasets, data, profile)
    frames["runs"] = runs
    frames["sizes"] = tables.sizes(runs, data)
    frames["costs"] = tables.costs(root, runs)
    frames["table3"] = pd.concat([tables.table3_beside_published(table, dataset) for dataset, table in tables3.items()])
    robust = robust_tables(
        {dataset: per_query_table(root, runs, dataset) for dataset in datasets},
        {dataset: table[["configuration", *get_schema(dataset).attributes]] for dataset, table in tables3.items()},
    )
    truths = {dataset: known for dataset in datasets if (known := read_truth(data, dataset)) is not None}
    if truths:
        # As the file has them, so that the comparison can be repeated from the committed tables.
        effects = as_written(robust["effects"])
        frames["truth"] = known_truth.effects_and_truth(effects, truths)
        frames["truth_agreement"] = known_truth.truth_agreement(ours, frames["truth"], tables3)
        frames["bits"] = known_truth.scores_by_bits(tables3, truths)
        frames["truth_followed"] = known_truth.truth_correlations(frames["truth"])
        frames["truth_reading"] = known_truth.expected_correlation(frames["truth"], frames["bits"], tables3)
    panels = robust["panels"].set_index("dataset")["margin"]
    margins = {dataset: None if np.isnan(margin) else float(margin) for dataset, margin in panels.items()}
    usual = make_config(profile)
    controls = [
        compare_each(root, runs, dataset, capacity(usual)).assign(dataset=dataset)
        for dataset in datasets
        if profile == "paper"
    ]
    if controls:
        frames["capacity"] = columns_first(pd.concat(controls, ignore_index=True), "dataset")
    if variants_on:
        compared = compare_variants(root, runs, variants_on, usual)
        frames["last_k"] = tables.table6_beside_published(compared["last_k"], usual.experts.last_k)
        frames["ablations"], frames["ablation_counts"] = tables.judge_ablations(
            compared["ablations"].assign(dataset=variants_on), margin=margins[variants_on]
        )
    kinds = data_kinds(data, datasets)
    about = {"data": kinds, "datasets": list(datasets), "profile": profile}
    about["seeds"] = sorted(runs["seed"].unique().tolist())
    small = {"data": kinds, "margin_mAP_points": margins}
    return {
        **{f"robust_{name}": Table(frame=frame, parameters=small) for name, frame in robust.items()},
        **{f"experiment_{name}": Table(frame=frame, parameters=about) for name, frame in frames.items()},
    }


def write_choices(root: Path, results: Path, *, dataset: str, profile: str) -> Path:
    """Write ``choices_<dataset>.csv``: every choice and control that was trained beside ``all``, and what it says.

    Raises:
        InputError: no such run, or one without the seeds of ``all``.
    """
    runs, _ = collect_runs(root, (dataset,))
    usual = runs[(runs["variant"].fillna("") == "") & runs["configuration"].isin(["all", "baseline"])]
    scores = usual.groupby("configuration")["mAP"].mean()
    # Without the baseline's runs nothing says what would be little.
    margin = margin_if_any(scores["all"] - scores["baseline"]) if len(scores) == 2 else None
    judged, _ = tables.judge_ablations(compare_choices(root, runs, dataset, make_config(profile)), margin=margin)
    path = Path(results) / f"choices_{dataset}.csv"
    write_results(judged, path)
    return path


def draw(results: Path, *, names: Sequence[str], kinds: Mapping[str, str], variants_on: str) -> None:
    """Draw the figures of the tables ``names``, which lie in ``results``, into ``results/figures``.

    ``kinds``: of each dataset's data (``names.provenance``), which decides what its panels are called.
    """
    written = {name: read_results(results / f"{name}.csv") for name in names}
    titles = data_titles(kinds)
    estimated = {estimator.name: written[f"experiment_{estimator.name}"] for estimator in ESTIMATORS}
    write_figures(estimated, results, source="experiment", titles=titles)
    figures = {name: plot(written[table], titles) for name, (plot, table) in FIGURES.items() if table in written}
    if variants_on:
        figures["experiment_last_k"] = plot_last_k(written["experiment_last_k"], titles[variants_on])
        figures["experiment_ablations"] = plot_ablations(written["experiment_ablations"], titles[variants_on])
    for name, figure in figures.items():
        save_figure(figure, results / "figures" / f"{name}.svg")
