"""Estimands, cells and matched labels from made worlds, each against plain arithmetic; then files and figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from strength_cells import as_toml, quick_cell

from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.analyses.strength.compute import world_path
from mosaicreid.analyses.strength.decision import BASELINES
from mosaicreid.analyses.strength.tables import (
    cell_table,
    curve_tables,
    estimands,
    main_rows,
    matched_at_baselines,
    matched_table,
    pool_worlds,
)
from mosaicreid.cli import main
from mosaicreid.errors import InputError

TARGETS = (20, 40, 60, 75, 92)


def scored(cell: Cell, seed: int, mAP: dict[tuple, float], **more: object) -> pd.DataFrame:
    """A world's table from its mAP by arm, configuration, epochs, of what kind they are, and whether added."""
    base = mAP["baseline", "all", 0, "none", 0]
    rows = []
    for (arm, configuration, epochs, kind, added), value in mAP.items():
        labels = mAP.get(("baseline", configuration, 0, kind, 1))
        rows.append(
            {
                "dataset": cell.dataset, "cell": cell.name, "route": cell.route, "target": cell.target,
                "world": seed, "seed": 0, "settings": cell.fingerprint(), "code": "abc",
                "arm": arm, "configuration": configuration,
                "epochs": epochs, "kind": kind,
                "target_share": np.nan, "level": np.nan, "added": added, "mAP": value, "rank1": value,
                "gain": value - base, "gain_se": 0.1,
                "given_labels": value - labels if labels is not None and added and arm != "baseline" else np.nan,
                "given_labels_se": 0.1, "read": 0.25, "identities": 12, "queries": 40, "seconds": 9.0,
            } | more
        )  # fmt: skip
    return pd.DataFrame(rows)


def world(cell: Cell, seed: int) -> pd.DataFrame:
    noise = np.random.default_rng([seed, round(cell.target), cell.route == "identity"]).normal(0, 0.3, 4)
    base = cell.target + noise[0]
    rest = 100 - base
    labels = 0.6 + 0.02 * noise[3]
    mAP = {
        ("baseline", "all", 0, "none", 0): base,
        ("baseline", "all", 0, "true", 1): base + labels * rest,
        ("baseline", "all", 0, "permuted", 1): base + 0.9 * rest,
        ("baseline", "hat", 0, "true", 1): base + 0.1 * rest,
        ("experts", "all", 4, "true", 0): base + (0.5 + 0.02 * noise[2]) * rest,
        ("experts", "all", 4, "true", 1): base + (labels + 0.02 * noise[1] + 0.01) * rest,
        ("experts", "hat", 4, "true", 0): base + 0.05 * rest,
        ("experts", "hat", 4, "true", 1): base + 0.1 * rest,
        ("experts", "all", 8, "true", 0): base + 0.55 * rest,
        ("experts", "all", 8, "true", 1): base + labels * rest,
        ("permuted", "all", 4, "permuted", 0): base + 0.3 * rest,
        ("permuted", "all", 4, "permuted", 1): base + 0.91 * rest,
        ("always_on", "all", 4, "none", 0): base + 0.1,
        ("always_on", "all", 4, "true", 1): base + labels * rest + 0.2,
    }
    table = scored(cell, seed, mAP)
    worse = {
        ("experts", "all", 4, "coarsened", 0): base + 0.2 * rest,
        ("baseline", "all", 0, "coarsened", 1): base + 0.3 * rest,
        ("experts", "all", 4, "coarsened", 1): base + 0.35 * rest,
    }
    matched = scored(cell, seed, {("baseline", "all", 0, "none", 0): base} | worse, target_share=0.18, level=3.0)
    return pd.concat([table, matched[matched["kind"] == "coarsened"].assign(epochs=4)], ignore_index=True)


def cells() -> list[Cell]:
    designed = [
        quick_cell(name=f"{dataset}-{route}-{target}", dataset=dataset, route=route, target=float(target), worlds=3)
        for dataset in ("market1501", "dukemtmc")
        for route in ("identity", "attributes")
        for target in TARGETS
    ]
    return [*designed, _usual()]


def _usual() -> Cell:
    return quick_cell(
        name="usual", route="default", target=85.0, first_world=50, worlds=2, configurations=("all", "hat")
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strength")
    for cell in cells():
        for draw in cell.draws:
            path = world_path(folder, cell, draw)
            path.parent.mkdir(parents=True, exist_ok=True)
            world(cell, draw.world).assign(seed=draw.seed).to_csv(path, index=False)
    return folder


@pytest.fixture(scope="module")
def pooled(runs: Path) -> pd.DataFrame:
    return pool_worlds(cells(), runs)


def test_estimands_are_differences_and_shares_by_hand(pooled: pd.DataFrame) -> None:
    table = estimands(pooled)
    assert len(table) == sum(cell.worlds for cell in cells()) * 3
    row = table.set_index(["cell", "world", "configuration", "epochs"]).loc[("usual", 50, "all", 4)]
    rest = 100 - row["baseline"]
    noise = np.random.default_rng([50, 85, False]).normal(0, 0.3, 4)
    assert row["baseline"] == pytest.approx(85 + noise[0])
    assert row["gain"] == pytest.approx((0.5 + 0.02 * noise[2]) * rest)
    assert row["L"] == pytest.approx((0.6 + 0.02 * noise[3]) * rest)
    assert row["E"] == pytest.approx((0.02 * noise[1] + 0.01) * rest) == pytest.approx(row["both"] - row["L"])
    assert row[["share_gain", "share_L"]].tolist() == pytest.approx([0.5 + 0.02 * noise[2], 0.6 + 0.02 * noise[3]])
    assert row["share_E"] == pytest.approx(row["E"] / rest)
    assert row[["permuted_gain", "permuted_L", "permuted_E"]].tolist() == pytest.approx(
        [0.3 * rest, 0.9 * rest, 0.01 * rest]
    )
    assert row[["always_on_gain", "always_on_E"]].tolist() == pytest.approx([0.1, 0.2])
    hat = table.set_index(["cell", "world", "configuration", "epochs"]).loc[("usual", 50, "hat", 4)]
    assert hat[["gain", "L", "E"]].tolist() == pytest.approx([0.05 * rest, 0.1 * rest, 0.0])
    assert np.isnan(hat["permuted_gain"])
    assert table.groupby("epochs")["main"].unique().map(list).to_dict() == {4: [1], 8: [0]}


def test_a_world_with_its_baseline_alone_has_a_row(pooled: pd.DataFrame) -> None:
    alone = pooled[(pooled["arm"] == "baseline") & pooled["target_share"].isna()]
    table = estimands(alone[(alone["cell"] == "usual") & (alone["configuration"] == "all")])
    assert table[["epochs", "main"]].to_numpy().tolist() == [[0, 1]] * 2
    assert table["L"].notna().all()
    assert table["gain"].isna().all()


def test_cells_are_means_over_worlds(pooled: pd.DataFrame) -> None:
    values = estimands(pooled)
    table = cell_table(values)
    row = table[(table["cell"] == "market1501-identity-75") & (table["quantity"] == "E")]
    row = row[(row["configuration"] == "all") & (row["epochs"] == 4)].iloc[0]
    some = values[(values["cell"] == "market1501-identity-75") & (values["configuration"] == "all")]
    e = some[some["epochs"] == 4]["E"].to_numpy()
    half = stats.t.ppf(0.975, 2) * e.std(ddof=1) / np.sqrt(3)
    assert row[["mean", "sd", "low", "high", "worlds"]].tolist() == pytest.approx(
        [e.mean(), e.std(ddof=1), e.mean() - half, e.mean() + half, 3]
    )
    # The default worlds compare lengths of training, in tables of their own.
    assert "usual" in set(values["cell"])
    assert set(table["route"]) == {"identity", "attributes"}
    one = cell_table(values[values["world"] == 5])
    assert one["low"].isna().all()
    assert one["mean"].notna().all()


def test_a_world_counts_once_whatever_its_seeds(pooled: pd.DataFrame) -> None:
    values = estimands(pooled)
    twice = pd.concat([values, values.assign(seed=1, E=values["E"] + 0.2)], ignore_index=True)
    for name, shift in (("E", 0.1), ("L", 0.0)):
        once, both = (
            table[table["quantity"] == name].reset_index(drop=True) for table in (cell_table(values), cell_table(twice))
        )
        assert both["mean"].tolist() == pytest.approx((once["mean"] + shift).tolist())
        assert both["worlds"].tolist() == once["worlds"].tolist()
        assert (main_rows(twice)[name] - main_rows(values)[name]).tolist() == pytest.approx([shift] * 60)


def test_labels_that_were_made_worse(pooled: pd.DataFrame) -> None:
    table = matched_table(pooled)
    row = table[table["cell"] == "usual"].set_index("quantity")
    rest = estimands(pooled).query("cell == 'usual' and configuration == 'all' and epochs == 4")["baseline"].rsub(100)
    assert row.loc["share", "mean"] == pytest.approx(0.2)
    assert row.loc["L", "mean"] == pytest.approx(0.3 * rest.mean())
    assert row.loc["E", "mean"] == pytest.approx(0.05 * rest.mean())
    assert row.loc["level", ["mean", "worlds"]].tolist() == [3, 2]
    assert matched_table(pooled[pooled["target_share"].isna()]).empty
    assert matched_at_baselines(pooled[pooled["target_share"].isna()]).empty


def test_worse_labels_at_the_papers_baselines_lie_on_a_line_between_two_cells(pooled: pd.DataFrame) -> None:
    table = matched_at_baselines(pooled).set_index(["route", "at", "quantity"])
    assert set(table.index.get_level_values("at")) == {82.6, 89.6}
    assert set(table.index.get_level_values("route")) == {"identity", "attributes"}
    # In every made world E is 0.05 and the oracle's gain 0.2 of what its baseline leaves to 100: straight lines.
    for at in (82.6, 89.6):
        for route in ("identity", "attributes"):
            assert table.loc[(route, at, "E"), ["mean", "low", "high"]].tolist() == pytest.approx(
                [0.05 * (100 - at)] * 3
            )
            assert table.loc[(route, at, "L"), "mean"] == pytest.approx(0.3 * (100 - at))
            # Three worlds of each dataset, which bear the same numbers.
            assert table.loc[(route, at, "E"), "worlds"] == 6
    strongest = pooled[pooled["target"] == max(TARGETS)]
    assert matched_at_baselines(strongest).empty


def test_curves_hold_the_worlds_and_the_rule_is_applied(written: Path) -> None:
    curves, decision = (pd.read_csv(written / "results" / f"strength_{name}.csv") for name in ("curves", "decision"))
    gain = curves[curves["quantity"] == "share_gain"]
    assert gain["estimate"].tolist() == pytest.approx([0.5] * len(gain), abs=0.02)
    assert ((gain["low"] < 0.5) & (gain["high"] > 0.5)).all()
    at = curves[(curves["quantity"] == "L") & (curves["baseline"] == 82.6)]
    assert at["estimate"].tolist() == pytest.approx([0.6 * 17.4] * 2, abs=0.2)
    assert len(decision) == 2 * len(BASELINES)
    assert decision["margin"].tolist() == pytest.approx([0.05 * (100 - at) for at in decision["baseline"]], abs=0.02)
    assert set(decision["worlds"]) == {6}
    assert set(decision["overall"]) == {"labels suffice"}
    true = pd.read_csv(written / "results" / "strength_true.csv")
    own, permuted = (
        curves[(curves["quantity"] == name) & curves["baseline"].isin(BASELINES)] for name in ("gain", "permuted_gain")
    )
    half = own["estimate"].to_numpy() / 2 - permuted["estimate"].to_numpy()
    assert true["H"].tolist() == pytest.approx(half.tolist(), abs=0.02)


def test_equal_scores_and_a_cell_without_worlds_are_named(pooled: pd.DataFrame, runs: Path) -> None:
    with pytest.raises(InputError, match=r"E is 0 in every world; there is nothing to fit"):
        curve_tables(estimands(pooled).assign(E=0.0))
    with pytest.raises(InputError, match=r"cell new has no world in .*; expected 2: `mosaicreid strength run`"):
        pool_worlds([quick_cell(name="new")], runs)
    some = estimands(pooled)
    with pytest.raises(InputError, match="got 1 world; expected at least 2"):
        curve_tables(some[(some["world"] == 5) & (some["dataset"] == "dukemtmc")])


@pytest.fixture(scope="module")
def written(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``cells.toml`` and the results of ``strength collect``."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "cells.toml").write_text(as_toml(cells()))
    given = ["--settings", str(folder / "cells.toml"), "--runs", str(runs), "--results", str(folder / "results")]
    assert main(["strength", "collect", *given]) == 0
    return folder


def test_tables_and_figures_are_written(written: Path) -> None:
    names = {path.name for path in (written / "results").rglob("*.*")}
    tables = {
        f"strength_{name}.csv"
        for name in ("scores", "worlds", "cells", "matched", "matched_at", "curves", "decision", "true", "sensitivity")
    }
    figures = {"strength.svg", "strength_small.svg"}
    assert names == tables | figures | {name.replace(".csv", ".json") for name in tables}
    assert len(pd.read_csv(written / "results" / "strength_scores.csv")) == 17 * sum(cell.worlds for cell in cells())


def test_pilots_are_a_table_with_what_they_were_made_with(
    runs: Path, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--settings", str(written / "cells.toml"), "--runs", str(runs)]
    # A run whose worlds are all there trains nothing.
    assert main(["strength", "run", *given, "--part", "1/2"]) == 0
    assert "31 worlds are in" in capsys.readouterr().out
    assert main(["strength", "pilots", *given, "--results", str(tmp_path)]) == 0
    pilots = pd.read_csv(tmp_path / "strength_pilots.csv")
    assert {"options", "settings", "identities", "baseline", "E"} <= set(pilots)
    assert set(pilots["options"]) == {quick_cell().world}
    assert "62 worlds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["collect", "--cells", "nobody"], "unknown cell 'nobody'"),
        (["collect", "--settings", "nowhere.toml"], "no settings of cells at nowhere.toml"),
        (["run", "--cells", "nobody"], "unknown cell 'nobody'"),
    ],
)
def test_bad_commands_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strength", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("mosaicreid: error: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_part_of_the_worlds_is_k_of_n(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("0/2", "3/2", "1", "a/b"):
        with pytest.raises(SystemExit):
            main(["strength", "run", "--part", text])
        assert f"'{text}' is not a part; expected K/N" in capsys.readouterr().err
