"""Tables of a sweep with the paper's numbers in the same rows, and what the sweep cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid import published
from mosaicreid.analyses.importance.estimators import estimate_all, importances
from mosaicreid.data.folders import expected_counts
from mosaicreid.datasets import get_dataset, get_folder_dataset, get_schema
from mosaicreid.datasets.marker import SYNTHETIC_MARKER, read_marker
from mosaicreid.names.shown import variant_title
from mosaicreid.results import columns_first
from mosaicreid.runs import collect
from mosaicreid.statistics.rank_agreement import rank_correlations

# The paper's tables of effects: the metric each is about.
_GLM_TABLES = {4: "mAP", 7: "rank1"}


def provenance(datasets: Sequence[str], data: Path | None, profile: str) -> pd.DataFrame:
    """Whose images the runs are of: dataset, title, source (``images``, ``world`` or ``rehearsal``), profile.

    ``data`` holds a folder per dataset; where a folder has ``synthetic.json``, its pictures are drawn.

    Raises:
        InputError: such a file is damaged.
    """
    rows = []
    for dataset in datasets:
        drawn = data is not None and (Path(data) / dataset / SYNTHETIC_MARKER).is_file()
        rehearsal = drawn and data is not None and read_marker(Path(data) / dataset).rehearsal
        source = "rehearsal" if rehearsal else "world" if drawn else "images"
        rows.append({"dataset": dataset, "title": get_dataset(dataset).title, "source": source, "profile": profile})
    return pd.DataFrame(rows)


def table3_beside_published(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Our Table 3 without its marks, next to the published scores (NaN where the paper does not have the dataset)."""
    paper = pd.DataFrame(columns=["published_mAP", "published_rank1"], dtype=float)
    if dataset in published.DATASETS:
        paper = published.load_table(3, dataset).set_index("configuration")[["mAP", "rank1"]].add_prefix("published_")
    scores = table[["configuration", "mAP", "mAP_sd", "rank1", "rank1_sd", "seeds"]]
    return columns_first(scores.join(paper, on="configuration").assign(dataset=dataset), "dataset")


def effects_beside_published(
    ours: Mapping[str, pd.DataFrame], paper: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Ours and the published Tables 4, 5 and 7, as ``table4``, ``table5`` and ``table7``.

    Tables 4 and 7: dataset, term, coef, seed_sd, std_err, z, p_value. Table 5: dataset, attribute, fimp, pimp, t_stat,
    p_value, cohens_d, seed_sd (of Cohen's d). The paper's columns have the prefix ``published_``.
    """
    tables = {}
    for number, metric in _GLM_TABLES.items():
        keep = ["dataset", "term", "coef", "std_err", "z", "p_value"]
        mine = _of(ours["glm"], metric)[[*keep, "seed_sd"]]
        tables[f"table{number}"] = _join(mine, _of(paper["glm"], metric)[keep], ["dataset", "term"])
    importance = {}
    for source, frames in {"ours": ours, "paper": paper}.items():
        forest = _of(frames["forest"], "mAP")[["dataset", "attribute", "fimp", "pimp"]]
        welch = _of(frames["welch"], "mAP")[["dataset", "attribute", "t_stat", "p_value", "cohens_d"]]
        importance[source] = forest.merge(welch, on=["dataset", "attribute"])
    spread = _of(ours["welch"], "mAP")[["dataset", "attribute", "seed_sd"]]
    importance["ours"] = importance["ours"].merge(spread, on=["dataset", "attribute"])
    tables["table5"] = _join(importance["ours"], importance["paper"], ["dataset", "attribute"])
    return tables


def table6_beside_published(ours: pd.DataFrame, depth: int) -> pd.DataFrame:
    """Ours and Table 6: source, last_k, depth, mAP, mAP_sd, rank1, rank1_sd, difference to all blocks with interval."""
    last_k = ours["variant"].fillna("").str.extract(r"last_k=(\d+)", expand=False).fillna(depth).astype(int)
    mine = ours.drop(columns="variant").assign(source="ours", last_k=last_k, depth=depth)
    paper = published.load_table(6)
    paper = paper.assign(source="paper", depth=paper["last_k"].max(), difference=paper["mAP"] - paper["mAP"].iloc[-1])
    return columns_first(pd.concat([mine, paper], ignore_index=True), "source", "last_k", "depth")


def judge_ablations(table: pd.DataFrame, *, margin: float | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What each variant's interval says about it, and how many say what.

    Args:
        table: variant, seeds, difference, ci_low, ci_high in mAP points, as of ``compute.compare_variants``.
        margin: a choice matters little where its whole interval lies within +-margin points; None: nothing says what
            would be little.

    Returns:
        ``table`` with ``reading`` (yes, little, cannot tell; an interval without zero is a yes, however small; one seed
        is about one model, and can never tell), and one row: variants, matter, little, unknown, largest (the variant
        that differs most), largest_difference, which (those that matter, with their intervals, or "none").
    """
    apart = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    least = 0.0 if margin is None else margin
    within = (table["ci_low"] > -least) & (table["ci_high"] < least)
    reading = pd.Series("cannot tell", index=table.index).mask(within, "little").mask(apart, "yes")
    reading = reading.mask(table["seeds"] < 2, "cannot tell")
    largest = table.iloc[int(table["difference"].abs().to_numpy().argmax())]
    named = [
        f"{variant_title(str(row.variant))} ({row.difference:+.2f}, {row.ci_low:+.2f} to {row.ci_high:+.2f})"
        for row in table[reading == "yes"].itertuples()
    ]
    counts = {
        "variants": len(table),
        "matter": int((reading == "yes").sum()),
        "little": int((reading == "little").sum()),
        "unknown": int((reading == "cannot tell").sum()),
        "largest": largest["variant"],
        "largest_difference": largest["difference"],
        "which": "; ".join(named) or "none",
    }
    return table.assign(reading=reading), pd.DataFrame([counts])


def analyse_paper(datasets: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The published experiments analysed as ``compute.analyse_runs`` does ours: glm, welch, forest and shap."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for dataset in datasets:
        for metric in published.METRICS:
            results = estimate_all(published.load_experiments(dataset), published.attributes(dataset), metric)
            for name, frame in results.items():
                parts.setdefault(name, []).append(frame.assign(dataset=dataset, metric=metric))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}


def agreement_with_paper(
    ours: Mapping[str, pd.DataFrame], paper: Mapping[str, pd.DataFrame], datasets: Sequence[str]
) -> pd.DataFrame:
    """Rank correlation of every importance in our runs with the same importance in the paper's."""
    rows = [
        rank_correlations(
            *(
                importances(results, get_schema(dataset).attributes, dataset=dataset, metric=metric)
                for results in (ours, paper)
            )
        ).assign(dataset=dataset, metric=metric)
        for dataset in datasets
        for metric in published.METRICS
    ]
    return columns_first(pd.concat(rows, ignore_index=True), "dataset", "metric")


def sizes(runs: pd.DataFrame, data: Path | None) -> pd.DataFrame:
    """What was run, a row per dataset: configurations, variants, seeds, runs; and the size of a synthetic world.

    Columns of the world, empty where ``data`` holds none: identities, and images of train, query and gallery.
    """
    rows = []
    for dataset, table in runs.groupby("dataset", sort=False):
        of_table3 = table["variant"].fillna("") == ""
        row = {
            "dataset": dataset,
            "configurations": table.loc[of_table3, "configuration"].nunique(),
            "variants": table.loc[~of_table3, "variant"].nunique(),
            "seeds": table["seed"].nunique(),
            "runs": len(table),
        }
        world = None if data is None else Path(data) / str(dataset)
        if world is not None and (world / SYNTHETIC_MARKER).is_file():
            counts = expected_counts(get_folder_dataset(str(dataset)), world)
            row["identities"] = read_marker(world).identities or np.nan
            row |= {f"{split}_images": count.images for split, count in counts.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def costs(root: Path, runs: pd.DataFrame) -> pd.DataFrame:
    """Mean time of each part of a run, and the whole sweep's: dataset, part, seconds, times, total_minutes.

    ``runs`` are those of ``collect_runs``, which lie below ``root``. The stages that runs share are counted once per
    seed. Seconds are those of the process; several run at once.
    """
    rows = []
    for dataset, runs_of_dataset in runs.groupby("dataset", sort=False):
        table, _ = collect(root, dataset=str(dataset))
        table = table[table["seed"].isin(runs_of_dataset["seed"])]
        for column in [str(name) for name in table if str(name).endswith("_seconds")]:
            part = column.removesuffix("_seconds")
            shared = part in ("pretrain", "prompts", "baseline")
            seconds = table.groupby("seed")[column].first() if shared else table[column].dropna()
            rows.append({"dataset": dataset, "part": part, "seconds": seconds.mean(), "times": len(seconds)})
    parts = pd.DataFrame(rows)
    return parts.assign(total_minutes=parts["seconds"] * parts["times"] / 60)


def _of(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table[table["metric"] == metric]


def _join(ours: pd.DataFrame, paper: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    renamed = {column: f"published_{column}" for column in paper if column not in keys}
    return ours.merge(paper.rename(columns=renamed), on=keys, how="left", validate="one_to_one")
