from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.oracle.figures import plot_controls, plot_noise, plot_split
from mosaicreid.analyses.oracle.parts import part_path, read_part
from mosaicreid.analyses.oracle.tables import arrange, control_table, head_table, oracle_tables, split_table
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.names.terms import CONTROLS
from mosaicreid.statistics.bootstrap import paired_mean

SEEDS, QUERIES = (0, 1, 2), 24
LEVELS = {
    ("baseline", 0.0): 0.40,
    ("oracle", 0.0): 0.60,
    ("labels", 0.0): 0.30,
    ("fusion", 0.0): 0.45,
    ("fusion-crossfit", 0.0): 0.52,
    ("fusion-best", 0.0): 0.53,
    ("oracle-fusion-crossfit", 0.0): 0.63,
    ("permuted-people", 0.0): 0.41,
    ("permuted-images", 0.0): 0.30,
    ("permuted-trained", 0.0): 0.55,
    ("predicted", 0.0): 0.42,
    ("distractors-lent", 0.0): 0.58,
    ("noise-query", 0.5): 0.45,
    ("noise-gallery", 0.5): 0.45,
    ("noise-both", 0.5): 0.35,
    ("alike-baseline", 0.0): 0.70,
    ("alike-oracle", 0.0): 0.71,
}


@pytest.fixture
def per_query() -> pd.DataFrame:
    """Every control on twelve people with two queries each; the look-alike controls answer the first half only."""
    generator = np.random.default_rng(0)
    difficulty = generator.normal(0, 0.1, QUERIES)
    rows = []
    for (control, level), mean in LEVELS.items():
        queries = QUERIES // 2 if control.startswith("alike") else QUERIES
        for seed in SEEDS:
            ap = np.clip(mean + difficulty[:queries] + generator.normal(0, 0.03, queries), 0, 1)
            query = np.arange(queries)
            rows.append(
                pd.DataFrame(
                    {"control": control, "level": level, "seed": seed, "query": query, "pid": query // 2, "ap": ap}
                ).assign(hit=(ap > 0.5).astype(int))
            )
    return pd.concat(rows, ignore_index=True).sample(frac=1, random_state=0)


def points(per_query: pd.DataFrame, control: str) -> np.ndarray:
    rows = per_query[per_query["control"] == control].sort_values(["seed", "query"])
    return 100 * rows["ap"].to_numpy().reshape(len(SEEDS), -1)


def test_rank_one_is_compared_as_average_precision_is(per_query: pd.DataFrame) -> None:
    first = arrange(per_query, measure="hit")
    table = control_table(first, metric="rank1").set_index(["control", "level"])
    for (control, level), row in table.iterrows():
        rows = per_query[(per_query["control"] == control) & (per_query["level"] == level)]
        assert row["rank1"] == pytest.approx(100 * (rows["ap"] > 0.5).mean())
    gain = split_table(first).iloc[0]
    assert gain["points"] == pytest.approx(table.loc[("oracle", 0.0), "difference"])


def test_controls_are_compared_with_the_baseline_on_their_own_queries(per_query: pd.DataFrame) -> None:
    table = control_table(arrange(per_query)).set_index("control")
    assert len(table) == len(LEVELS)
    for control in table.index:
        ap = points(per_query, control)
        reference = points(per_query, "alike-baseline" if control.startswith("alike") else "baseline")
        pids = np.arange(ap.shape[1]) // 2
        row = table.loc[control]
        assert row["mAP"] == pytest.approx(ap.mean())
        expected = paired_mean(ap - reference, pids)
        assert tuple(row[["difference", "difference_low", "difference_high"]]) == pytest.approx(expected)
        assert (row["queries"], row["identities"], row["seeds"]) == (ap.shape[1], len(np.unique(pids)), 3)


def test_the_parts_of_every_split_add_up_to_the_gain(per_query: pd.DataFrame) -> None:
    table = split_table(arrange(per_query))
    gain = table[table["split"] == "gain"].iloc[0]
    assert gain["points"] == pytest.approx((points(per_query, "oracle") - points(per_query, "baseline")).mean())
    parts = table[~table["split"].isin(["gain", "given-labels", "look-alikes"])].groupby("split")
    assert len(parts) == 7
    for _, rows in parts:
        assert rows["part"].tolist() == ["to control", "from control"]
        assert rows["points"].sum() == pytest.approx(gain["points"])
        assert rows["share"].sum() == pytest.approx(1)
    assert (table["ci_low"] < table["points"]).all()
    assert (table["points"] < table["ci_high"]).all()
    given = table[table["split"] == "given-labels"].iloc[0]
    added = points(per_query, "oracle-fusion-crossfit") - points(per_query, "fusion-crossfit")
    assert given["points"] == pytest.approx(added.mean())
    assert given["share"] == pytest.approx(added.mean() / gain["points"])
    alike = table[table["split"] == "look-alikes"].iloc[0]
    assert np.isnan(alike["share"])
    assert alike["queries"] == QUERIES // 2


def test_no_share_is_given_of_a_gain_that_may_be_none(per_query: pd.DataFrame) -> None:
    table = split_table(arrange(per_query.assign(ap=np.random.default_rng(0).random(len(per_query)))))
    assert table.loc[0, "ci_low"] < 0 < table.loc[0, "ci_high"]
    assert table["share"].isna().all()


def test_controls_that_were_not_run_are_left_out(per_query: pd.DataFrame) -> None:
    kept = per_query[per_query["control"].isin(["baseline", "oracle", "predicted"])]
    assert split_table(arrange(kept))["split"].tolist() == ["gain", "predicted", "predicted"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="seed"), r"lacks the columns \['seed'\]"),
        (lambda t: t.iloc[:0], "no rows, so no seeds"),
        (lambda t: t.assign(ap=0.5), "0.5 for every control and query; there is nothing to compare"),
        (lambda t: t.assign(ap=t["ap"] * 100), r"must be in 0\.\.1"),
        (lambda t: t[t["control"] == "baseline"], "got the controls baseline; expected 'baseline' and at least one"),
        (lambda t: t[t["control"] != "baseline"], "expected 'baseline' and at least one"),
        (
            lambda t: t[(t["control"] != "oracle") | (t["seed"] != 1)],
            "control 'oracle' at level 0 lacks a seed or query",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), "or has one twice"),
        (lambda t: t[t["query"] == 0], "got 1 query, expected at least 2"),
    ],
)
def test_bad_tables_are_named(per_query: pd.DataFrame, change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        arrange(change(per_query))


def test_one_person_is_refused(per_query: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="got one query identity"):
        control_table(arrange(per_query.assign(pid=3)))


def test_heads_are_averaged_over_seeds() -> None:
    heads = pd.DataFrame(
        {
            "attribute": ["hat", "bag"] * 2,
            "images": 10,
            "accuracy": [0.9, 0.5, 0.7, 0.5],
            "majority": [0.6, 0.5, 0.6, 0.5],
            "calibration_error": [0.1, 0.0, 0.3, 0.2],
            "unread_bits": [0.2, 1.0, 0.4, 1.0],
            "seed": [0, 0, 1, 1],
        }
    )
    table = head_table(heads).set_index("attribute")
    assert table.index.tolist() == ["hat", "bag"]
    assert table.loc["hat", ["accuracy", "gain", "calibration_error"]].tolist() == pytest.approx([0.8, 0.2, 0.2])
    assert table.loc["hat", "accuracy_sd"] == pytest.approx(np.sqrt(0.02))
    assert table.loc["hat", ["unread_bits", "unread_sd"]].tolist() == pytest.approx([0.3, np.sqrt(0.02)])


@pytest.fixture
def runs(per_query: pd.DataFrame, tmp_path: Path) -> Path:
    """What ``run_oracle`` leaves, three seeds of one dataset."""
    heads = pd.DataFrame(
        {
            "attribute": get_schema("dukemtmc").attributes,
            "images": 4,
            "accuracy": 1.0,
            "majority": 1.0,
            "calibration_error": 0.0,
            "unread_bits": 0.0,
        }
    )
    weights = pd.DataFrame({"weight": [0.0, 1.0], "train_mAP": [9.0, 8.0], "test_mAP": [7.0, 6.0]})
    weights = weights.assign(chosen_train=[1, 0], chosen_best=[1, 0], chosen_crossfit=[0.5, 0.5])
    for seed in SEEDS:
        parts = {"controls": per_query[per_query["seed"] == seed], "heads": heads, "weights": weights}
        for part, table in parts.items():
            path = part_path(tmp_path / "runs", dataset="dukemtmc", seed=seed, part=part)
            path.parent.mkdir(parents=True, exist_ok=True)
            table.assign(seed=seed, gallery=5).to_parquet(path, index=False)
    return tmp_path / "runs"


def test_tables_and_figures_of_a_sweep(per_query: pd.DataFrame, runs: Path) -> None:
    tables = oracle_tables(runs, datasets=["dukemtmc"], seeds=SEEDS)
    table = tables["controls"]
    expected = control_table(arrange(per_query)).set_index(["control", "level"])
    found = table.drop(columns="dataset").set_index(["control", "level"]).loc[expected.index]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert tables["weights"].columns.tolist() == [
        *("dataset", "weight", "train_mAP", "test_mAP", "chosen_train", "chosen_best", "chosen_crossfit", "seed")
    ]
    titles = dict.fromkeys(table["dataset"], "a world")
    labels = [text.get_text().replace("\n", " ") for text in plot_controls(table, titles).axes[0].get_yticklabels()]
    assert sorted(labels) == sorted(CONTROLS.values())
    assert len(plot_split(tables["split"], titles).axes[0].get_yticklabels()) == 11
    lines = plot_noise(table, titles).axes[0].get_lines()
    oracle = 100 * LEVELS["oracle", 0.0]
    assert [line.get_ydata()[0] for line in lines[:3]] == pytest.approx([oracle] * 3, abs=6)
    assert [list(line.get_xdata()) for line in lines[:3]] == [[0.0, 0.5]] * 3


def test_missing_parts_and_seeds_are_named(runs: Path) -> None:
    with pytest.raises(InputError, match="`mosaicreid oracle run --dataset dukemtmc --seed 7` writes it"):
        oracle_tables(runs, datasets=["dukemtmc"], seeds=[0, 7])
    with pytest.raises(InputError, match="got no seeds of dukemtmc"):
        read_part(runs, dataset="dukemtmc", seeds=[], part="heads")
    with pytest.raises(InputError, match="got the seeds 0, 0; expected each once"):
        read_part(runs, dataset="dukemtmc", seeds=[0, 0], part="heads")
