"""What the page of the experiment says to type gives the numbers that it shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_lines import run_lines

ROOT = Path(__file__).parents[3]


def test_the_lines_on_the_page_recompute_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = pd.read_csv(ROOT / "results" / "strength_cells.csv")
    recomputed = run_lines("strength", monkeypatch, most=11)["E"]
    assert isinstance(recomputed, pd.Series)
    means = recomputed.groupby("cell").mean()
    shown = cells[(cells["configuration"] == "all") & (cells["epochs"] == 4) & (cells["quantity"] == "E")]
    shown = shown.set_index("cell")["mean"]
    assert set(shown.index) == set(means.index)
    np.testing.assert_allclose(means[shown.index], shown, atol=1e-6)


def test_what_the_page_says_in_words_is_what_the_tables_say() -> None:
    results = ROOT / "results"
    cells, decision = (pd.read_csv(results / f"strength_{name}.csv") for name in ("cells", "decision"))
    page = " ".join((ROOT / "book" / "strength.md").read_text().split())
    assert "after 24 epochs most of the gain needs no true labels in any of the eight cells" in page
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
