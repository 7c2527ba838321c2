"""What the page of the experiment says to type gives the numbers that it shows."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]


def test_the_lines_on_the_page_recompute_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = pd.read_csv(ROOT / "results" / "strength_cells.csv")
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "book" / "strength.md").read_text(), re.DOTALL)
    assert "mosaicreid" not in lines
    assert lines.count("\n") <= 11
    monkeypatch.chdir(ROOT)
    found: dict[str, object] = {}
    exec(lines, found)
    recomputed = found["E"]
    assert isinstance(recomputed, pd.Series)
    means = recomputed.groupby("cell").mean()
    shown = cells[(cells["configuration"] == "all") & (cells["epochs"] == 4) & (cells["quantity"] == "E")]
    shown = shown.set_index("cell")["mean"]
    assert set(shown.index) == set(means.index)
    np.testing.assert_allclose(means[shown.index], shown, atol=1e-6)
