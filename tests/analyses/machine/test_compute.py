"""Comparing a sweep with the committed one: pairs by run and seed, and a verdict by the rule that is stated."""

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.machine.compute import DIFFERENT, ROUNDING, SAME, compare_runs, describe_machine, summarise
from mosaicreid.analyses.machine.write import read_runs
from mosaicreid.errors import InputError

NAMES = ("all", "hat", "age")


def committed(seeds: tuple[int, ...] = (0, 1, 2)) -> pd.DataFrame:
    """Three runs whose mAP over seeds has a standard deviation of exactly one point (with three seeds)."""
    rows = [
        {"dataset": "dukemtmc", "configuration": name, "variant": "", "seed": seed, "mAP": 40.0 + seed, "rank1": 60.0}
        for name in NAMES
        for seed in seeds
    ]
    rows.append({**rows[0], "variant": "rank=8", "mAP": 50.0})
    return pd.DataFrame(rows)


def verdict(shift: float | np.ndarray, known: pd.DataFrame | None = None) -> pd.Series:
    known = committed() if known is None else known
    own = known[known["seed"] == 0].copy()
    own["mAP"] += shift
    return summarise(compare_runs(own, known), known).iloc[0]


def test_runs_are_paired_by_configuration_variant_and_seed() -> None:
    own = committed().sample(frac=1, random_state=0).query("seed == 0").replace({"variant": {"": np.nan}})
    own.loc[own["configuration"] == "hat", "mAP"] = 41.25
    table = compare_runs(own, committed()).set_index("run")
    assert set(table.index) == {*NAMES, "all@rank=8"}
    assert table["difference"].to_dict() == {"all": 0.0, "hat": 1.25, "age": 0.0, "all@rank=8": 0.0}


def test_the_verdict_follows_the_spread_over_seeds() -> None:
    assert verdict(0.0)["verdict"] == SAME
    assert verdict(1e-9)["verdict"] == ROUNDING
    row = verdict(np.array([1.0, -1.0, 1.0, -1.0]))
    assert (row["seed_sd"], row["root_mean_square"], row["verdict"]) == (pytest.approx(1), pytest.approx(1), ROUNDING)
    assert (row["equal"], row["runs"], row["mean_difference"]) == (0, 4, 0)
    assert verdict(1.41)["verdict"] == ROUNDING
    assert verdict(1.42)["verdict"] == DIFFERENT


def test_one_committed_seed_tells_equality_alone() -> None:
    known = committed((0,))
    assert verdict(0.0, known)["verdict"] == SAME
    assert verdict(0.01, known)["verdict"] == DIFFERENT
    assert np.isnan(verdict(0.01, known)["seed_sd"])


def test_sweeps_without_a_common_run_are_refused() -> None:
    with pytest.raises(InputError, match="no run of this sweep is among the committed ones"):
        compare_runs(committed((7,)).query("seed == 7"), committed())


def test_what_is_not_known_of_a_machine_is_left_out() -> None:
    table = describe_machine({"python": "3.12.1", "packages": {"torch": "2.6"}, "device": "1 x cpu"}, 12.34)
    assert table.set_index("item")["value"].to_dict() == {
        "Python": "3.12.1",
        "torch": "2.6",
        "device": "1 x cpu",
        "process time of all runs, minutes": "12.3",
    }


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("mAP", 101.0, "mAP in row 1"),
        ("mAP", "high", "mAP in row 1"),
        ("rank1", None, "rank1 in row 1"),
        ("seed", 0.5, "seed in row 1"),
    ],
)
def test_scores_that_are_none_are_refused_before_they_are_compared(tmp_path, column, value, message) -> None:
    row = {"dataset": "market1501", "configuration": "all", "variant": "", "seed": 0, "mAP": 50.0, "rank1": 60.0}
    pd.DataFrame([row]).to_csv(tmp_path / "experiment_runs.csv", index=False)
    assert read_runs(tmp_path / "experiment_runs.csv")["mAP"].tolist() == [50.0]
    pd.DataFrame([row | {column: value}]).to_csv(tmp_path / "experiment_runs.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_runs(tmp_path / "experiment_runs.csv")
    pd.DataFrame([row, row]).to_csv(tmp_path / "experiment_runs.csv", index=False)
    with pytest.raises(InputError, match="row 2 is a second one of market1501, all"):
        read_runs(tmp_path / "experiment_runs.csv")
