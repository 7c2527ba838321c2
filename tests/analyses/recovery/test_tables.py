"""All tables and figures from made worlds, through the command; and what stops it before anything is written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recovery_worlds import DATASET, again_cell, dealt_cell, rare_cells, write_worlds
from scipy import stats
from strength_cells import as_toml

from mosaicreid.analyses.recovery.tables import agreement_table, losses_table
from mosaicreid.analyses.recovery.write import FIGURES
from mosaicreid.analyses.strength.compute import world_path
from mosaicreid.cli import main
from mosaicreid.errors import InputError

CELLS = [dealt_cell(), again_cell(), *rare_cells()]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("recovery")
    write_worlds(CELLS, folder / "runs")
    (folder / "cells.toml").write_text(as_toml(CELLS))
    return ["--settings", str(folder / "cells.toml"), "--runs", str(folder / "runs")]


@pytest.fixture(scope="module")
def results(given: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    assert main(["recovery", "collect", *given, "--results", str(folder)]) == 0
    return folder


def read(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / f"{name}.csv")


def test_worlds_that_are_there_are_not_made_again(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recovery", "run", *given, "--part", "1/1"]) == 0
    assert "7 worlds are in" in capsys.readouterr().out


def test_a_truth_on_a_straight_line_is_recovered_by_the_glm(results: Path) -> None:
    table = read(results, "recovered").set_index(["method", "importance"])
    assert table.loc[("ablation", "glm"), ["mean", "verdict", "worlds"]].tolist() == [1.0, "recovered", 2]
    rhos = read(results, "recovered_worlds").set_index(["method", "importance", "world"])["rho"].sort_index()
    assert table.loc[("retrain", "glm"), "mean"] == pytest.approx(rhos.xs(("retrain", "glm")).mean())
    losses = read(results, "recovered_losses").set_index(["importance", "loss"])
    steps = read(results, "recovered_steps").set_index("importance")
    assert losses.loc[("welch", "design"), "mean"] == pytest.approx(steps.loc["welch", "design"].mean())
    assert set(read(results, "recovered_switched")["verdict"]) <= {"as good", "open"}
    assert set(read(results, "recovered_rare_answers")["dataset"]) == {DATASET}


def test_scores_and_truths_are_those_of_every_world(results: Path) -> None:
    scores = read(results, "recovered_scores")
    assert scores.groupby(["cell", "world", "seed"]).ngroups == 7
    truth = read(results, "recovered_truth").set_index(["cell", "world", "attribute"])["knowledge_gain_bits"]
    experts = scores[(scores["cell"] == "dealt") & (scores["arm"] == "experts") & (scores["world"] == 301)]
    gain = experts.set_index("configuration")["gain"]
    assert gain["hat"] == pytest.approx(3 * truth["dealt", 301, "hat"], abs=0.3)
    assert len(truth) == 10 * (2 + 1 + 4)


def test_every_table_says_that_its_data_were_drawn(results: Path) -> None:
    names = {path.name for path in results.rglob("*.*")}
    assert {f"{name}.svg" for name in FIGURES} <= names
    for path in results.glob("*.json"):
        assert f'"{DATASET}": "synthetic"' in path.read_text(), path
    assert len(list(results.glob("*.csv"))) == len(list(results.glob("*.json"))) == 14


def test_means_of_correlations_are_by_world() -> None:
    rhos = pd.DataFrame(
        {
            "dataset": "d", "method": "retrain", "importance": "glm", "world": [1, 2, 3],
            "rho": [0.5, 0.7, 0.6], "rho_entropy": [0.1, 0.2, 0.6], "rho_halves": [0.2, 0.3, np.nan],
            "pearson": [0.6, 0.8, 0.7], "rho_unread": [0.4, np.nan, 0.8],
        }
    )  # fmt: skip
    row = agreement_table(rhos).iloc[0]
    low, high = stats.t.interval(0.95, 2, loc=0.6, scale=0.1 / np.sqrt(3))
    assert row[["mean", "low", "high", "worlds"]].tolist() == pytest.approx([0.6, low, high, 3])
    assert row["verdict"] == "not recovered"
    assert row["entropy_mean"] == pytest.approx(0.3)
    assert row[["pearson_mean", "unread_mean"]].tolist() == pytest.approx([0.7, 0.6])
    assert np.isnan(agreement_table(rhos.assign(rho_unread=np.nan))["unread_mean"].iloc[0])
    assert row["halves_mean"] == pytest.approx(0.25)
    steps = pd.DataFrame(
        {
            "dataset": "d", "importance": "glm", "design": 0.0, "saturation": [0.1, 0.12, 0.11],
            "noise": [0.3, 0.31, 0.29], "rest": [-0.5, 0.5, 0.0],
        }
    )  # fmt: skip
    assert set(losses_table(steps, agreement_table(rhos))["reason"]) == {"noise"}
    with pytest.raises(InputError, match="glm of retrain in d is known in 1 world"):
        agreement_table(rhos.head(1))


def damaged(tmp_path: Path, change) -> tuple[int, Path]:
    """Collects worlds of which one file was changed; the status, and the folder that must not be there."""
    write_worlds(CELLS, tmp_path / "runs")
    (tmp_path / "cells.toml").write_text(as_toml(CELLS))
    change(tmp_path / "runs")
    arguments = ["--settings", str(tmp_path / "cells.toml"), "--runs", str(tmp_path / "runs")]
    return main(["recovery", "collect", *arguments, "--results", str(tmp_path / "results")]), tmp_path / "results"


def edit(runs: Path, cell: int, change) -> None:
    path = world_path(runs, CELLS[cell], CELLS[cell].draws[0])
    change(pd.read_csv(path)).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda runs: world_path(runs, CELLS[1], CELLS[1].draws[0]).unlink(),
            "cell again has no world in",
        ),
        (
            lambda runs: world_path(runs, CELLS[0], CELLS[0].draws[0]).unlink(),
            "no world of dukemtmc was trained twice",
        ),
        (
            lambda runs: world_path(runs, CELLS[0], CELLS[0].draws[1]).unlink(),
            "is known in 1 world; expected at least 2",
        ),
        (
            lambda runs: edit(runs, 0, lambda table: table.assign(mAP=50.0)),
            "world 300 of cell dealt: every configuration of experts scores 50 mAP; nothing can be ranked",
        ),
        (
            lambda runs: edit(runs, 0, lambda table: table[table["configuration"] != "hat"]),
            "world 300 of cell dealt has no row of experts with hat",
        ),
        (
            lambda runs: edit(runs, 2, lambda table: table[table["configuration"] != "bag"]),
            "world 400 of cell rare-0 has no row of experts, or of labels added, with bag",
        ),
        (
            lambda runs: edit(runs, 0, lambda table: table.assign(settings="other")),
            "was made with other settings of cell dealt",
        ),
    ],
)
def test_what_cannot_be_collected_is_one_line_and_nothing_is_written(
    change, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, results = damaged(tmp_path, change)
    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("mosaicreid: error: ")
    assert message in said
    assert said.count("\n") == 1
    assert not results.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["collect", "--settings", "nowhere.toml"], "no settings of cells at nowhere.toml"),
        (["run", "--cells", "nobody"], "unknown cell 'nobody'"),
    ],
)
def test_bad_commands_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recovery", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
