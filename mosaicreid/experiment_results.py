"""Every result table and figure of a sweep, written from its runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mosaicreid import published
from mosaicreid.agreement import agreement, importances, spearman
from mosaicreid.data.market1501 import SYNTHETIC_MARKER
from mosaicreid.experiment import analyse_runs, collect_runs, compare_variants, front, per_query_table, table3_of
from mosaicreid.plots import save_figure, write_figures
from mosaicreid.plots_experiment import plot_ablations, plot_last_k, plot_table3, plot_truth
from mosaicreid.plots_robust import plot_effects, plot_gains
from mosaicreid.profiles import make_config
from mosaicreid.results import read_results, write_results
from mosaicreid.robust_analysis import write_robust


def write_experiment(
    root: Path, results: Path, *, datasets: Sequence[str], variants_on: Sequence[str], data: Path | None, profile: str
) -> dict[str, str]:
    """Write ``experiment_*.csv`` and ``robust_*.csv`` and their figures; returns the run folders that were skipped.

    ``data`` holds a folder per dataset; where one has ``synthetic.json``, effects are compared with its known truth.

    Raises:
        InputError: a configuration of Table 3 without a run, or what the analyses raise.
    """
    results = Path(results)
    runs, skipped = collect_runs(root, datasets)
    parameters = {"datasets": list(datasets), "profile": profile, "seeds": sorted(runs["seed"].unique().tolist())}

    def write(name: str, table: pd.DataFrame) -> None:
        write_results(table, results / f"experiment_{name}.csv", parameters=parameters)

    write("runs", runs)
    tables3 = {dataset: table3_of(runs, dataset) for dataset in datasets}
    for dataset, table in tables3.items():
        write(f"table3_{dataset}", table)
    write("table3", pd.concat([beside_published(table, dataset) for dataset, table in tables3.items()]))
    ours: dict[str, pd.DataFrame] = {}
    for name in ("glm", "welch", "forest", "shap"):
        ours[name] = pd.concat([analyse_runs(runs, dataset)[name] for dataset in datasets], ignore_index=True)
        write(name, ours[name])
    write_robust(
        {dataset: per_query_table(root, runs, dataset) for dataset in datasets},
        {dataset: table[["configuration", *published.attributes(dataset)]] for dataset, table in tables3.items()},
        results,
    )
    write("agreement", agreement_with_paper(ours, results, datasets))
    truths = {dataset: truth for dataset in datasets if (truth := read_truth(data, dataset)) is not None}
    if truths:
        truth, rank_correlation = compare_truth(ours, read_results(results / "robust_effects.csv"), truths)
        write("truth", truth)
        write("truth_agreement", rank_correlation)
    for dataset in variants_on:
        found = compare_variants(root, runs, dataset, make_config(profile).experts.last_k)
        write("last_k", beside_table6(found["last_k"], make_config(profile).experts.last_k))
        write("ablations", found["ablations"].assign(dataset=dataset))
    draw(results, variants=bool(variants_on), truth=bool(truths))
    return skipped


def draw(results: Path, *, variants: bool, truth: bool) -> None:
    """Every figure of the tables in ``results``."""
    write_figures(results, source="experiment")
    figures = {
        "experiment_table3": (plot_table3, "experiment_table3"),
        "robust_effects": (plot_effects, "robust_effects"),
        "robust_gains": (plot_gains, "robust_gains"),
    }
    if truth:
        figures["experiment_truth"] = (plot_truth, "experiment_truth")
    if variants:
        figures["experiment_last_k"] = (plot_last_k, "experiment_last_k")
        figures["experiment_ablations"] = (plot_ablations, "experiment_ablations")
    for name, (plot, table) in figures.items():
        save_figure(plot(read_results(results / f"{table}.csv")), results / "figures" / f"{name}.svg")


def beside_published(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Our Table 3 without its marks, next to the published scores."""
    paper = published.load_table(3, dataset).set_index("configuration")[["mAP", "rank1"]].add_prefix("published_")
    scores = table[["configuration", "mAP", "mAP_sd", "rank1", "rank1_sd", "seeds"]]
    return front(scores.join(paper, on="configuration").assign(dataset=dataset), "dataset")


def beside_table6(ours: pd.DataFrame, depth: int) -> pd.DataFrame:
    """Ours and Table 6: source, last_k, depth, mAP, mAP_sd, rank1, rank1_sd, difference to all blocks with interval."""
    last_k = ours["variant"].fillna("").str.extract(r"last_k=(\d+)", expand=False).fillna(depth).astype(int)
    mine = ours.drop(columns="variant").assign(source="ours", last_k=last_k, depth=depth)
    paper = published.load_table(6)
    paper = paper.assign(source="paper", depth=paper["last_k"].max(), difference=paper["mAP"] - paper["mAP"].iloc[-1])
    return front(pd.concat([mine, paper], ignore_index=True), "source", "last_k", "depth")


def agreement_with_paper(ours: Mapping[str, pd.DataFrame], results: Path, datasets: Sequence[str]) -> pd.DataFrame:
    """Rank correlation of every importance in our runs with the same importance in the paper's."""
    paper = {name: read_results(results / f"published_{name}.csv") for name in ("glm", "welch", "forest", "shap")}
    rows = [
        agreement(importances(ours, dataset, metric), importances(paper, dataset, metric)).assign(
            dataset=dataset, metric=metric
        )
        for dataset in datasets
        for metric in published.METRICS
    ]
    return front(pd.concat(rows, ignore_index=True), "dataset", "metric")


def read_truth(data: Path | None, dataset: str) -> pd.DataFrame | None:
    """The ground truth of a synthetic dataset, a row per attribute; None where the dataset is not synthetic."""
    marker = None if data is None else Path(data) / dataset / SYNTHETIC_MARKER
    if marker is None or not marker.is_file():
        return None
    return pd.DataFrame(json.loads(marker.read_text())["truth"])


def compare_truth(
    ours: Mapping[str, pd.DataFrame], robust: pd.DataFrame, truths: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Effects beside the truth, and the rank correlation of every importance with it.

    Returns:
        Per dataset and attribute the truth's columns, effect, ci_low, ci_high (mixed effects, mAP points); and per
        dataset and importance (those of ``agreement`` for mAP, and mixed_effects) rho, ci_low, ci_high, attributes.
    """
    tables, rows = [], []
    for dataset, truth in truths.items():
        effects = robust[robust["dataset"] == dataset].set_index("attribute")[["effect", "ci_low", "ci_high"]]
        table = truth.join(effects, on="attribute")
        tables.append(front(table.assign(dataset=dataset), "dataset"))
        gain = truth.set_index("attribute")["knowledge_gain_bits"]
        columns = importances(ours, dataset, "mAP").assign(mixed_effects=effects["effect"])
        for name in columns:
            rho, low, high = spearman(columns[name].loc[gain.index].to_numpy(float), gain.to_numpy(float))
            rows.append(
                {
                    "dataset": dataset,
                    "importance": name,
                    "rho": rho,
                    "ci_low": low,
                    "ci_high": high,
                    "attributes": len(gain),
                }
            )
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)
