"""One world, drawn, trained and scored for real but quickly; resumed, refused, and its rows held together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from strength_cells import quick_cell

from mosaicreid.analyses.strength import compute
from mosaicreid.analyses.strength.cells import Draw
from mosaicreid.analyses.strength.compute import read_world, run_cells, run_world, world_path
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError

CELL = quick_cell(configurations=("all", "upcolour"), long_arms=("permuted",), worlds=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strength")
    run_cells([CELL], folder, code="abc")
    return folder


@pytest.fixture(scope="module")
def table(runs: Path) -> pd.DataFrame:
    return read_world(runs, CELL, Draw(5, 0))


def test_every_arm_is_scored_with_and_without_labels(table: pd.DataFrame) -> None:
    keys = ["arm", "configuration", "epochs", "kind", "added"]
    rows = [tuple(row) for row in table[keys].to_numpy().tolist()]
    assert len(set(rows)) == len(rows)
    assert set(rows) == {
        ("baseline", "all", 0, "none", 0),
        ("baseline", "all", 0, "true", 1),
        ("baseline", "upcolour", 0, "true", 1),
        ("baseline", "all", 0, "permuted", 1),
        *(("experts", name, 1, "true", added) for name in ("all", "upcolour") for added in (0, 1)),
        *(("permuted", "all", epochs, "permuted", added) for epochs in (1, 2) for added in (0, 1)),
        ("always_on", "all", 1, "none", 0),
        ("always_on", "all", 1, "true", 1),
    }


def test_experts_switched_off_and_labels_alone_are_scored_without_training(tmp_path: Path) -> None:
    cell = quick_cell(
        name="off",
        lengths=(1,),
        configurations=("all", "upcolour"),
        arms=("experts", "switched_off", "labels"),
        worlds=1,
        dealt=True,
        shares="bag=0.5",
        read_each=True,
        with_labels=False,
        groups=3,
    )
    run_cells([cell], tmp_path, code="abc")
    table = read_world(tmp_path, cell, Draw(5, 0))
    rows = table.set_index(["arm", "configuration", "added"])["mAP"]
    # Labels are added to the baseline once and to nothing that is trained.
    assert table["added"].sum() == 1 + (table["arm"] == "labels").sum()
    assert rows["labels", "upcolour", 1] > rows["labels", "baseline", 1] > 0
    assert rows["switched_off", "baseline", 0] != pytest.approx(rows["switched_off", "upcolour", 0], abs=1e-3)
    groups = table[["group01", "group02", "group03"]]
    assert ((groups.min(axis=1) < table["mAP"]) & (groups.max(axis=1) > table["mAP"])).all()
    trained = table[table["arm"] == "experts"]["took"]
    assert trained.min() > table[table["arm"] == "labels"]["took"].max()
    assert table["took"].sum() < table["seconds"].iloc[0]
    # Nothing is off in the configuration of all attributes.
    assert rows["switched_off", "all", 0] == pytest.approx(rows["experts", "all", 0], abs=1e-6)
    assert rows["switched_off", "upcolour", 0] != pytest.approx(rows["experts", "all", 0], abs=1e-3)
    assert rows["labels", "all", 1] > rows["labels", "upcolour", 1] > 0
    # Half the people have a bag, and their queries score otherwise than everybody's.
    assert 0 < table["people_bag"].iloc[0] < table["identities"].iloc[0]
    assert 0 < table["trained_bag"].iloc[0] < 12
    assert table["holders_bag"].between(0, 100).all()
    assert (table["holders_bag"] != table["mAP"]).any()
    unread = table[[f"unread_{name}" for name in get_schema("dukemtmc").attributes]]
    assert (unread == unread.iloc[0]).all(axis=None)
    assert unread.iloc[0].between(0, 3).all()


def test_cells_that_do_not_ask_have_no_columns_of_single_attributes(table: pd.DataFrame) -> None:
    assert [name for name in table if name.startswith(("holders_", "people_", "trained_", "unread_", "group"))] == []


def test_differences_are_those_of_the_scores(table: pd.DataFrame) -> None:
    pick = table.set_index(["arm", "configuration", "epochs", "kind", "added"]).sort_index()
    baseline = pick.loc[("baseline", "all", 0, "none", 0), "mAP"]
    np.testing.assert_allclose(table["gain"], table["mAP"] - baseline, atol=1e-6)
    for arm, name, kind in (
        ("experts", "upcolour", "true"),
        ("permuted", "all", "permuted"),
        ("always_on", "all", "true"),
    ):
        row = pick.loc[(arm, name, 1, kind, 1)]
        assert row["given_labels"] == pytest.approx(row["mAP"] - pick.loc[("baseline", name, 0, kind, 1), "mAP"])
    assert table["given_labels"].isna().tolist() == ((table["added"] == 0) | (table["arm"] == "baseline")).tolist()
    assert table["mAP"].between(1, 100).all()
    assert table["mAP"].nunique() > 8


def test_a_world_says_what_it_is(table: pd.DataFrame, runs: Path) -> None:
    assert table.columns.tolist()[:6] == ["dataset", "cell", "route", "target", "world", "seed"]
    first = table.iloc[0]
    assert (first["cell"], first["world"], first["settings"]) == ("quick", 5, CELL.fingerprint())
    assert first["code"] == "abc"
    assert first["identities"] == 12
    assert first["queries"] > 12
    assert [path.name for path in runs.iterdir()] == ["dukemtmc"]


def test_a_finished_world_is_not_made_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "run_world", lambda *_: pytest.fail("made again"))
    assert run_cells([CELL], runs, code="abc") == [world_path(runs, CELL, Draw(5, 0))]


def test_worlds_of_other_settings_are_refused_before_anything_is_made(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "run_world", lambda *_: pytest.fail("made"))
    other = quick_cell(identities=26, worlds=1)
    with pytest.raises(InputError, match=r"was made with other settings of cell quick .*: move it away"):
        run_cells([quick_cell(name="new"), other], runs, code="abc")
    with pytest.raises(InputError, match="no world 6 of cell quick at"):
        read_world(runs, CELL, Draw(6, 0))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("mAP", 101.0, "mAP in row 1 is '101.0'; expected a number of at least 0 and at most 100"),
        ("arm", "expert", "arm in row 1 is 'expert'; expected one of: baseline, experts, permuted, always_on"),
        ("gain", np.nan, "gain in row 1 is 'nan'; expected a number"),
        ("added", None, "lacks the columns added"),
    ],
)
def test_a_damaged_world_is_refused(
    table: pd.DataFrame, tmp_path: Path, column: str, value: object, message: str
) -> None:
    path = world_path(tmp_path, CELL, Draw(5, 0))
    path.parent.mkdir(parents=True)
    changed = table.drop(columns=column) if value is None else table.assign(**{column: [value, *table[column][1:]]})
    changed.to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        read_world(tmp_path, CELL, Draw(5, 0))


def test_worlds_are_shared_among_processes_and_first_worlds_come_first(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []

    def make(cell, draw, runs):
        made.append((cell.name, draw.world))
        return table.assign(settings=cell.fingerprint())

    monkeypatch.setattr(compute, "run_world", make)
    cells = [quick_cell(name="a"), quick_cell(name="b")]
    run_cells(cells, tmp_path, code="abc", part=(1, 2))
    assert made == [("b", 5), ("b", 6)]
    run_cells(cells, tmp_path, code="abc")
    assert made[2:] == [("a", 5), ("a", 6)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identities": 3}, "world 5 of cell quick cannot be made: got 3 identities"),
        ({"identities": 4, "world": "distractor_identities=0.9"}, r"cannot be made: 2 test people .* leave nobody"),
    ],
)
def test_a_world_that_cannot_be_made_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_world(quick_cell(**change), Draw(5, 0), tmp_path)
    assert list(tmp_path.iterdir()) == []
