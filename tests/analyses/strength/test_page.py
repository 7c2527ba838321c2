"""What the page of the experiment says to type gives the numbers that it shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_lines import run_lines

ROOT = Path(__file__).parents[3]


def test_the_lines_on_the_page_recompute_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = pd.read_csv(ROOT / "results" / "strength_cells.csv")
    recomputed = run_lines("strength", monkeypatch, most=11, blocks=2)["E"]
    assert isinstance(recomputed, pd.Series)
    means = recomputed.groupby("cell").mean()
    shown = cells[(cells["configuration"] == "all") & (cells["epochs"] == 4) & (cells["quantity"] == "E")]
    shown = shown.set_index("cell")["mean"]
    assert set(shown.index) == set(means.index)
    np.testing.assert_allclose(means[shown.index], shown, atol=1e-6)


def test_the_lines_on_worse_labels_recompute_their_table(monkeypatch: pytest.MonkeyPatch) -> None:
    recomputed = run_lines("strength", monkeypatch, most=6, block=2, blocks=2)["E"]
    assert isinstance(recomputed, pd.DataFrame)
    shown = pd.read_csv(ROOT / "results" / "strength_matched.csv").query("quantity == 'E'")
    shown = shown.set_index(["cell", "epochs", "kind", "target_share"])
    assert set(shown.index) == set(recomputed.index)
    np.testing.assert_allclose(recomputed.loc[shown.index], shown[["mean", "sd", "worlds"]], atol=1e-6)


def test_what_is_said_of_worse_labels_is_what_their_table_says() -> None:
    page = " ".join((ROOT / "book" / "strength.md").read_text().split())
    first = " ".join((ROOT / "book" / "index.md").read_text().split())
    table = pd.read_csv(ROOT / "results" / "strength_matched.csv").query("quantity == 'E'")
    short = table[(table["epochs"] == 4) & (table["target"] == 75) & (table["target_share"] == 0.18)]
    corrupted = short[short["kind"] == "corrupted"].set_index(["route", "dataset"])
    scores = pd.read_csv(ROOT / "results" / "strength_scores.csv").query(
        "kind == 'corrupted' and target == 75 and route == 'attributes' and target_share == 0.18 and arm == 'experts'"
    )
    alone, added = (
        scores[scores["added"] == of].set_index(["dataset", "world"])[column]
        for of, column in ((0, "gain"), (1, "given_labels"))
    )
    assert "in all eight worlds more than a tenth of what experts gain with these labels" in page
    assert len(added) == 8
    assert (added > 0.1 * alone).all()
    assert "experts add to them at baselines near 75 that read attributes" in first
    assert (corrupted.loc["attributes", "low"] > 0).all()
    soon = table[table["epochs"] == 4]
    sure = soon[(soon["low"] > 0) | (soon["high"] < 0)]
    assert "In single cells, no other interval excludes zero after 4 epochs, and none with coarsened labels" in page
    assert set(sure["kind"]) == {"corrupted"}
    assert set(sure["target"]) == {75}
    assert sorted(zip(sure["dataset"], sure["route"], strict=True)) == [
        ("dukemtmc", "attributes"), ("market1501", "attributes"), ("market1501", "identity"),
    ]  # fmt: skip
    there = pd.read_csv(ROOT / "results" / "strength_matched_at.csv").query("quantity == 'E'")
    assert "where other cues make baselines strong, in eight worlds" in page
    assert there.groupby("route")["worlds"].agg(set).to_dict() == {"identity": {8}, "attributes": {2}}
    assert set(there["target_share"]) == {0.18}
    assert "lies between no two cells: near 75 mAP 57 % is reached after 4 epochs, near 92 after 24 alone" in page
    most = table[table["target_share"] == 0.57].groupby("target")["epochs"].agg(set).to_dict()
    assert most == {75: {4}, 92: {24}}
    long = table[table["epochs"] == 24]
    assert "at baselines near 92, every mean is below zero" in page
    assert set(long["target"]) == {92}
    assert (long["mean"] < 0).all()
    lowest = long.loc[long["mean"].idxmin(), ["dataset", "route", "kind", "target_share"]].tolist()
    assert lowest == ["market1501", "identity", "corrupted", 0.18]


def test_what_the_page_says_in_words_is_what_the_tables_say() -> None:
    results = ROOT / "results"
    cells, decision = (pd.read_csv(results / f"strength_{name}.csv") for name in ("cells", "decision"))
    page = " ".join((ROOT / "book" / "strength.md").read_text().split())
    assert "after 24 epochs most of the gain needs no labels that are true, in each of the eight cells" in page
    longer = cells[(cells["quantity"] == "H") & (cells["epochs"] == 24)]
    assert len(longer) == 8
    assert (longer["high"] < 0).all()
    added = cells[(cells["quantity"] == "E") & (cells["epochs"] == 24)]
    assert "above zero in one of the eight cells and below it in two" in page
    assert (len(added), (added["low"] > 0).sum(), (added["high"] < 0).sum()) == (8, 1, 2)
    assert "That is so on the route *identity*; on the route *attributes*, labels leave enough" in page
    short = decision["headroom"] < decision["margin"]
    assert (short == (decision["route"] == "identity")).all()
    assert "four a cell" in page
    assert set(cells["worlds"]) == {4}
