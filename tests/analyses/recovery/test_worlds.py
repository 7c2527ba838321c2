"""Tables of worlds as arrays, and tables that cannot be used; the committed settings beside what they must equal."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recovery_worlds import (
    NAMES,
    TABLE3,
    again_cell,
    bits_of,
    dealt_cell,
    line,
    made_table,
    made_training,
    rare_cells,
    write_worlds,
)

from mosaicreid import published
from mosaicreid.analyses.lengths.tables import compares_lengths
from mosaicreid.analyses.recovery.worlds import CELLS, METHODS, dealt, read_tables, training_of, truth_table
from mosaicreid.analyses.strength.cells import CELLS as STRENGTH
from mosaicreid.analyses.strength.cells import PILOTS, Draw, read_cells
from mosaicreid.analyses.strength.compute import run_cells
from mosaicreid.config.parsing import parse_settings
from mosaicreid.errors import InputError

CELL, DRAW = dealt_cell(), Draw(300, 0)


def test_rows_are_the_papers_with_the_baseline_first() -> None:
    training = made_training(CELL, DRAW)
    assert training.configurations == ("baseline", *TABLE3)
    paper = published.load_table(3, CELL.dataset).set_index("configuration").loc[list(training.configurations)]
    np.testing.assert_array_equal(training.design, paper[list(NAMES)].to_numpy())
    bits = bits_of(CELL, DRAW)
    np.testing.assert_array_equal(training.truth, bits)
    for method in METHODS:
        np.testing.assert_allclose(training.scores[method], line(training.design @ bits))
        np.testing.assert_allclose(training.groups[method].mean(axis=1), training.scores[method])
    assert training.took == {"retrain": 9.0 * 19, "ablation": 1.5 * 19, "leakage": 0.5 * 19}
    assert training.shared == 9.0
    assert training.table(training.scores["retrain"])["mAP"].iloc[0] == 80


def test_the_truth_of_a_world_is_as_it_was_dealt() -> None:
    table = truth_table(CELL, DRAW)
    assert table["attribute"].tolist() == list(NAMES)
    usual = truth_table(dealt_cell(dealt=False), DRAW)
    assert (table["knowledge_gain_bits"] != usual["knowledge_gain_bits"]).any()
    assert table["entropy_bits"].tolist() == usual["entropy_bits"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda table: table[~((table["arm"] == "experts") & (table["configuration"] == "hat"))],
            "world 300 of cell dealt has no row of experts with hat; expected one of every configuration",
        ),
        (
            lambda table: table[~((table["arm"] == "switched_off") & (table["configuration"] == "baseline"))],
            "has no row of switched_off with baseline",
        ),
        (
            lambda table: pd.concat([table, table[table["configuration"] == "hat"]]),
            "world 300 of cell dealt has two rows of experts with hat; expected one",
        ),
        (
            lambda table: table.assign(mAP=50.0),
            "world 300 of cell dealt: every configuration of experts scores 50 mAP; nothing can be ranked",
        ),
        (lambda table: table.drop(columns=[f"group{n:02}" for n in range(1, 6)]), "has 0 groups of people; expected"),
        (lambda table: table.drop(columns="took"), "5 groups of people and no times"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        training_of(CELL, DRAW, change(made_table(CELL, DRAW)))


def test_a_cell_without_worlds_is_named_and_a_part_of_the_worlds_is_enough(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cell dealt has no world in .*; expected 2: `mosaicreid recovery run`"):
        read_tables([CELL], tmp_path)
    write_worlds([CELL], tmp_path)
    (tmp_path / CELL.dataset / "dealt" / "world301-seed0.csv").unlink()
    assert [draw for _, draw, _ in read_tables([CELL], tmp_path)] == [DRAW]


def test_a_world_that_is_really_trained_is_read(tmp_path: Path) -> None:
    cell = dealt_cell(configurations=("all", "upcolour"), lengths=(1,), groups=3, worlds=1)
    run_cells([cell], tmp_path, code="abc")
    (training,), repeats = dealt(read_tables([cell], tmp_path))
    assert repeats == []
    assert training.design.sum(axis=1).tolist() == [0, len(NAMES), 1]
    assert {name: scores.shape for name, scores in training.scores.items()} == dict.fromkeys(METHODS, (3,))
    assert {name: parts.shape for name, parts in training.groups.items()} == dict.fromkeys(METHODS, (3, 3))
    np.testing.assert_allclose(training.groups["leakage"].mean(axis=1), training.scores["leakage"], atol=15)
    # One model was trained for all attributes, and one for each row.
    assert training.took["retrain"] > training.shared > training.took["leakage"] > 0


def test_whole_worlds_are_told_from_repeated_and_rare_ones(tmp_path: Path) -> None:
    cells = [CELL, again_cell(), *rare_cells()]
    write_worlds(cells, tmp_path)
    whole, repeats = dealt(read_tables(cells, tmp_path))
    assert [training.draw for training in whole] == [Draw(300, 0), Draw(301, 0)]
    assert [training.draw for training in repeats] == [Draw(300, 1)]
    with pytest.raises(InputError, match="no cell is dealt and has the arms experts, switched_off, labels"):
        dealt(read_tables(cells[1:], tmp_path))


def test_committed_cells_are_table_3_in_worlds_of_their_own() -> None:
    cells = read_cells(CELLS)
    defaults = {cell.dataset: cell for cell in read_cells(STRENGTH) if compares_lengths(cell)}
    whole = {cell.dataset: cell for cell in cells if cell.dealt and "labels" in cell.arms}
    assert set(whole) == set(defaults) == set(published.DATASETS)
    for dataset, cell in whole.items():
        assert cell.worlds >= 12
        assert [*cell.configurations, "baseline"] == published.load_table(3, dataset)["configuration"].tolist()
    for cell in cells:
        usual = defaults[cell.dataset]
        for name in ("world", "settings", "identities", "route"):
            assert getattr(cell, name) == getattr(usual, name), (cell.name, name)
        assert cell.lengths == usual.lengths[:1]
        assert {draw.world // 100 for draw in cell.draws} == {3 if cell.dealt else 4}
    others = {draw.world for path in (STRENGTH, PILOTS) for cell in read_cells(path) for draw in cell.draws}
    assert not others & {draw.world for cell in cells for draw in cell.draws}
    draws = [(cell.dataset, draw) for cell in cells for draw in cell.draws]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("dataset", published.DATASETS)
def test_committed_rare_cells_are_a_latin_square(dataset: str) -> None:
    cells = [cell for cell in read_cells(CELLS) if cell.shares and cell.dataset == dataset]
    square = pd.DataFrame([parse_settings(cell.shares) for cell in cells])
    assert square.shape == (4, 4)
    shares = sorted(square.iloc[0])
    assert len(set(shares)) == 4
    assert shares[-1] == 0.5
    for levels in itertools.chain(square.to_numpy(), square.to_numpy().T):
        assert sorted(levels) == shares
    # Among so many different looks, hardly ever is nobody of the rarest.
    looks = round(cells[0].drawn(400).variety * cells[0].identities)
    assert (1 - shares[0]) ** looks < 0.005
    assert {cell.worlds for cell in cells} == {3}
    worlds = [draw.world for cell in cells for draw in cell.draws]
    assert len(set(worlds)) == len(worlds)
