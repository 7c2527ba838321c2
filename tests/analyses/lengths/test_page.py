"""What the page on the length of training says to type, and says in words, is what its tables say."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results"


def test_the_lines_on_the_page_recompute_every_line_of_the_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "book" / "lengths.md").read_text(), re.DOTALL)
    assert "mosaicreid" not in lines
    assert lines.count("\n") <= 10
    monkeypatch.chdir(ROOT)
    found: dict[str, pd.DataFrame] = {}
    exec(lines, found)
    assert "permuted" in capsys.readouterr().out
    gains = found["gains"].reset_index()
    shown = (
        pd.read_csv(RESULTS / "lengths.csv")
        .query("configuration == 'all'")
        .set_index(["dataset", "epochs", "quantity"])
    )
    for quantity, arm, kind, added in (
        ("gain", "experts", "true", 0), ("permuted_gain", "permuted", "permuted", 0), ("both", "experts", "true", 1),
    ):  # fmt: skip
        own = gains[(gains["arm"] == arm) & (gains["kind"] == kind) & (gains["added"] == added)]
        assert len(own) == 8
        for row in own.itertuples():
            expected = shown.loc[(row.dataset, row.epochs, quantity)]
            assert [row.mean, row.std, row.count] == pytest.approx(expected[["mean", "sd", "worlds"]].tolist())
    labels = gains[(gains["arm"] == "baseline") & (gains["kind"] == "true") & (gains["added"] == 1)]
    for row in labels.itertuples():
        assert row.mean == pytest.approx(shown.loc[(row.dataset, 24, "L"), "mean"])


def test_what_the_page_says_in_words_is_what_the_tables_say() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    decision = pd.read_csv(RESULTS / "lengths_decision.csv").set_index(["dataset", "question"])
    lengths = pd.read_csv(RESULTS / "lengths.csv").query("configuration == 'all'")
    assert (decision["worlds"] == 4).all()
    assert (decision["trainings"] == 12).all()
    assert set(decision[["short", "long"]].to_numpy().ravel()) == {4, 24}
    assert "The longer experts train, the more they gain" in page
    assert (decision.xs("growth", level="question")["verdict"] == "grows").all()
    gains = lengths[lengths["quantity"] == "gain"].pivot_table(index="dataset", columns="epochs", values="mean")
    assert (np.diff(gains, axis=1) > 0).all()
    pilots = pd.read_csv(RESULTS / "strength_pilots.csv")
    long = pilots[pilots["cell"].str.endswith("default-long")].pivot_table(
        index="cell", columns="epochs", values="gain"
    )
    assert "60 epochs instead of 24 changed the gain of all attributes by less than a tenth" in page
    assert ((long[60] - long[24]).abs() < 0.1 * long[24]).all()


def test_what_is_said_of_labels_and_of_the_order_is_what_the_rules_said() -> None:
    page = " ".join((ROOT / "book" / "lengths.md").read_text().split())
    first = " ".join((ROOT / "book" / "index.md").read_text().split())
    verdicts = pd.read_csv(RESULTS / "lengths_decision.csv").set_index(["dataset", "question"])["verdict"]
    pairs = pd.read_csv(RESULTS / "lengths_pairs.csv").set_index(["dataset", "first", "second"])["verdict"]
    lengths = pd.read_csv(RESULTS / "lengths.csv").set_index(["dataset", "configuration", "epochs", "quantity"])
    assert "up to about what their labels bring without any expert" in page
    assert (verdicts.xs("end", level="question") == "at what labels bring").all()
    assert "after long training another person's labels bring more than true ones" in page
    assert "Told another person's labels they start lower and end higher" in first
    assert (verdicts.xs("labels_short", level="question") == "true ones bring more").all()
    assert (verdicts.xs("labels_long", level="question") == "another's bring more").all()
    assert "By the rule, in no pair" in page
    assert dict(pairs[pairs != "stays"]) == {("dukemtmc", "backpack", "hat"): "open"}
    assert verdicts.xs("order", level="question").to_dict() == {"market1501": "stays", "dukemtmc": "open"}
    reached = lengths.xs("reached", level="quantity")["mean"].drop("all", level="configuration")
    for epochs in (4, 24):
        some = reached.xs(epochs, level="epochs")
        assert (some.idxmin(), some.idxmax()) == (("market1501", "hat"), ("dukemtmc", "downcolour"))
    means, paper = lengths["mean"], pd.read_csv(RESULTS / "table2_gains.csv").set_index(["dataset", "metric"])
    for dataset in ("market1501", "dukemtmc"):
        assert means[dataset, "all", 24, "permuted_L"] > means[dataset, "all", 24, "L"]
        assert means[dataset, "all", 2, "gain"] > paper.loc[(dataset, "mAP"), "gain_table3"]
    added = lengths.xs("E", level="quantity").xs("all", level="configuration")
    assert "with all attributes they add nothing visible, at any length, to a score that has the labels" in page
    assert ((added["low"] < 0) & (added["high"] > 0)).all()
