"""Every result table and figure of a sweep, written from its runs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid import published, truth
from mosaicreid.errors import InputError
from mosaicreid.experiment import analyse_runs, collect_runs, compare_variants, per_query_table, table3_of
from mosaicreid.experiment_tables import (
    agreement_with_paper,
    analyse_paper,
    beside_effects,
    beside_table3,
    beside_table6,
    costs,
    judge_ablations,
    sizes,
)
from mosaicreid.plots import save_figure, write_figures
from mosaicreid.plots_experiment import plot_ablations, plot_bits, plot_last_k, plot_table3, plot_truth
from mosaicreid.plots_robust import plot_effects, plot_gains
from mosaicreid.profiles import make_config
from mosaicreid.results import read_results, write_results
from mosaicreid.robust_analysis import write_robust


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
            analyses raise.
    """
    if variants_on and variants_on not in datasets:
        raise InputError(f"variants of {variants_on!r} are asked for, but only {', '.join(datasets)} is analysed")
    results = Path(results)
    runs, skipped = collect_runs(root, datasets, seeds=seeds)
    parameters = {"datasets": list(datasets), "profile": profile, "seeds": sorted(runs["seed"].unique().tolist())}
    tables3 = {dataset: table3_of(runs, dataset) for dataset in datasets}
    analysed = [analyse_runs(runs, dataset) for dataset in datasets]
    ours = {name: pd.concat([found[name] for found in analysed], ignore_index=True) for name in analysed[0]}
    paper = analyse_paper(datasets)

    tables = {f"table3_{dataset}": table for dataset, table in tables3.items()} | ours | beside_effects(ours, paper)
    tables["runs"] = runs
    tables["sizes"] = sizes(runs, data)
    tables["costs"] = costs(root, runs)
    tables["table3"] = pd.concat([beside_table3(table, dataset) for dataset, table in tables3.items()])
    tables["agreement"] = agreement_with_paper(ours, paper, datasets)
    write_robust(
        {dataset: per_query_table(root, runs, dataset) for dataset in datasets},
        {dataset: table[["configuration", *published.attributes(dataset)]] for dataset, table in tables3.items()},
        results,
    )
    truths = {dataset: known for dataset in datasets if (known := truth.read_truth(data, dataset)) is not None}
    if truths:
        tables["truth"] = truth.effects_and_truth(read_results(results / "robust_effects.csv"), truths)
        tables["truth_agreement"] = truth.truth_agreement(ours, tables["truth"], tables3)
        tables["bits"] = truth.scores_by_bits(tables3, truths)
        tables["truth_followed"] = truth.followed(tables["truth"])
        tables["truth_reading"] = truth.explain(tables["truth"], tables["bits"], tables3)
    if variants_on:
        depth = make_config(profile).experts.last_k
        found = compare_variants(root, runs, variants_on, depth)
        tables["last_k"] = beside_table6(found["last_k"], depth)
        tables["ablations"], tables["ablation_counts"] = judge_ablations(found["ablations"].assign(dataset=variants_on))
    for name, table in tables.items():
        write_results(table, results / f"experiment_{name}.csv", parameters=parameters)
    draw(results, variants=bool(variants_on), known_truth=bool(truths))
    return skipped


def draw(results: Path, *, variants: bool, known_truth: bool) -> None:
    """Every figure of the tables in ``results``."""
    write_figures(results, source="experiment")
    figures = {
        "experiment_table3": (plot_table3, "experiment_table3"),
        "robust_effects": (plot_effects, "robust_effects"),
        "robust_gains": (plot_gains, "robust_gains"),
    }
    if known_truth:
        figures["experiment_truth"] = (plot_truth, "experiment_truth")
        figures["experiment_bits"] = (plot_bits, "experiment_bits")
    if variants:
        figures["experiment_last_k"] = (plot_last_k, "experiment_last_k")
        figures["experiment_ablations"] = (plot_ablations, "experiment_ablations")
    for name, (plot, table) in figures.items():
        save_figure(plot(read_results(results / f"{table}.csv")), results / "figures" / f"{name}.svg")
