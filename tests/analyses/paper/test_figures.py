"""Figures of the published tables: every mark, every step and every gain is drawn where its number says."""

from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.analyses.paper import figures
from mosaicreid.analyses.paper.tables import gains_by_depth, printed_tables
from mosaicreid.errors import InputError
from mosaicreid.results import write_results, write_tables

MARKS = pd.DataFrame(
    {"configuration": ["age+hat", "hat"], "age": [1, 0], "hat": [1, 1], "mAP": [90.5, 89.0], "rank1": 95.0}
)
STEPS = pd.DataFrame(
    {
        "dataset": ["market1501"] * 3 + ["dukemtmc"],
        "step": ["every_design", "welch", "table3", "forest"],
        "log2_candidates": [300.0, 5.0, 0.0, 0.0],
    }
)


def test_marks() -> None:
    (axes,) = figures.plot_marks(MARKS, "market1501").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Age group", "Hat"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Age group + hat", "Hat"]
    offsets = axes.collections[0].get_offsets().tolist()
    assert sorted(map(tuple, offsets)) == [(0, 0), (1, 0), (1, 1)]
    assert [text.get_text() for text in axes.texts if "%" not in text.get_text()] == ["90.5", "89.0", "95.0", "95.0"]


def test_search_names_the_counts() -> None:
    market, duke = figures.plot_search(STEPS).axes
    assert [text.get_text() for text in market.texts] == ["2^300", "32"]
    assert [bar.get_width() for bar in market.patches] == [300, 5]
    assert [text.get_text() for text in duke.texts] == ["1 design"]


def test_depth_starts_at_the_baseline() -> None:
    (axes,) = figures.plot_depth(gains_by_depth()).axes
    gains = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert gains == {"mAP": [0.0, 3.1, 4.1, 4.8, 5.7, 5.9], "Rank-1": [0.0, 1.2, 1.7, 2.1, 2.5, 2.4]}


def test_nothing_to_draw() -> None:
    with pytest.raises(
        InputError, match="cannot draw 'Table 3': 2 rows with configuration, age, hat, mAP; expected rows with"
    ):
        figures.plot_marks(MARKS.drop(columns="rank1"), "market1501")
    with pytest.raises(InputError, match="cannot draw 'the search': 0 rows"):
        figures.plot_search(STEPS.iloc[:0])


def test_written_figures(tmp_path: Path) -> None:
    write_tables(printed_tables(), tmp_path)
    with pytest.raises(InputError, match=r"recovery\.csv"):
        figures.write_table_figures(tmp_path)
    write_results(STEPS, tmp_path / "recovery.csv")
    figures.write_table_figures(tmp_path)
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"table3_market1501", "table3_dukemtmc", "recovery", "table6"}
