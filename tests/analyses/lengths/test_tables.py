"""Gains over the length of training from made worlds, each against plain arithmetic; then files and figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from strength_cells import quick_cell

from mosaicreid.analyses.lengths.tables import compares_lengths, length_tables
from mosaicreid.analyses.lengths.write import write_lengths
from mosaicreid.analyses.strength.cells import CELLS, Cell, read_cells
from mosaicreid.errors import InputError

# Gain by configuration and epochs, in points, in every world but for its noise; and what its labels bring.
GAINS = {("all", 4): 5.0, ("all", 24): 10.0, ("hat", 4): 1.0, ("hat", 24): 1.0, ("bag", 4): 0.2, ("bag", 24): 3.0}
LABELS = {"all": 10.0, "hat": 1.5, "bag": 4.0}


def usual(**changes: object) -> Cell:
    values: dict[str, object] = {
        "name": "usual", "route": "default", "lengths": (4, 24), "worlds": 4, "seeds": 2,
        "configurations": ("all", "hat", "bag"), "long_arms": ("experts", "permuted"),
    }  # fmt: skip
    return quick_cell(**(values | changes))


def worlds(cell: Cell) -> pd.DataFrame:
    rows = []
    for draw in cell.draws:
        noise = np.random.default_rng([draw.world, draw.seed])
        for (configuration, epochs), gain in GAINS.items():
            every = configuration == "all"
            rows.append(
                {
                    "dataset": cell.dataset, "cell": cell.name, "world": draw.world, "seed": draw.seed,
                    "configuration": configuration, "epochs": epochs, "baseline": 85.0,
                    "gain": gain + noise.normal(0, 0.1),
                    "L": LABELS[configuration], "both": LABELS[configuration] + 0.3, "E": 0.3 + noise.normal(0, 0.1),
                    "permuted_gain": gain * epochs / 20 if every else np.nan,
                    "permuted_L": 12.0 + noise.normal(0, 0.1) if every else np.nan,
                    "H": gain / 2 - gain * epochs / 20 if every else np.nan, "share_gain": gain / 15,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_means_over_worlds_of_means_over_trainings() -> None:
    cell = usual()
    given = worlds(cell)
    table = length_tables(given, [cell])["lengths"]
    row = table[(table["configuration"] == "bag") & (table["epochs"] == 24)].set_index("quantity")
    own = given[(given["configuration"] == "bag") & (given["epochs"] == 24)]
    means = own.groupby("world")["gain"].mean()
    half = stats.t.ppf(0.975, 3) * means.std() / 2
    expected = [means.mean(), means.mean() - half, means.mean() + half, 4]
    assert row.loc["gain", ["mean", "low", "high", "worlds"]].tolist() == pytest.approx(expected)
    assert row.loc["reached", "mean"] == pytest.approx(means.mean() / 4)
    assert row.loc[["E", "both", "share_gain"], "mean"].tolist() == pytest.approx([own["E"].mean(), 4.3, 0.2])
    every = table[(table["configuration"] == "all") & (table["epochs"] == 24)].set_index("quantity")["mean"]
    whole = given[(given["configuration"] == "all") & (given["epochs"] == 24)]
    assert every[["permuted_L", "permuted_gain", "H"]].tolist() == pytest.approx(
        [whole["permuted_L"].mean(), 12.0, -7.0]
    )
    assert "permuted_gain" not in row.index
    # Whatever length is trained first, a table goes from short to long.
    turned = length_tables(given.sort_values("epochs", ascending=False), [cell])["lengths"]
    assert turned.loc[turned["quantity"] == "gain", "epochs"].tolist() == [4, 4, 4, 24, 24, 24]


def test_the_rules_are_applied() -> None:
    cell = usual()
    given = worlds(cell)
    tables = length_tables(given, [cell])
    decision = tables["lengths_decision"].set_index("question")
    assert decision["verdict"].to_dict() == {
        "end": "at what labels bring",
        "growth": "grows",
        "labels_short": "true ones bring more",
        "labels_long": "another's bring more",
        "most_short": "true labels needed",
        "most_long": "any labels do",
        "labels_alone": "another's bring more",
        "order": "depends",
    }
    every = given[given["configuration"] == "all"]
    gain = {epochs: part.groupby("world")["gain"].mean() for epochs, part in every.groupby("epochs")}
    assert decision.loc["growth", "estimate"] == pytest.approx((gain[24] - gain[4]).mean())
    assert decision.loc["labels_short", "estimate"] == pytest.approx(1.0 - gain[4].mean())
    assert decision.loc["labels_long", "estimate"] == pytest.approx(12.0 - gain[24].mean())
    assert decision.loc["end", "estimate"] == pytest.approx(gain[24].mean() / 10)
    assert decision.loc[["most_short", "most_long"], "estimate"].tolist() == pytest.approx([1.5, -7.0])
    alone = every[every["epochs"] == 24]["permuted_L"].mean() - 10
    assert decision.loc["labels_alone", "estimate"] == pytest.approx(alone)
    assert set(decision["worlds"]) == {4}
    assert set(decision["trainings"]) == {8}
    (pair,) = tables["lengths_pairs"].to_dict("records")
    assert (pair["first"], pair["second"], pair["verdict"]) == ("hat", "bag", "turns round")
    assert pair["short"] == pytest.approx(0.8, abs=0.2)
    assert pair["long"] == pytest.approx(-2.0, abs=0.2)
    assert pair["short_low"] < pair["short"] < pair["short_high"]


def test_a_training_that_is_missing_leaves_everything_unfinished() -> None:
    cell = usual()
    given = worlds(cell)
    last = (given["world"] == cell.draws[-1].world) & (given["seed"] == 1)
    tables = length_tables(given[~last], [cell])
    assert set(tables["lengths_decision"]["verdict"]) == {"unfinished"}
    assert set(tables["lengths_pairs"]["verdict"]) == {"unfinished"}


def test_one_world_has_no_interval_and_no_verdict() -> None:
    cell = usual(worlds=1, configurations=("all", "hat"))
    given = worlds(cell)
    tables = length_tables(given[given["configuration"] != "bag"], [cell])
    assert tables["lengths"]["low"].isna().all()
    assert set(tables["lengths_decision"]["verdict"]) == {"open"}
    assert tables["lengths_pairs"].empty


@pytest.mark.parametrize(
    "changes",
    [{"route": "identity"}, {"lengths": (4,)}, {"long_arms": ("experts",)}, {"arms": ("experts",)}, {"arms": ()}],
)
def test_cells_that_compare_nothing(changes: dict[str, object]) -> None:
    cell = usual(**changes)
    assert not compares_lengths(cell)
    with pytest.raises(InputError, match="no cell compares lengths of training; expected one on the route default"):
        length_tables(worlds(usual()), [cell])


def test_a_cell_without_a_world_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cell other has no world in the table; `mosaicreid strength collect`"):
        length_tables(worlds(usual()), [usual(name="other")])
    with pytest.raises(InputError, match="no result table at "):
        write_lengths(tmp_path, [usual()])
    assert list(tmp_path.iterdir()) == []


def test_tables_and_figures_are_written(tmp_path: Path) -> None:
    cell = usual()
    worlds(cell).to_csv(tmp_path / "strength_worlds.csv", index=False)
    written = write_lengths(tmp_path, [usual(name="else", route="identity"), cell])
    figures = {"lengths.svg", "lengths_small.svg", "lengths_attributes.svg"}
    assert {path.name for path in written} == {"lengths.csv", "lengths_pairs.csv", "lengths_decision.csv"} | figures
    assert all(path.stat().st_size > 0 for path in written)


def test_where_no_single_attribute_was_trained_there_is_no_figure_of_any(tmp_path: Path) -> None:
    cell = usual(configurations=("all",))
    given = worlds(cell)
    given[given["configuration"] == "all"].to_csv(tmp_path / "strength_worlds.csv", index=False)
    written = {path.name for path in write_lengths(tmp_path, [cell])}
    assert {"lengths.svg", "lengths_small.svg"} <= written
    assert "lengths_attributes.svg" not in written


def test_two_cells_of_a_dataset_are_refused(tmp_path: Path) -> None:
    cell = usual()
    worlds(cell).to_csv(tmp_path / "strength_worlds.csv", index=False)
    with pytest.raises(InputError, match="two cells of dukemtmc compare lengths; expected one"):
        write_lengths(tmp_path, [cell, usual(name="other")])
    assert [path.name for path in tmp_path.iterdir()] == ["strength_worlds.csv"]


def test_the_committed_default_cells_compare_lengths() -> None:
    found = [cell for cell in read_cells(CELLS) if compares_lengths(cell)]
    assert [cell.name for cell in found] == ["market1501-default", "dukemtmc-default"]
    assert all(cell.worlds >= 4 and cell.seeds == 3 and cell.lengths[0] == 4 for cell in found)
