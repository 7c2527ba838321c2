"""Rankings of attributes by several backbones: effects, gains, and their agreement over resampled people."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import write_runs
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from mosaicreid.analyses.backbones.compute import (
    compare_backbones,
    judge_alike,
    linear_map,
    spearman_columns,
    table3_marks,
)
from mosaicreid.analyses.backbones.write import write_backbones
from mosaicreid.analyses.experiment.collect import collect_runs
from mosaicreid.cli import main
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.results import kinds_of
from mosaicreid.runs import read_run
from mosaicreid.sweep.variants import table3

DATASET = "market1501"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {name: write_runs(tmp_path_factory.mktemp(name), DATASET, variants=False) for name in ("one", "two")}
    generator = np.random.default_rng(5)
    for path in sorted(made["two"].glob("*/*/*/per_query.parquet")):
        table = pd.read_parquet(path)
        ap = (table["ap"] + 0.04 * generator.standard_normal(len(table))).clip(0, 1)
        table.assign(ap=ap).to_parquet(path, index=False)
        metrics = path.with_name("metrics.json")
        before = read_run_scores(metrics)
        metrics.write_text(metrics.read_text().replace(repr(before), repr(float(ap.mean()))))
    return made


def read_run_scores(metrics: Path) -> float:
    import json

    return json.loads(metrics.read_text())["scores"]["mAP"]


def precision(root: Path, configuration: str) -> pd.Series:
    tables = [
        read_run(root / DATASET / configuration / f"seed{seed}").per_query.dropna(subset="ap").set_index("query")["ap"]
        for seed in (0, 1)
    ]
    return 100 * (tables[0] + tables[1]) / 2


def test_effects_and_gains_are_those_of_the_table(folders: dict[str, Path]) -> None:
    tables = compare_backbones(folders, DATASET, draws=50)
    ranking, pairs = tables["attributes"], tables["pairs"]
    attributes = get_schema(DATASET).attributes
    points = {}
    for name, root in folders.items():
        scores = {configuration: precision(root, configuration).mean() for configuration in table3(DATASET)}
        marks = table3_marks(collect_runs(root, (DATASET,))[0], DATASET)
        fitted = LinearRegression().fit(marks, [scores[configuration] for configuration in marks.index])
        rows = ranking[ranking["backbone"] == name].pivot_table(index="attribute", columns="measure", values="points")
        np.testing.assert_allclose(rows.loc[list(attributes), "effect"], fitted.coef_, atol=1e-9)
        alone = [scores[attribute] - scores["baseline"] for attribute in attributes]
        np.testing.assert_allclose(rows.loc[list(attributes), "alone"], alone, atol=1e-9)
        points[name] = rows.loc[list(attributes)]
    for row in pairs.itertuples():
        expected = spearmanr(points["one"][row.measure], points["two"][row.measure]).statistic
        assert row.rho == pytest.approx(expected)
        assert -1 <= row.ci_low <= row.ci_high <= 1
        assert row.attributes == 12
        assert row.verdict == judge_alike(row.ci_low, row.ci_high)
    assert set(pairs["measure"]) == {"effect", "alone"}
    for score in tables["scores"].itertuples():
        baseline, full = (precision(folders[score.backbone], name).mean() for name in ("baseline", "all"))
        assert (score.baseline, score.gain, score.seeds) == (pytest.approx(baseline), pytest.approx(full - baseline), 2)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.51, 0.9, "alike"), (0.5, 0.9, "open"), (-0.2, 0.49, "not alike"), (0.1, 0.5, "open")],
)
def test_rankings_are_alike_by_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert judge_alike(low, high) == verdict


def test_the_interval_is_that_of_resampled_people(folders: dict[str, Path]) -> None:
    """The same bootstrap written as a loop over people."""
    pairs = compare_backbones(folders, DATASET, draws=200, seed=3)["pairs"]
    marks = table3_marks(collect_runs(folders["one"], (DATASET,))[0], DATASET)
    aps = {name: pd.DataFrame({c: precision(root, c) for c in marks.index}) for name, root in folders.items()}
    pids = read_run(folders["one"] / DATASET / "all" / "seed0").per_query.dropna(subset="ap")["pid"].to_numpy()
    people = np.unique(pids)
    generator = np.random.default_rng(3)
    times = generator.multinomial(len(people), np.full(len(people), 1 / len(people)), size=200)
    rhos = []
    for drawn in times:
        rows = np.concatenate(
            [np.flatnonzero(pids == who) for who, n in zip(people, drawn, strict=True) for _ in range(n)]
        )
        values = []
        for table in aps.values():
            scores = table.iloc[rows].mean()
            values.append([scores[name] - scores["baseline"] for name in get_schema(DATASET).attributes])
        rhos.append(spearmanr(*values).statistic)
    row = pairs[pairs["measure"] == "alone"].iloc[0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(np.percentile(rhos, [2.5, 97.5])))


def test_a_backbone_agrees_with_itself(folders: dict[str, Path]) -> None:
    pairs = compare_backbones({"one": folders["one"], "again": folders["one"]}, DATASET, draws=20)["pairs"]
    assert pairs[["rho", "ci_low", "ci_high"]].to_numpy() == pytest.approx(np.ones((2, 3)))


def test_rank_correlation_by_columns() -> None:
    first, second = np.random.default_rng(0).integers(0, 4, (2, 7, 5)).astype(float)
    expected = [spearmanr(a, b).statistic for a, b in zip(first.T, second.T, strict=True)]
    np.testing.assert_allclose(spearman_columns(first, second), expected)


def test_what_cannot_be_compared_is_named(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(InputError, match="got 1 backbone"):
        compare_backbones({"one": folders["one"]}, DATASET)
    with pytest.raises(InputError, match="no runs of market1501"):
        compare_backbones({"one": folders["one"], "two": tmp_path}, DATASET)
    with pytest.raises(InputError, match="no row with hat alone"):
        linear_map(pd.DataFrame({"hat": [1, 0]}, index=["all", "baseline"]), "alone")
    with pytest.raises(SystemExit):
        main(["backbones", "--runs", "one"])
    assert "expected NAME=DIR" in capsys.readouterr().err
    twice = [f"one={folders['one']}", f"one={folders['two']}"]
    assert main(["backbones", "--runs", *twice, "--results", str(tmp_path)]) == 2
    assert "have one name" in capsys.readouterr().err


def test_the_tables_are_written(folders: dict[str, Path], tmp_path: Path) -> None:
    world = tmp_path / "data" / DATASET
    world.mkdir(parents=True)
    (world / "synthetic.json").write_text("{}")
    paths = write_backbones(folders, tmp_path, datasets=[DATASET], data=tmp_path / "data")
    tables = {f"backbones_{name}.csv" for name in ("scores", "attributes", "pairs")}
    assert {path.name for path in paths} == {*tables, "backbones.svg"}
    assert kinds_of(tmp_path / "backbones_pairs.csv") == {DATASET: "synthetic"}
    named = [f"{name}={folder}" for name, folder in folders.items()]
    assert main(["backbones", "--runs", *named, "--datasets", DATASET, "--results", str(tmp_path / "cli")]) == 0
    assert (tmp_path / "cli" / "backbones_pairs.csv").read_bytes() == (tmp_path / "backbones_pairs.csv").read_bytes()
