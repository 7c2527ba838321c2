"""Intervals over few worlds: nominal for normal values, told where values are skewed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mosaicreid.analyses.coverage.few_worlds import few_worlds_coverage, write_few_worlds
from mosaicreid.cli import main
from mosaicreid.errors import InputError


def made(values: np.ndarray) -> dict[str, pd.DataFrame]:
    """Every table with the same twelve values, one per world; of rare cues, in four cells."""
    worlds = range(len(values))
    scores = pd.DataFrame({"world": worlds, "gain": values}).assign(
        dataset="dukemtmc", cell="dukemtmc-dealt", arm="experts", configuration="all", added=0
    )
    # Neither of these counts: one has labels added, one is of a cell whose bits are not dealt.
    other = [scores.assign(added=1, gain=0.0), scores.assign(cell="dukemtmc-rare-1", gain=0.0)]
    correlations = pd.DataFrame({"world": worlds, "rho": values}).assign(
        dataset="dukemtmc", method="retrain", importance="glm"
    )
    rare = pd.DataFrame({"world": worlds, "gain": values, "cell": [f"c{n % 4}" for n in worlds]})
    return {
        "recovered_scores": pd.concat([scores, *other]),
        "recovered_worlds": correlations,
        "recovered_rare_worlds": rare.assign(dataset="dukemtmc", share=0.06),
    }


NORMAL = stats.norm.ppf((np.arange(12) + 0.5) / 12)


def test_of_normal_values_an_interval_covers_as_it_should_but_for_worlds_drawn_twice() -> None:
    table = few_worlds_coverage(made(NORMAL), replications=2000).set_index(["interval", "worlds"])
    assert set(table.index) == {("gain", 4), ("gain", 12), ("correlation", 4), ("correlation", 12), ("rare", 12)}
    assert (table["quantities"] == 1).all()
    # Four of twelve values, all 20,736 draws of them, by plain arithmetic.
    draws = np.stack(np.meshgrid(*[NORMAL] * 4), axis=-1).reshape(-1, 4)
    half = stats.t.ppf(0.975, 3) * draws.std(axis=1, ddof=1) / 2
    exact = float((np.abs(draws.mean(axis=1)) <= half + 1e-12).mean())
    for interval in ("gain", "correlation"):
        assert table.loc[(interval, 4), "covered"] == pytest.approx(exact, abs=0.02)
        assert table.loc[(interval, 12), "covered"] == pytest.approx(0.94, abs=0.02)
    assert (table["normal"] - 0.94).abs().max() < 0.03


def test_skewed_values_are_covered_less_than_normal_ones() -> None:
    table = few_worlds_coverage(made(np.exp(1.5 * NORMAL)), replications=1000).set_index(["interval", "worlds"])
    whole = table.loc[["gain", "correlation"]]
    assert (whole["covered"] < whole["normal"] - 0.1).all()
    again = few_worlds_coverage(made(np.exp(1.5 * NORMAL)), replications=1000).set_index(["interval", "worlds"])
    pd.testing.assert_frame_equal(table, again)


def test_what_is_known_in_few_worlds_is_not_drawn_from() -> None:
    with pytest.raises(InputError, match="no quantity is known in 8 worlds; expected some to draw worlds from"):
        few_worlds_coverage(made(NORMAL[:7]), replications=10)
    with pytest.raises(InputError, match="replications"):
        few_worlds_coverage(made(NORMAL), replications=9)


def test_the_command_writes_a_table_or_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        InputError, match=r"no table at .*recovered_scores\.csv; `mosaicreid recovery collect` writes it"
    ):
        write_few_worlds(tmp_path, replications=10)
    for name, table in made(NORMAL).items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    assert main(["recovery", "coverage", "--results", str(tmp_path), "--replications", "10"]) == 0
    assert "recovered_coverage.csv" in capsys.readouterr().out
    about = json.loads((tmp_path / "recovered_coverage.json").read_text())["parameters"]
    assert about == {"replications": 10, "data": {"dukemtmc": "synthetic"}}
    assert len(pd.read_csv(tmp_path / "recovered_coverage.csv")) == 5
