"""Longer trainings than the curve's, from made worlds, each against plain arithmetic."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from strength_cells import quick_cell

from mosaicreid.analyses.lengths.further import change_table, further_pairs, goes_further
from mosaicreid.analyses.lengths.tables import length_tables
from mosaicreid.analyses.lengths.write import write_lengths
from mosaicreid.analyses.strength.cells import CELLS, Cell, read_cells
from mosaicreid.errors import InputError

# Gain by configuration and epochs, in points, in every world but for its noise.
GAINS = {
    "all": {4: 5.0, 24: 10.0, 60: 10.3},
    "hat": {4: 1.0, 24: 1.0, 60: 2.95},
    "bag": {4: 0.2, 24: 3.0, 60: 2.9},
}


def cell(name: str, *lengths: int, **changes: object) -> Cell:
    values: dict[str, object] = {
        "route": "default", "worlds": 4, "configurations": ("all", "hat", "bag"), "arms": ("experts", "permuted"),
        "long_arms": ("experts", "permuted"),
    }  # fmt: skip
    return quick_cell(name=name, lengths=lengths, **(values | changes))


USUAL = cell("usual", 4, 24, seeds=3)
FIRST = cell("first", 60)
AGAIN = cell("again", 60, seeds=2, first_seed=1, configurations=("all",))


def worlds(*cells: Cell) -> pd.DataFrame:
    rows = []
    for one in cells:
        for draw in one.draws:
            for configuration in one.configurations:
                for epochs in one.lengths:
                    noise = np.random.default_rng([draw.world, draw.seed, epochs, list(GAINS).index(configuration)])
                    gain = GAINS[configuration][epochs] + noise.normal(0, 0.03)
                    every = configuration == "all"
                    rows.append(
                        {
                            "dataset": one.dataset, "cell": one.name, "world": draw.world, "seed": draw.seed,
                            "configuration": configuration, "epochs": epochs, "baseline": 85.0, "gain": gain,
                            "L": 10.0, "both": gain + 0.5, "E": 0.5, "share_gain": gain / 15,
                            "permuted_gain": gain + (3 if epochs == 24 else 0) if every else np.nan,
                            "permuted_L": 12.0 if every else np.nan, "H": -1.0 if every else np.nan,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def test_what_goes_further() -> None:
    assert goes_further(FIRST, USUAL)
    assert goes_further(AGAIN, USUAL)
    assert not goes_further(USUAL, USUAL)
    for other in (
        cell("short", 24),
        cell("two", 60, 90),
        cell("one-arm", 60, arms=("experts",)),
        cell("other-world", 60, world="marks=1"),
        cell("other-people", 60, identities=30),
        cell("world-that-has-no-24", 60, first_world=USUAL.first_world + 1),
        cell("training-that-has-no-24", 60, first_seed=3),
    ):
        assert not goes_further(other, USUAL)


def test_changes_are_of_the_same_trainings() -> None:
    given = worlds(USUAL, FIRST, AGAIN)
    table = change_table(given, USUAL, [FIRST, AGAIN]).set_index(["configuration", "quantity"])
    assert table["verdict"].to_dict() == {
        ("all", "gain"): "no longer moves",
        ("all", "permuted_gain"): "shrinks",
        ("all", "both"): "no longer moves",
        ("hat", "gain"): "grows on",
        ("bag", "gain"): "no longer moves",
    }
    assert table.loc["all", "trainings"].tolist() == [12] * 3
    # Of what was trained once, the first training's gain after 24 epochs is taken, not the mean of three.
    hat = given[(given["configuration"] == "hat") & (given["seed"] == 0)].set_index(["epochs", "world"])["gain"]
    change = hat.loc[60] - hat.loc[24]
    half = stats.t.ppf(0.975, 3) * change.std() / 2
    row = table.loc[("hat", "gain")]
    assert [row["change"], row["low"], row["high"]] == pytest.approx(
        [change.mean(), change.mean() - half, change.mean() + half]
    )
    assert [row["before"], row["margin"]] == pytest.approx([hat.loc[24].mean(), 0.1 * hat.loc[24].mean()])
    assert (row["long"], row["further"], row["worlds"], row["trainings"]) == (24, 60, 4, 4)


def test_pairs_are_of_the_trainings_that_went_so_far() -> None:
    given = worlds(USUAL, FIRST, AGAIN)
    (row,) = further_pairs(given, USUAL, [FIRST, AGAIN]).to_dict("records")
    own = given[given["seed"] == 0].groupby(["configuration", "epochs"])["gain"].mean()
    assert row["short"] == pytest.approx(own["hat", 4] - own["bag", 4])
    assert row["long"] == pytest.approx(own["hat", 60] - own["bag", 60])
    assert (row["first"], row["second"], row["epochs"], row["worlds"], row["trainings"]) == ("hat", "bag", 60, 4, 4)


def test_they_stand_beside_the_curve_and_change_no_rule_of_it() -> None:
    given = worlds(USUAL, FIRST, AGAIN)
    alone, both = (length_tables(given, cells) for cells in ([USUAL], [AGAIN, USUAL, FIRST]))
    assert "lengths_further" not in alone
    assert set(both) == {"lengths", "lengths_pairs", "lengths_decision", "lengths_further"}
    for name, column in (("lengths", "epochs"), ("lengths_pairs", "epochs"), ("lengths_decision", "long")):
        usual = both[name][both[name][column] != 60].reset_index(drop=True)
        pd.testing.assert_frame_equal(usual, alone[name], check_dtype=False)
    curve = both["lengths"].set_index(["configuration", "epochs", "quantity"])["mean"]
    every = given[(given["configuration"] == "all") & (given["epochs"] == 60)]
    assert curve["all", 60, "gain"] == pytest.approx(every["gain"].mean())
    order = both["lengths_decision"].set_index("question").loc["order_further"]
    assert (order["verdict"], order["short"], order["long"], order["trainings"]) == ("open", 4, 60, 4)


def test_a_training_that_is_missing_leaves_what_needs_it_unfinished() -> None:
    given = worlds(USUAL, FIRST, AGAIN)
    without = given[~((given["cell"] == "again") & (given["world"] == AGAIN.draws[-1].world) & (given["seed"] == 2))]
    table = change_table(without, USUAL, [FIRST, AGAIN]).set_index(["configuration", "quantity"])
    assert set(table.loc["all", "verdict"]) == {"unfinished"}
    assert table.loc[("hat", "gain"), "verdict"] == "grows on"
    without = given[~((given["cell"] == "first") & (given["world"] == FIRST.draws[0].world))]
    tables = length_tables(without, [USUAL, FIRST, AGAIN])
    assert set(tables["lengths_further"]["verdict"]) == {"unfinished"}
    decision = tables["lengths_decision"].set_index("question")["verdict"]
    assert (decision["order_further"], decision["growth"]) == ("unfinished", "grows")


def test_they_are_written_with_the_cells_they_are_of(tmp_path: Path) -> None:
    worlds(USUAL, FIRST, AGAIN).to_csv(tmp_path / "strength_worlds.csv", index=False)
    written = write_lengths(tmp_path, [FIRST, cell("other-world", 60, world="marks=1"), USUAL, AGAIN])
    assert tmp_path / "lengths_further.csv" in written
    about = json.loads((tmp_path / "lengths_further.json").read_text())
    assert about["parameters"]["cells"] == ["first", "usual", "again"]


def test_without_a_training_of_both_lengths_nothing_is_known_yet() -> None:
    given = worlds(USUAL, FIRST)
    apart = given[(given["cell"] == "first") | (given["world"] == USUAL.first_world)]
    apart = apart[(apart["cell"] == "usual") | (apart["world"] != USUAL.first_world)]
    tables = length_tables(apart, [USUAL, FIRST])
    assert set(tables["lengths_further"]["verdict"]) == {"unfinished"}
    assert tables["lengths_further"][["before", "change", "low"]].isna().all(axis=None)
    pairs = tables["lengths_pairs"]
    assert pairs.loc[pairs["epochs"] == 60, ["verdict", "worlds"]].to_numpy().tolist() == [["unfinished", 0]]


def test_two_cells_that_train_the_same_are_refused() -> None:
    with pytest.raises(
        InputError, match="cells first and more train all in the same worlds for as long; expected it once"
    ):
        length_tables(worlds(USUAL, FIRST), [USUAL, FIRST, cell("more", 60)])


def test_one_world_moves_or_not_nobody_knows() -> None:
    usual, first = cell("usual", 4, 24, worlds=1), cell("first", 60, worlds=1)
    table = change_table(worlds(usual, first), usual, [first])
    assert set(table["verdict"]) == {"open"}
    assert table["low"].isna().all()


def test_the_committed_cells_go_on_in_the_worlds_of_the_curve() -> None:
    cells = read_cells(CELLS)
    for dataset in ("market1501", "dukemtmc"):
        (usual,) = (one for one in cells if one.name == f"{dataset}-default")
        (longer,) = (one for one in cells if goes_further(one, usual))
        assert {draw.world for draw in longer.draws} == {draw.world for draw in usual.draws}
        assert {draw.seed for draw in longer.draws} == {0}
        assert (longer.lengths, longer.configurations) == ((60,), usual.configurations)
