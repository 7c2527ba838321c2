"""The runs of a sweep as tables: scores by configuration, and the average precision of every query."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.config.inclusion import indicators
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.runs import SCORES, collect, read_run, run_folder
from mosaicreid.sweep.variants import table3


def collect_runs(
    root: Path, datasets: Sequence[str], *, seeds: Sequence[int] = ()
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every finished run below ``root``: dataset, configuration, variant, seed and the scores in percent.

    Only runs of ``seeds`` where any are given: what a larger sweep left behind does not belong to a smaller one.

    Returns:
        The table, sorted, and the folders that were skipped with the reason.

    Raises:
        InputError: a dataset twice; no folder, or no finished run, of one of ``datasets`` with one of ``seeds``.
    """
    if len(set(datasets)) < len(datasets):
        raise InputError(f"got the datasets {', '.join(datasets)}; expected each once")
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
    marks = pd.DataFrame([indicators(name, get_schema(dataset)) for name in table3(dataset)])
    order = list(table3(dataset))
    return pd.concat([pd.Series(order, name="configuration"), marks, summary.loc[order].reset_index(drop=True)], axis=1)


def per_query_table(root: Path, runs: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Per-query AP of Table 3's runs: configuration, seed, query, pid, ap (0..1), hit (1 where the first match is at
    rank 1, else 0), a row per run and query."""
    frames = []
    chosen = runs[(runs["dataset"] == dataset) & (runs["variant"].fillna("") == "")]
    for configuration, seed in zip(chosen["configuration"], chosen["seed"], strict=True):
        run = read_run(run_folder(root, dataset=dataset, name=configuration, seed=seed))
        # A query without a match has no AP in any run.
        rows = run.per_query.dropna(subset="ap")
        hit = (rows["rank"] == 1).astype(int)
        frames.append(rows[["query", "pid", "ap"]].assign(hit=hit, configuration=configuration, seed=seed))
    return pd.concat(frames, ignore_index=True)
