"""The paper's analyses of our own runs, and every variant of a run against the run itself."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.analyses.experiment.collect import table3_of
from mosaicreid.analyses.importance.estimators import ESTIMATORS, estimate_all
from mosaicreid.config.settings import Config
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.published import METRICS
from mosaicreid.results import columns_first
from mosaicreid.runs import read_run, run_folder
from mosaicreid.statistics.bootstrap import paired_mean
from mosaicreid.sweep.variants import Variant, ablations, capacity, forest_rows, further_choices, last_k_variants


def analyse_runs(runs: pd.DataFrame, dataset: str) -> dict[str, pd.DataFrame]:
    """Every estimator on our Table 3, for mAP and Rank-1, by its name and with the columns dataset and metric.

    Where an estimator has a ``spread``, the column ``seed_sd`` is the standard deviation over seeds of what each seed's
    table gives alone.
    """
    names = get_schema(dataset).attributes
    table = table3_of(runs, dataset).set_index("configuration").loc[list(forest_rows(dataset))].reset_index()
    by_seed = [
        table3_of(runs, dataset, seed=seed) for seed in sorted(runs.loc[runs["dataset"] == dataset, "seed"].unique())
    ]
    parts: dict[str, list[pd.DataFrame]] = {}
    for metric in METRICS:
        results = estimate_all(table, names, metric)
        for estimator in ESTIMATORS:
            result = results[estimator.name]
            if estimator.spread:
                alone = [estimator.estimate(single, names, metric)[estimator.spread] for single in by_seed]
                result["seed_sd"] = np.std(alone, axis=0, ddof=1) if len(alone) > 1 else np.nan
            parts.setdefault(estimator.name, []).append(result.assign(dataset=dataset, metric=metric))
    return {
        name: columns_first(pd.concat(frames, ignore_index=True), "dataset", "metric") for name, frames in parts.items()
    }


def compare_variants(root: Path, runs: pd.DataFrame, dataset: str, usual: Config) -> dict[str, pd.DataFrame]:
    """Table 6 and the ablations: every variant of ``all`` against ``all`` itself, paired over queries and seeds.

    ``usual`` are the settings of ``all``. Returns ``last_k`` (all blocks included) and ``ablations``: variant, mAP,
    mAP_sd, rank1, rank1_sd, difference to ``all`` in mAP points with ci_low and ci_high (over identities and seeds),
    seeds.

    Raises:
        InputError: a variant has no run, or not the seeds that ``all`` has.
    """
    wanted = {"last_k": last_k_variants(usual.experts.last_k), "ablations": ablations(usual)}
    return {name: compare_each(root, runs, dataset, variants) for name, variants in wanted.items()}


def compare_choices(root: Path, runs: pd.DataFrame, dataset: str, usual: Config) -> pd.DataFrame:
    """Every control and choice that has runs beside those of ``all``, against it; columns as ``compare_variants``.

    Raises:
        InputError: none has any, or one has not the seeds that ``all`` has.
    """
    there = set(zip(runs["configuration"], runs["variant"].fillna(""), strict=True))
    wanted = [
        variant
        for variant in (*capacity(usual), *further_choices(usual))
        if (variant.configuration, variant.label) in there
    ]
    if not wanted:
        raise InputError(f"no run of {dataset} in {root} is of an open choice or a control; `make choices` trains them")
    return compare_each(root, runs, dataset, wanted)


def compare_each(root: Path, runs: pd.DataFrame, dataset: str, variants: Sequence[Variant]) -> pd.DataFrame:
    """A row per variant, against ``all``; columns and errors as ``compare_variants``."""
    reference = _ap(root, runs, dataset, Variant(configuration="all"))
    rows = []
    for variant in variants:
        ap, pids, summary = _ap(root, runs, dataset, variant)
        if ap.shape != reference[0].shape:
            raise InputError(f"{variant.name} has {len(ap)} seeds of {dataset}, all has {len(reference[0])}")
        mean, low, high = paired_mean(100 * (ap - reference[0]), pids)
        name = variant.label if variant.configuration == "all" else variant.name
        rows.append({"variant": name, **summary, "difference": mean, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows)


def _ap(
    root: Path, runs: pd.DataFrame, dataset: str, variant: Variant
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    chosen = (
        (runs["dataset"] == dataset)
        & (runs["configuration"] == variant.configuration)
        & (runs["variant"].fillna("") == variant.label)
    )
    rows = runs[chosen].sort_values("seed")
    if rows.empty:
        raise InputError(f"no run of {dataset} {variant.name}; expected one of every variant in the sweep")
    name = variant.name
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
