"""What options do, from made worlds against plain arithmetic; then a real one, and the committed cells."""

from pathlib import Path

import pandas as pd
import pytest
from strength_cells import as_toml, quick_cell

from mosaicreid.analyses.hardness.tables import option_tables
from mosaicreid.analyses.hardness.write import CELLS
from mosaicreid.analyses.recovery.worlds import CELLS as RECOVERED
from mosaicreid.analyses.strength.cells import CELLS as REPORTED
from mosaicreid.analyses.strength.cells import PILOTS, Cell, read_cells
from mosaicreid.cli import main
from mosaicreid.errors import InputError


def cell(name: str, world: str = "", **changes: object) -> Cell:
    return quick_cell(name=name, route="default", arms=(), read_each=True, world=world, **changes)


USUAL, HIDDEN = cell("usual"), cell("hidden", "legibility=0.25")


def worlds(*cells: Cell) -> pd.DataFrame:
    rows = []
    for one in cells:
        for draw in one.draws:
            start = {"dataset": one.dataset, "cell": one.name, "world": draw.world, "seed": draw.seed}
            known = 10.0 * draw.world if one.name == "usual" else 10.0 * draw.world - 3 - draw.world
            read = {"read": 0.5, "unread_hat": known / 100, "unread_bag": 0.25}
            rows.append(start | read | {"arm": "baseline", "added": 0, "mAP": known})
            # What is not of the baseline alone counts for nothing.
            rows.append(start | read | {"arm": "baseline", "added": 1, "mAP": 99.0, "read": 0.0})
    return pd.DataFrame(rows)


def test_changes_are_from_the_usual_world_of_the_same_seed() -> None:
    tables = option_tables(worlds(HIDDEN, USUAL), [HIDDEN, USUAL])
    hidden, usual = tables["hardness"].to_dict("records")
    assert (hidden["option"], hidden["value"], hidden["before"]) == ("legibility", "0.25", "0.82")
    assert (usual["option"], usual["value"], usual["before"]) == ("usual", "", "")
    # Worlds 5 and 6: 50 and 60 usually, 42 and 51 where more is hidden.
    assert [usual["baseline"], usual["change"], usual["read"]] == pytest.approx([55, 0, 0.5])
    assert [hidden["baseline"], hidden["change"], hidden["read_change"]] == pytest.approx([46.5, -8.5, 0])
    assert (hidden["worlds"], usual["worlds"]) == (2, 2)
    attributes = tables["hardness_attributes"].set_index(["option", "attribute"])
    assert attributes.loc[("legibility", "hat"), ["unread", "change"]].tolist() == pytest.approx([0.465, -0.085])
    assert attributes.loc[("legibility", "bag"), ["unread", "change"]].tolist() == pytest.approx([0.25, 0])


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([HIDDEN], "0 cells have the options of dukemtmc's own world; expected one to compare with"),
        ([USUAL, cell("again")], "2 cells have the options of dukemtmc's own world"),
        (
            [USUAL, cell("two", "legibility=0 marks=4")],
            "cell two differs from dukemtmc's own world in legibility, marks",
        ),
        (
            [USUAL, cell("few", "marks=4", identities=12)],
            "cell few differs from usual in identities; expected in one option",
        ),
        ([USUAL, cell("later", "marks=4", first_world=6)], "cell later differs from usual in first_world"),
    ],
)
def test_cells_that_compare_nothing_are_named(cells: list[Cell], said: str) -> None:
    with pytest.raises(InputError, match=said):
        option_tables(worlds(*cells), cells)


def test_only_worlds_that_both_have_are_compared() -> None:
    given = worlds(HIDDEN, USUAL)
    later = (given["cell"] == "usual") & (given["world"] == USUAL.first_world)
    table = option_tables(given[~later], [HIDDEN, USUAL])["hardness"].set_index("option")
    # World 6 alone: 60 usually, 51 where more is hidden.
    assert table.loc["legibility", ["baseline", "change", "worlds"]].tolist() == pytest.approx([51, -9, 1])
    apart = given[(given["cell"] == "hidden") == (given["world"] == USUAL.first_world)]
    with pytest.raises(InputError, match="cells hidden and usual have no world in common yet; expected one"):
        option_tables(apart, [HIDDEN, USUAL])


def test_an_option_of_two_numbers_is_told_as_it_is() -> None:
    several = cell("several", "images_per_camera=[2,3]")
    table = option_tables(worlds(several, USUAL), [several, USUAL])["hardness"].set_index("option")
    assert table.loc["images_per_camera", ["value", "before"]].tolist() == ["(2, 3)", "(1, 2)"]


def test_worlds_in_which_nothing_was_read_are_named() -> None:
    with pytest.raises(
        InputError, match="no bits unread of attributes in the worlds of cell usual; expected read_each"
    ):
        option_tables(worlds(USUAL).drop(columns=["unread_hat", "unread_bag"]), [USUAL])


def test_worlds_are_drawn_and_collected_by_two_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, runs, results = tmp_path / "cells.toml", tmp_path / "runs", tmp_path / "results"
    settings.write_text(as_toml([cell("usual", worlds=1), cell("marks", "marks=4", worlds=1)]))
    given = ["--settings", str(settings), "--runs", str(runs)]
    assert main(["hardness", "collect", *given, "--results", str(results)]) == 2
    said = capsys.readouterr().err
    assert "cell usual has no world in" in said
    assert "`mosaicreid hardness run` makes them" in said
    assert not results.exists()
    assert main(["hardness", "run", *given]) == 0
    assert main(["hardness", "collect", *given, "--results", str(results)]) == 0
    table = pd.read_csv(results / "hardness.csv").set_index("option")
    assert table["worlds"].tolist() == [1, 1]
    assert table.loc["marks", "change"] == pytest.approx(
        table.loc["marks", "baseline"] - table.loc["usual", "baseline"]
    )
    assert len(pd.read_csv(results / "hardness_attributes.csv")) == 2 * 10


def test_the_committed_cells_are_apart_from_every_other_world() -> None:
    cells = read_cells(CELLS)
    used = {draw.world for path in (REPORTED, PILOTS, RECOVERED) for one in read_cells(path) for draw in one.draws}
    assert used.isdisjoint(draw.world for one in cells for draw in one.draws)
    made = pd.concat([worlds(one).assign(cell=one.name) for one in cells])
    table = option_tables(made, cells)["hardness"]
    assert set(table["option"]) == {
        *("usual", "legibility", "nuisance", "private_cues", "marks", "distractor_identities")
    }  # fmt: skip
