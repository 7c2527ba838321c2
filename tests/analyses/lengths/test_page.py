"""What the page on the length of training says to type, and says in words, is what its tables say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_lines import run_lines

from mosaicreid.analyses.lengths.tables import compares_lengths
from mosaicreid.analyses.strength.cells import CELLS, milestones, read_cells

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results"


def test_the_lines_on_the_page_recompute_every_line_of_the_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gains = run_lines("lengths", monkeypatch, most=10)["gains"]
    assert isinstance(gains, pd.DataFrame)
    assert "permuted" in capsys.readouterr().out
    gains = gains.reset_index()
    shown = (
        pd.read_csv(RESULTS / "lengths.csv")
        .query("configuration == 'all'")
        .set_index(["dataset", "epochs", "quantity"])
    )
    for quantity, arm, kind, added in (
        ("gain", "experts", "true", 0), ("permuted_gain", "permuted", "permuted", 0), ("both", "experts", "true", 1),
    ):  # fmt: skip
        own = gains[(gains["arm"] == arm) & (gains["kind"] == kind) & (gains["added"] == added)]
        assert len(own) == 10
        for row in own.itertuples():
            expected = shown.loc[(row.dataset, row.epochs, quantity)]
            assert [row.mean, row.std, row.count] == pytest.approx(expected[["mean", "sd", "worlds"]].tolist())
    labels = gains[(gains["arm"] == "baseline") & (gains["kind"] == "true") & (gains["added"] == 1)]
    assert len(labels) == 2
    for row in labels.itertuples():
        assert row.mean == pytest.approx(shown.loc[(row.dataset, 24, "L"), "mean"])


def test_what_the_page_says_in_words_is_what_the_tables_say() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    decision = pd.read_csv(RESULTS / "lengths_decision.csv").set_index(["dataset", "question"])
    further = decision.xs("order_further", level="question")
    decision = decision.drop("order_further", level="question")
    lengths = pd.read_csv(RESULTS / "lengths.csv").query("configuration == 'all'")
    assert (decision["worlds"] == 4).all()
    assert (decision["trainings"] == 12).all()
    assert set(decision[["short", "long"]].to_numpy().ravel()) == {4, 24}
    assert (further["trainings"] == 4).all()
    assert "The longer experts train, the more they gain" in page
    assert (decision.xs("growth", level="question")["verdict"] == "grows").all()
    gains = lengths[lengths["quantity"] == "gain"].pivot_table(index="dataset", columns="epochs", values="mean")
    assert (np.diff(gains[[2, 4, 8, 24]], axis=1) > 0).all()


def test_what_is_said_of_sixty_epochs_is_what_the_rules_said() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    first = " ".join((ROOT / "book" / "index.md").read_text().split())
    further = pd.read_csv(RESULTS / "lengths_further.csv")
    assert (further["worlds"] == 4).all()
    assert (further["trainings"] == 4).all()
    every = further["configuration"] == "all"
    assert "all within a tenth of the gain" in page
    assert "Further training, up to 60 epochs, moves none of this by a tenth" in first
    assert set(further.loc[every, "verdict"]) == {"no longer moves"}
    fell = further[every & (further["high"] < 0)]
    assert "though the last surely fell" in page
    assert fell[["dataset", "quantity"]].to_numpy().tolist() == [["dukemtmc", "both"]]
    assert "four worlds leave it *open*" in page
    assert set(further.loc[~every, "verdict"]) == {"open"}
    grew = further[~every & (further["low"] > 0)]
    assert "a backpack in the Duke-like worlds still gained" in page
    assert grew[["dataset", "configuration"]].to_numpy().tolist() == [["dukemtmc", "backpack"]]
    pairs = pd.read_csv(RESULTS / "lengths_pairs.csv").query("epochs == 60")
    assert "After 60 epochs none has turned round either: four stay, and two" in page
    assert pairs["verdict"].value_counts().to_dict() == {"stays": 4, "open": 2}
    assert "which leaves both kinds of worlds so" in page
    decision = pd.read_csv(RESULTS / "lengths_decision.csv").query("question == 'order_further'")
    assert set(decision["verdict"]) == {"open"}
    left = pairs[pairs["verdict"] == "open"]
    assert "of which 4 epochs in one training of each world tell too little" in page
    assert ((left["short_low"] < 0) & (left["short_high"] > 0)).all()
    assert ((left["long_low"] > 0) | (left["long_high"] < 0)).all()


def test_trainings_of_sixty_epochs_start_from_the_baselines_of_the_curve() -> None:
    worlds = pd.read_csv(RESULTS / "strength_worlds.csv").query("route == 'default'")
    baselines = worlds.groupby(["dataset", "world", "seed"])["baseline"].agg(["nunique", "size"])
    assert (baselines["nunique"] == 1).all()
    assert {*worlds.query("epochs == 60")["cell"]} == {"market1501-default-60", "dukemtmc-default-60"}


def test_what_is_said_of_labels_and_of_the_order_is_what_the_rules_said() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    first = " ".join((ROOT / "book" / "index.md").read_text().split())
    verdicts = pd.read_csv(RESULTS / "lengths_decision.csv").set_index(["dataset", "question"])["verdict"]
    pairs = pd.read_csv(RESULTS / "lengths_pairs.csv").query("epochs == 24")
    pairs = pairs.set_index(["dataset", "first", "second"])["verdict"]
    lengths = pd.read_csv(RESULTS / "lengths.csv").set_index(["dataset", "configuration", "epochs", "quantity"])
    assert "up to about what their labels bring without any expert" in page
    assert (verdicts.xs("end", level="question") == "at what labels bring").all()
    assert "after long training another person's labels bring more than true ones" in page
    assert "Trained on, and told, another person's labels, they start lower and end higher" in first
    assert (verdicts.xs("labels_short", level="question") == "true ones bring more").all()
    assert (verdicts.xs("labels_long", level="question") == "another's bring more").all()
    assert (verdicts.xs("labels_alone", level="question") == "another's bring more").all()
    assert "the order turned round in none of the six pairs. Five stay as they were" in page
    assert len(pairs) == 6
    assert dict(pairs[pairs != "stays"]) == {("dukemtmc", "backpack", "hat"): "open"}
    assert verdicts.xs("order", level="question").to_dict() == {"market1501": "stays", "dukemtmc": "open"}
    close = pd.read_csv(RESULTS / "lengths_pairs.csv").query("first == 'backpack' and second == 'hat' and epochs == 24")
    (ends,) = close.to_dict("records")
    assert "is told apart neither after 4 epochs nor after 24" in page
    assert ends["short_low"] < 0 < ends["short_high"]
    assert ends["long_low"] < 0 < ends["long_high"]
    reached = lengths.xs("reached", level="quantity")["mean"].drop("all", level="configuration")
    for epochs in (4, 24):
        some = reached.xs(epochs, level="epochs")
        assert (some.idxmin(), some.idxmax()) == (("market1501", "hat"), ("dukemtmc", "downcolour"))


def test_what_is_said_of_sizes_is_what_the_tables_say() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    verdicts = pd.read_csv(RESULTS / "lengths_decision.csv").set_index(["dataset", "question"])["verdict"]
    lengths = pd.read_csv(RESULTS / "lengths.csv").set_index(["dataset", "configuration", "epochs", "quantity"])
    assert "most of the gain goes with labels that are true" in page
    assert (verdicts.xs("most_short", level="question") == "true labels needed").all()
    assert (verdicts.xs("most_long", level="question") == "any labels do").all()
    every = lengths.xs("all", level="configuration")
    assert "It turns before 8 epochs" in page
    assert (every.xs((8, "H"), level=("epochs", "quantity"))["high"] < 0).all()
    added = lengths.xs("E", level="quantity").reset_index()
    sure = added[(added["low"] > 0) | (added["high"] < 0)]
    assert "With all attributes, no interval of E excludes zero" in page
    assert "all" not in set(sure["configuration"])
    assert "Of single attributes' thirty intervals, six exclude zero" in page
    assert ((added["configuration"] != "all").sum(), len(sure)) == (30, 6)
    ends = sure.set_index(["dataset", "configuration", "epochs"])["mean"]
    assert (ends.idxmin(), ends.idxmax()) == (("dukemtmc", "hat", 60), ("dukemtmc", "downcolour", 8))
    cells = pd.read_csv(RESULTS / "strength_cells.csv").query("quantity == 'H' and epochs == 4 and target == 20")
    assert "at its weakest baselines any labels do after 4 epochs already" in page
    assert len(cells) == 4
    assert (cells["high"] < 0).all()
    assert "Most single attributes are still short of their labels" in page
    last = lengths.xs((24, "reached"), level=("epochs", "quantity")).drop("all", level="configuration")
    assert ((last["high"] < 1).sum(), len(last)) == (5, 6)
    paper = pd.read_csv(RESULTS / "table2_gains.csv").query("metric == 'mAP'").set_index("dataset")
    shares = paper["gain_table3"] / (100 - paper["baseline_table3"])
    assert "57 and 18 % of what these leave to 100" in page
    assert shares.round(2).to_dict() == {"market1501": 0.57, "dukemtmc": 0.18}


def test_what_is_said_of_the_worlds_and_their_training_is_so() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    assert "for 2, 4, 8 and 24 epochs" in page
    assert "never in 2, once in 4, twice in 8, 24 and 60" in page
    assert [len(milestones(epochs)) for epochs in (2, 4, 8, 24, 60)] == [0, 1, 2, 2, 2]
    assert "four worlds of 200 test people a dataset" in page
    for cell in read_cells(CELLS):
        if compares_lengths(cell):
            assert sorted(cell.lengths) == [2, 4, 8, 24]
            assert (cell.worlds, cell.seeds, len(cell.configurations)) == (4, 3, 4)
    scores = pd.read_csv(RESULTS / "strength_scores.csv").query("route == 'default'")
    assert "of whom queries ask for 126 in the Duke-like ones" in page
    asked_for = scores.groupby("dataset")["identities"].agg(set).to_dict()
    assert asked_for == {"market1501": {200}, "dukemtmc": {126}}
