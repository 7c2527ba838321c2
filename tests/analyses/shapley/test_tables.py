import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_world import write_world

from mosaicreid.analyses.leakage.compute import find_candidates, subset_scores
from mosaicreid.analyses.oracle.parts import part_path
from mosaicreid.analyses.shapley.figures import plot_shapley
from mosaicreid.analyses.shapley.tables import (
    METHODS,
    contrasts,
    game_facts,
    leakage_values,
    of_rank1,
    person_games,
    rank_agreement,
    retrained,
    shapley_tables,
    summarise,
)
from mosaicreid.data.folders import read_dataset
from mosaicreid.datasets import get_dataset, get_schema
from mosaicreid.errors import InputError
from mosaicreid.names.shown import attribute_title
from mosaicreid.statistics.bootstrap import paired_mean
from mosaicreid.statistics.rank_agreement import spearman
from mosaicreid.statistics.shapley import shapley_values

DATASET = "dukemtmc"
NAMES = get_schema(DATASET).attributes
CLUSTERS = ("accessories", "lower", "upper", "intrinsic")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder of one dataset with a stated truth."""
    root = write_world(tmp_path / "data" / DATASET, DATASET)
    marker = json.loads((root / "synthetic.json").read_text())
    marker["truth"] = [{"attribute": name, "knowledge_gain_bits": 0.1 * k} for k, name in enumerate(NAMES)]
    (root / "synthetic.json").write_text(json.dumps(marker))
    return root


def sampled(seeds: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    """What ``attribute_values`` gives, of four people with two queries each."""
    generator = np.random.default_rng(0)
    rows = []
    for seed in seeds:
        for k, player in enumerate((*NAMES, "(none)", "(all)")):
            value = k + generator.normal(size=8)
            half = 0.5 + 0.1 * seed
            rows += [
                {"player": player, "query": q, "pid": q // 2, "value": v, "sampling_half": half, "seed": seed}
                for q, v in enumerate(value)
            ]
    table = pd.DataFrame(rows).assign(pairs=10, gallery=33)
    return table.assign(rank1_value=0.5 * table["value"], rank1_sampling_half=0.5 * table["sampling_half"])


def test_rank_one_has_the_table_that_average_precision_has() -> None:
    table = sampled()
    first = of_rank1(table)
    assert set(first) == set(table) - {"rank1_value", "rank1_sampling_half"}
    attributes = [part[~part["player"].str.startswith("(")] for part in (table, first)]
    own, halved = (summarise(part).set_index("attribute") for part in attributes)
    columns = ["value", "ci_low", "sampling_half"]
    np.testing.assert_allclose(halved[columns], 0.5 * own[columns])


def test_the_games_of_people_average_to_the_game_of_everybody(world: Path) -> None:
    folder = read_dataset(get_dataset(DATASET), world)
    assert folder.annotation is not None
    arguments = folder.query, folder.gallery, folder.annotation["test"]
    values, pids = person_games(*arguments)
    whole = shapley_values(subset_scores(find_candidates(*arguments))["mAP"].to_numpy())
    np.testing.assert_allclose(values.mean(axis=1), whole)
    table = leakage_values(world, DATASET)
    assert table["attribute"].tolist() == list(NAMES)
    assert tuple(table.loc[2, ["value", "ci_low", "ci_high"]]) == pytest.approx(paired_mean(values[[2]], pids))


def test_values_are_averaged_over_queries_and_seeds() -> None:
    table = sampled()
    rows = summarise(table).set_index("attribute")
    own = table[table["player"] == "hat"].sort_values(["seed", "query"])["value"].to_numpy().reshape(2, 8)
    expected = paired_mean(own, np.arange(8) // 2)
    assert tuple(rows.loc["hat", ["value", "ci_low", "ci_high"]]) == pytest.approx(expected)
    assert rows.loc["hat", "sampling_half"] == pytest.approx(np.hypot(0.5, 0.6) / 2)
    facts = game_facts(table).iloc[0]
    assert facts[["queries", "identities", "gallery", "pairs", "seeds"]].tolist() == [8, 4, 33, 10, 2]
    assert facts["mAP_all"] == pytest.approx(table.loc[table["player"] == "(all)", "value"].mean())


def test_one_seed_cannot_show_the_error_of_its_orders() -> None:
    table = sampled((0,))
    rows = summarise(table).set_index("attribute")
    value, low, high = paired_mean(table.loc[table["player"] == "hat", "value"].to_numpy()[None], np.arange(8) // 2)
    half = np.hypot((high - low) / 2, 0.5)
    expected = (value, value - half, value + half)
    assert tuple(rows.loc["hat", ["value", "ci_low", "ci_high"]]) == pytest.approx(expected)


def test_a_contrast_of_values_is_paired_by_query() -> None:
    table = sampled()
    weights = pd.DataFrame(0.0, index=["hat less bag"], columns=list(NAMES))
    weights.loc["hat less bag", ["hat", "bag"]] = 1.0, -1.0
    row = summarise(contrasts(table[table["player"].isin(NAMES)], weights)).iloc[0]
    hat, bag = (
        table[table["player"] == name].sort_values(["seed", "query"])["value"].to_numpy().reshape(2, 8)
        for name in ("hat", "bag")
    )
    assert row["attribute"] == "hat less bag"
    assert tuple(row[["value", "ci_low", "ci_high"]]) == pytest.approx(paired_mean(hat - bag, np.arange(8) // 2))
    assert row["sampling_half"] == pytest.approx(np.hypot(2 * 0.5, 2 * 0.6) / 2)
    with pytest.raises(InputError, match="no Shapley values of hat"):
        contrasts(table[table["player"] != "hat"], weights)


def test_rank_agreement_is_of_every_two_methods() -> None:
    generator = np.random.default_rng(0)
    values = {method: generator.normal(size=len(NAMES)) for method in METHODS}
    table = pd.concat([pd.DataFrame({"attribute": NAMES, "method": m, "value": v}) for m, v in values.items()])
    rows = rank_agreement(table)
    assert len(rows) == 6
    for row in rows.itertuples():
        expected = spearman(values[row.first], values[row.second])
        assert (row.rho, row.ci_low, row.ci_high) == pytest.approx(expected)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for part in ("attributes", "clusters"):
        for seed in (0, 1):
            table = sampled((seed,))
            if part == "clusters":
                table = table[table["player"].isin(NAMES[:4])].replace(
                    {"player": dict(zip(NAMES, CLUSTERS, strict=False))}
                )
            path = part_path(tmp_path / "runs", dataset=DATASET, seed=seed, part=part)
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(path, index=False)
    return tmp_path / "runs"


@pytest.fixture
def effects() -> pd.DataFrame:
    effect = np.random.default_rng(1).normal(size=len(NAMES))
    table = pd.DataFrame({"dataset": DATASET, "attribute": NAMES, "effect": effect})
    table = table.assign(ci_low=effect - 1, ci_high=effect + 1)
    return table


def test_four_methods_side_by_side(world: Path, runs: Path, effects: pd.DataFrame, tmp_path: Path) -> None:
    found = shapley_tables(runs, effects, data=tmp_path / "data", datasets=[DATASET], seeds=[0, 1])
    table = found["attributes"]
    assert table.groupby("method")["attribute"].apply(set).to_dict() == {method: set(NAMES) for method in METHODS}
    value = table.set_index(["method", "attribute"])["value"]
    np.testing.assert_allclose(value["retrain"][list(NAMES)], effects["effect"])
    np.testing.assert_allclose(value["truth"][list(NAMES)], 0.1 * np.arange(len(NAMES)))
    assert set(table.loc[table["method"] == "truth", "unit"]) == {"bits"}
    assert found["clusters"]["cluster"].tolist() == list(CLUSTERS)
    assert len(found["agreement"]) == 6
    shown = found["contrasts"].set_index("contrast")["value"]
    lower = value["ablation"]["downcolour"] - value["ablation"]["upcolour"]
    assert shown["lower less upper colour"] == pytest.approx(lower)
    axes = plot_shapley(table, {DATASET: "a world"}).axes
    assert len(axes) == 4
    assert axes[0].get_title(loc="left") == "a world"
    labels = [text.get_text().replace("\n", " ") for text in axes[0].get_yticklabels()]
    assert labels == [attribute_title(DATASET, name) for name in NAMES]


@pytest.mark.filterwarnings("ignore:dukemtmc at")
def test_real_data_have_no_known_truth(world: Path, runs: Path, effects: pd.DataFrame, tmp_path: Path) -> None:
    (world / "synthetic.json").unlink()
    found = shapley_tables(runs, effects, data=tmp_path / "data", datasets=[DATASET], seeds=[0, 1])
    table = found["attributes"]
    assert table["method"].unique().tolist() == ["ablation", "retrain", "leakage"]
    assert len(found["agreement"]) == 3
    assert len(plot_shapley(table, {DATASET: "a world"}).axes) == 3


def test_what_is_missing_is_named(world: Path, runs: Path, effects: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"data": tmp_path / "data", "datasets": [DATASET], "seeds": [0, 1]}
    with pytest.raises(InputError, match="`mosaicreid oracle run --dataset dukemtmc --seed 5` writes it"):
        shapley_tables(runs, effects, **settings | {"seeds": [0, 5]})
    with pytest.raises(InputError, match="no effects of market1501"):
        retrained(effects, "market1501")
    with pytest.raises(InputError, match="has no hat of dukemtmc; expected a row of every attribute"):
        retrained(effects[effects["attribute"] != "hat"], DATASET)
    with pytest.raises(InputError, match="every Shapley value is the same"):
        summarise(sampled().assign(value=0.0))
    with pytest.raises(InputError, match="answer different queries"):
        summarise(sampled().query("query > 0 or seed > 0"))
    (world / get_dataset(DATASET).annotation.file_name).unlink()
    with pytest.raises(InputError, match="no annotation"):
        leakage_values(world, DATASET)
