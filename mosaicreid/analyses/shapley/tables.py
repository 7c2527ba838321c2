"""What each attribute is worth, by four methods side by side, and how far their rankings agree.

``ablation``: Shapley values of one trained model whose experts are switched off (``ablation``). ``retrain``: effects of
the paper's design, a model per configuration (``statistics.mixed_effects``). ``leakage``: Shapley values of retrieval
by labels alone. ``truth``: bits that a synthetic world's images hide and its labels tell; real datasets have none.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.analyses.leakage.compute import find_candidates, subset_scores
from mosaicreid.analyses.oracle.parts import ALL, NONE, read_part
from mosaicreid.analyses.robust.contrasts import contrast_weights
from mosaicreid.attributes import Annotation
from mosaicreid.data.folders import Images, read_dataset, read_truth
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.errors import InputError
from mosaicreid.results import check_attributes, columns_first
from mosaicreid.statistics.bootstrap import paired_mean
from mosaicreid.statistics.rank_agreement import FEWEST, spearman
from mosaicreid.statistics.shapley import shapley_values

METHODS = ("ablation", "retrain", "leakage", "truth")


def shapley_tables(
    runs: Path, effects: pd.DataFrame, *, data: Path, datasets: Sequence[str], seeds: Sequence[int]
) -> dict[str, pd.DataFrame]:
    """``attributes``, ``contrasts``, ``clusters``, ``games`` and ``agreement`` of all datasets; ``rank1_attributes``
    and ``rank1_games`` are of the same sampled games, worth their Rank-1.

    Reads what ``run_oracle`` left in ``runs`` and the datasets in ``data``; ``effects`` is ``robust_effects.csv``. A
    dataset that has none of the contrasts, or fewer than five attributes to rank, has no rows in ``contrasts`` or
    ``agreement``; a table without rows is left out.

    Raises:
        InputError: one of these is missing.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for dataset in datasets:
        sampled = read_part(runs, dataset=dataset, seeds=seeds, part="attributes")
        ends = sampled["player"].isin([NONE, ALL])
        truth = known_truth(data, dataset)
        methods = {
            "ablation": summarise(sampled[~ends]),
            "retrain": retrained(effects, dataset),
            "leakage": leakage_values(data / dataset, dataset),
            **({"truth": truth} if truth is not None else {}),
        }
        weights = contrast_weights(dataset)
        of_dataset = {
            "attributes": pd.concat([t.assign(method=name) for name, t in methods.items()], ignore_index=True),
            "clusters": summarise(read_part(runs, dataset=dataset, seeds=seeds, part="clusters")).rename(
                columns={"attribute": "cluster"}
            ),
            "games": game_facts(sampled),
        }
        first = of_rank1(sampled)
        # Where experts change no query's first image, there is nothing to attribute.
        if first.loc[~ends, "value"].min() < first.loc[~ends, "value"].max():
            of_dataset["rank1_attributes"] = summarise(first[~ends]).assign(unit="points of Rank-1", method="ablation")
            of_dataset["rank1_games"] = game_facts(first).rename(columns=lambda name: name.replace("mAP", "rank1"))
        if len(weights):
            of_dataset["contrasts"] = summarise(contrasts(sampled[~ends], weights)).rename(
                columns={"attribute": "contrast"}
            )
        if len(weights.columns) >= FEWEST:
            of_dataset["agreement"] = rank_agreement(of_dataset["attributes"])
        for name, table in of_dataset.items():
            tables.setdefault(name, []).append(columns_first(table.assign(dataset=dataset), "dataset"))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}


def of_rank1(sampled: pd.DataFrame) -> pd.DataFrame:
    """The sampled values with those of Rank-1 in place of average precision's."""
    own = ["value", "sampling_half"]
    return sampled.drop(columns=own).rename(columns={f"rank1_{name}": name for name in own})


def summarise(values: pd.DataFrame) -> pd.DataFrame:
    """Per player the mean over queries and seeds: attribute, value (points), ci_low, ci_high, sampling_half, unit.

    The interval is over identities and seeds. Every seed drew its own orders, so the differences between seeds, and the
    interval, include the error of sampling orders; ``sampling_half`` is that error's own 95 % half-width, and with one
    seed, whose orders all queries share, it is added to the interval's (root of the sum of squares).

    Raises:
        InputError: a seed lacks a query of another, or all values are equal.
    """
    if values["value"].nunique() < 2:
        raise InputError("every Shapley value is the same; the experts change nothing, so there is nothing to compare")
    rows = []
    for player, of_player in values.groupby("player", sort=False):
        table = of_player.pivot_table(index="seed", columns="query", values="value")
        if table.isna().to_numpy().any():
            raise InputError(f"the seeds of {player} answer different queries; expected the same in all of them")
        pids = of_player.groupby("query")["pid"].first().to_numpy()
        value, low, high = paired_mean(table.to_numpy(), pids)
        halves = of_player.groupby("seed")["sampling_half"].first().to_numpy()
        half = float(np.sqrt((halves**2).sum()) / len(halves))
        if len(halves) == 1:
            low, high = value - np.hypot(value - low, half), value + np.hypot(high - value, half)
        rows.append({"attribute": player, "value": value, "ci_low": low, "ci_high": high, "sampling_half": half})
    return pd.DataFrame(rows).assign(unit="points of mAP")


def contrasts(values: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Weighted sums (``weights``: contrasts x players) of the players' values of each query and seed.

    Columns as ``values``: seed, query, pid, player (the contrast), value, sampling_half. The players' sampling errors
    depend on each other, so a sum's is bounded by the sum of theirs: a wide ``sampling_half``, not a narrow one.

    Raises:
        InputError: a player without values.
    """
    players = weights.columns.tolist()
    missing = [name for name in players if name not in set(values["player"])]
    if missing:
        raise InputError(f"no Shapley values of {', '.join(missing)}; expected all of {', '.join(players)}")
    wide = values.pivot_table(index=["seed", "query", "pid"], columns="player", values=["value", "sampling_half"])
    value, half = wide["value"][players], wide["sampling_half"][players]
    frames = []
    for contrast, row in weights.iterrows():
        sums = pd.DataFrame({"value": value @ row, "sampling_half": half @ row.abs()}).reset_index()
        frames.append(sums.assign(player=str(contrast)))
    return pd.concat(frames, ignore_index=True)


def game_facts(sampled: pd.DataFrame) -> pd.DataFrame:
    """One row: queries, identities, gallery images, pairs of orders, seeds, and mAP (percent) of no and all experts."""
    whole = sampled[sampled["player"] == ALL]
    return pd.DataFrame(
        [
            {
                "queries": whole["query"].nunique(),
                "identities": whole["pid"].nunique(),
                "gallery": int(sampled["gallery"].iloc[0]),
                "pairs": int(sampled["pairs"].iloc[0]),
                "seeds": sampled["seed"].nunique(),
                "mAP_none": sampled.loc[sampled["player"] == NONE, "value"].mean(),
                "mAP_all": whole["value"].mean(),
            }
        ]
    )


def retrained(effects: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows of ``robust_effects.csv`` of one dataset: attribute, value (points), ci_low, ci_high, unit."""
    rows = effects[effects["dataset"] == dataset]
    if rows.empty:
        raise InputError(f"robust_effects.csv has no effects of {dataset}; `mosaicreid experiment` writes them")
    check_attributes(rows, where="robust_effects.csv")
    table = rows[["attribute", "effect", "ci_low", "ci_high"]].rename(columns={"effect": "value"})
    return table.assign(unit="points of mAP")


def known_truth(data: Path, dataset: str) -> pd.DataFrame | None:
    """Every attribute's knowledge gain (see ``data.world``): attribute, value (bits), unit; None for real data."""
    truth = read_truth(data, dataset)
    if truth is None:
        return None
    table = truth[["attribute", "knowledge_gain_bits"]].rename(columns={"knowledge_gain_bits": "value"})
    return table.assign(unit="bits")


def leakage_values(root: Path, dataset: str) -> pd.DataFrame:
    """Exact Shapley values of retrieval by labels alone, with intervals over people.

    Returns attribute, value (points of mAP), ci_low, ci_high, unit; distractors compete.
    """
    folder = read_dataset(get_dataset(dataset), root)
    annotation = folder.annotation["test"] if folder.annotation else None
    if not isinstance(annotation, Annotation):
        found = "labels image by image" if annotation else "no annotation"
        raise InputError(f"{root} has {found}; expected labels by identity, of which this retrieval is made")
    values, pids = person_games(folder.query, folder.gallery, annotation)
    rows = []
    for attribute, row in zip(get_schema(dataset).attributes, values, strict=True):
        value, low, high = paired_mean(row[None], pids)
        rows.append({"attribute": attribute, "value": value, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows).assign(unit="points of mAP")


def person_games(query: Images, gallery: Images, annotation: Annotation) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values (A, Q) in points, each query's being its person's mean, and the people (Q,) of the queries.

    The leakage game of everybody is the mean over people's games, weighted by their queries with a match.
    """
    candidates = find_candidates(query, gallery, annotation)
    matched = np.array(
        [
            ((gallery.pids == pid) & (gallery.camids != camid)).any()
            for pid, camid in zip(query.pids, query.camids, strict=True)
        ]
    )
    pids = query.pids[matched]
    values = np.empty((len(annotation.schema.attributes), len(pids)))
    for pid in np.unique(pids):
        of_person = pids == pid
        person = replace(
            candidates,
            matches=candidates.matches[of_person],
            size=candidates.size[of_person],
            size_no_distractors=candidates.size_no_distractors[of_person],
            gallery=candidates.gallery[of_person],
        )
        values[:, of_person] = shapley_values(subset_scores(person)["mAP"].to_numpy())[:, None]
    return values, pids


def rank_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rho of every two methods' rankings of attributes: first, second, rho, ci_low, ci_high, attributes."""
    wide = table.pivot_table(index="attribute", columns="method", values="value")
    rows = []
    for first, second in combinations([method for method in METHODS if method in wide], 2):
        rho, low, high = spearman(wide[first].to_numpy(float), wide[second].to_numpy(float))
        row = {"first": first, "second": second, "rho": rho, "ci_low": low, "ci_high": high}
        rows.append(row | {"attributes": len(wide)})
    return pd.DataFrame(rows)
