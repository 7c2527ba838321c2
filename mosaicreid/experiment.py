"""The analysis of our own runs: Tables 3 to 7 and their figures' data, beside the paper's and the known truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid import published
from mosaicreid.analysis import paper_analyses
from mosaicreid.bootstrap import paired_mean
from mosaicreid.configurations import ablations, indicators, last_k_variants, table3
from mosaicreid.errors import InputError
from mosaicreid.runs import SCORES, collect, read_run, run_folder
from mosaicreid.stats import fit_glm, welch_tests


def collect_runs(
    root: Path, datasets: Sequence[str], *, seeds: Sequence[int] = ()
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every finished run below ``root``: dataset, configuration, variant, seed and the scores in percent.

    Only runs of ``seeds`` where any are given: what a larger sweep left behind is no part of a smaller one.

    Returns:
        The table, sorted, and the folders that were skipped with the reason.

    Raises:
        InputError: no folder, or no finished run, of one of ``datasets`` with one of ``seeds``.
    """
    tables = []
    skipped: dict[str, str] = {}
    for dataset in datasets:
        table, reasons = collect(root, dataset=dataset)
        if table.empty:
            raise InputError(f"no finished run of {dataset} in {root}: {next(iter(reasons.values()), 'it is empty')}")
        if seeds:
            table = table[table["seed"].isin(seeds)]
            if table.empty:
                raise InputError(f"no finished run of {dataset} in {root} has one of the seeds {list(seeds)}")
        tables.append(table[["dataset", "configuration", "variant", "seed", *SCORES]])
        skipped |= reasons
    return pd.concat(tables, ignore_index=True), skipped


def table3_of(runs: pd.DataFrame, dataset: str, *, seed: int | None = None) -> pd.DataFrame:
    """Our Table 3: a row per published configuration with 0/1 attributes and the mean over seeds, or one seed's scores.

    Columns: configuration, the attributes, mAP, rank1 (percent), mAP_sd, rank1_sd (over seeds; NaN for one), seeds.

    Raises:
        InputError: a configuration of Table 3 has no run.
    """
    rows = runs[(runs["dataset"] == dataset) & (runs["variant"].fillna("") == "")]
    if seed is not None:
        rows = rows[rows["seed"] == seed]
    missing = sorted(set(table3(dataset)) - set(rows["configuration"]))
    if missing:
        raise InputError(f"{len(missing)} configurations of {dataset}'s Table 3 have no run: {', '.join(missing)}")
    grouped = rows.groupby("configuration")[["mAP", "rank1"]]
    spread = grouped.std(ddof=1).add_suffix("_sd")
    summary = grouped.mean().join(spread).join(grouped.size().rename("seeds"))
    marks = pd.DataFrame([indicators(name, dataset) for name in table3(dataset)])
    order = list(table3(dataset))
    return pd.concat([pd.Series(order, name="configuration"), marks, summary.loc[order].reset_index(drop=True)], axis=1)


def analyse_runs(runs: pd.DataFrame, dataset: str) -> dict[str, pd.DataFrame]:
    """The published analyses on our Table 3, for mAP and Rank-1: glm, welch, forest and shap, with a metric column.

    ``glm`` and ``welch`` also carry ``seed_sd``: the standard deviation over seeds of the coefficient, and of Cohen's
    d, that each seed's table gives alone.
    """
    names = published.attributes(dataset)
    # The paper's forest saw DukeMTMC's baseline first and Market-1501's last; the published loader knows the order.
    order = published.load_experiments(dataset)["configuration"].tolist()
    table = table3_of(runs, dataset).set_index("configuration").loc[order].reset_index()
    by_seed = [
        table3_of(runs, dataset, seed=seed) for seed in sorted(runs.loc[runs["dataset"] == dataset, "seed"].unique())
    ]
    parts: dict[str, list[pd.DataFrame]] = {}
    for metric in published.METRICS:
        found = paper_analyses(table, names, metric)
        for name, (estimate, column) in _WITH_SEED_SD.items():
            alone = [estimate(single, names, metric)[column] for single in by_seed]
            found[name]["seed_sd"] = np.std(alone, axis=0, ddof=1) if len(alone) > 1 else np.nan
        for name, frame in found.items():
            parts.setdefault(name, []).append(frame.assign(dataset=dataset, metric=metric))
    return {name: front(pd.concat(frames, ignore_index=True), "dataset", "metric") for name, frames in parts.items()}


_WITH_SEED_SD = {"glm": (fit_glm, "coef"), "welch": (welch_tests, "cohens_d")}


def per_query_table(root: Path, runs: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Per-query AP of Table 3's runs: configuration, seed, query, pid, ap (0..1), a row per run and query."""
    frames = []
    chosen = runs[(runs["dataset"] == dataset) & (runs["variant"].fillna("") == "")]
    for configuration, seed in zip(chosen["configuration"], chosen["seed"], strict=True):
        run = read_run(run_folder(root, dataset=dataset, name=configuration, seed=seed))
        # A query without a match has no AP in any run.
        rows = run.per_query.dropna(subset="ap")[["query", "pid", "ap"]]
        frames.append(rows.assign(configuration=configuration, seed=seed))
    return pd.concat(frames, ignore_index=True)


def compare_variants(root: Path, runs: pd.DataFrame, dataset: str, depth: int) -> dict[str, pd.DataFrame]:
    """Table 6 and the ablations: every variant of ``all`` against ``all`` itself, paired over queries and seeds.

    Returns ``last_k`` (all blocks included) and ``ablations``: variant, mAP, mAP_sd, rank1, rank1_sd, difference to
    ``all`` in mAP points with ci_low and ci_high (over identities and seeds), seeds.

    Raises:
        InputError: a variant has no run, or not the seeds that ``all`` has.
    """
    wanted = {"last_k": last_k_variants(depth), "ablations": ablations()}
    reference = _ap(root, runs, dataset, "")
    found = {}
    for name, variants in wanted.items():
        rows = []
        for variant in variants:
            ap, pids, summary = _ap(root, runs, dataset, variant.label)
            if ap.shape != reference[0].shape:
                raise InputError(f"{variant.name} has {len(ap)} seeds of {dataset}, all has {len(reference[0])}")
            mean, low, high = paired_mean(100 * (ap - reference[0]), pids)
            rows.append({"variant": variant.label, **summary, "difference": mean, "ci_low": low, "ci_high": high})
        found[name] = pd.DataFrame(rows)
    return found


def _ap(root: Path, runs: pd.DataFrame, dataset: str, label: str) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    chosen = (runs["dataset"] == dataset) & (runs["configuration"] == "all") & (runs["variant"].fillna("") == label)
    rows = runs[chosen].sort_values("seed")
    if rows.empty:
        raise InputError(f"no run of {dataset} all@{label}; expected one of every variant in the sweep")
    name = f"all@{label}" if label else "all"
    tables = [
        read_run(run_folder(root, dataset=dataset, name=name, seed=seed)).per_query.dropna(subset="ap")
        for seed in rows["seed"]
    ]
    summary = {
        **{metric: float(rows[metric].mean()) for metric in ("mAP", "rank1")},
        **{f"{metric}_sd": float(rows[metric].std(ddof=1)) for metric in ("mAP", "rank1")},
        "seeds": len(rows),
    }
    return np.stack([table["ap"] for table in tables]), tables[0]["pid"].to_numpy(), summary


def front(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """``table`` with ``columns`` moved to the front."""
    return table[[*columns, *(column for column in table if column not in columns)]]
