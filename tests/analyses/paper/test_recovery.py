"""The search for Table 3's marks: one design, the right one, and none once a published number is wrong."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from mosaicreid import published
from mosaicreid.analyses.paper import recovery
from mosaicreid.analyses.paper.digits import as_printed
from mosaicreid.analyses.paper.recovery import Evidence, Recovery, load_evidence, search
from mosaicreid.errors import InputError
from mosaicreid.statistics.estimators import fit_glm, forest_importance, welch_tests


@pytest.fixture(scope="module", params=published.DATASETS)
def found(request: pytest.FixtureRequest) -> tuple[str, Recovery]:
    return request.param, search(load_evidence(request.param))


def test_exactly_one_design_is_left_and_it_is_table3(found: tuple[str, Recovery]) -> None:
    dataset, recovered = found
    marks = published.load_experiments(dataset)[list(published.attributes(dataset))]
    assert len(recovered.designs) == 1
    pd.testing.assert_frame_equal(recovered.designs[0], marks)


def test_forest_settles_only_swaps_of_rows_with_equal_scores(found: tuple[str, Recovery]) -> None:
    dataset, recovered = found
    table = published.load_experiments(dataset)
    rows = table.groupby(list(published.METRICS)).indices.values()
    contents = {
        tuple(tuple(sorted(map(tuple, design.to_numpy()[row]))) for row in rows) for design in recovered.before_forest
    }
    assert len(recovered.before_forest) == {"market1501": 1, "dukemtmc": 4}[dataset]
    assert len(contents) == 1
    if dataset == "dukemtmc":
        spread = pd.concat(recovered.before_forest).groupby(level=0).nunique().max(axis="columns")
        assert set(table["configuration"][spread > 1]) == {"bag", "gender", "hat", "shoecolour"}


def test_steps_count_down_from_every_design(found: tuple[str, Recovery]) -> None:
    dataset, recovered = found
    steps = recovered.steps.set_index("step")["candidates"]
    assert tuple(steps.index) == recovery.STEPS
    assert steps["every_design"] == 2.0 ** {"market1501": 25 * 12, "dukemtmc": 20 * 10}[dataset]
    assert steps["welch"] == recovered.columns["candidates"].astype(float).prod()
    assert steps.is_monotonic_decreasing
    assert steps["forest"] == 1


@pytest.mark.parametrize(
    ("table", "row", "column", "printed"),
    [
        ("importance", "age", "t_stat", "-3.980"),
        ("importance", "clothes", "pimp", "0.047"),
        ("mAP", "down", "coef", "-0.125"),
        ("mAP", "bag", "ci_low", "0.205"),
        ("rank1", "hair", "z", "1.381"),
    ],
)
def test_one_wrong_digit_leaves_no_design(table: str, row: str, column: str, printed: str) -> None:
    evidence = load_evidence("market1501")
    original = evidence.importance if table == "importance" else evidence.glm[table]
    corrupted = original.copy()
    assert corrupted.loc[row, column] != printed
    corrupted.loc[row, column] = printed
    change = {"importance": corrupted} if table == "importance" else {"glm": {**evidence.glm, table: corrupted}}
    recovered = search(dataclasses.replace(evidence, **change))
    assert recovered.designs == ()
    assert recovered.steps["candidates"].iloc[-1] == 0
    assert np.isnan(recovered.steps["log2_candidates"].iloc[-1])


def test_one_wrong_score_leaves_no_design() -> None:
    evidence = load_evidence("market1501")
    scores = evidence.scores.copy()
    scores.loc[3, "rank1"] += 0.1
    assert search(dataclasses.replace(evidence, scores=scores)).designs == ()


def test_every_test_is_scipys() -> None:
    scores = np.random.default_rng(0).normal(85, 3, 7)
    ((first, t_stat, cohens_d),) = recovery._every_test(scores)
    assert first == 0
    for subset in range(2**7):
        included = np.array([bool(subset >> row & 1) for row in range(7)])
        if min(included.sum(), 7 - included.sum()) < 2:
            assert np.isnan(t_stat[subset])
            continue
        inside, outside = scores[included], scores[~included]
        assert t_stat[subset] == pytest.approx(ttest_ind(outside, inside, equal_var=False).statistic)
        pooled = ((len(inside) - 1) * inside.var(ddof=1) + (len(outside) - 1) * outside.var(ddof=1)) / 5
        assert cohens_d[subset] == pytest.approx((inside.mean() - outside.mean()) / pooled**0.5)


def test_a_design_drawn_at_random_is_found_from_its_printed_statistics() -> None:
    rng = np.random.default_rng(5)
    marks = pd.DataFrame(rng.integers(0, 2, (19, 3)), columns=["hat", "bag", "age"])
    scores = pd.DataFrame({metric: (rng.normal(80, 5, 19)).round(1) for metric in published.METRICS})
    table = marks.join(scores)
    names = list(marks)
    importance = forest_importance(table, names, "mAP").join(welch_tests(table, names, "mAP"))
    evidence = Evidence(
        scores=scores,
        glm={metric: _print(fit_glm(table, names, metric), "truncated") for metric in published.METRICS},
        importance=_print(importance.drop(columns=["n_included", "n_excluded"]), "rounded"),
    )
    (design,) = search(evidence).designs
    pd.testing.assert_frame_equal(design, marks)


def test_truncated_from() -> None:
    assert recovery._truncated_from("0.388") == pytest.approx((0.388, 0.389))
    assert recovery._truncated_from("-0.111") == pytest.approx((-0.112, -0.111))
    assert recovery._truncated_from("0.00") == pytest.approx((-0.01, 0.01))


def test_too_many_designs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_MOST_DESIGNS", 31)
    with pytest.raises(InputError, match=r"^32 designs give the published t-tests; expected at most 31"):
        search(load_evidence("market1501"))


def test_unknown_dataset() -> None:
    with pytest.raises(InputError, match="'market'"):
        load_evidence("market")


def test_written_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DATASETS", ("market1501",))
    found = recovery.recovery_tables()
    steps = found["recovery"].frame.set_index(["dataset", "step"])["candidates"]
    columns = found["recovery_columns"].frame
    assert steps.to_dict()[("market1501", "table3")] == 1
    expected = published.load_table(3, "market1501")[list(published.attributes("market1501"))].sum()
    assert columns.set_index("attribute")["n_included"].to_dict() == expected.to_dict()


def _print(table: pd.DataFrame, rule: str) -> pd.DataFrame:
    return table.map(lambda value: as_printed(value, "0.001", rule))


@pytest.mark.parametrize("right", [0, 1, 2])
def test_the_last_step_counts_designs_equal_to_table_3_alone(right: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DATASETS", ("dukemtmc",))
    marks = published.load_experiments("dukemtmc")[list(published.attributes("dukemtmc"))]
    wrong = marks.copy()
    wrong.iloc[3, 2] = 1 - wrong.iloc[3, 2]
    steps = pd.DataFrame({"step": ["forest"], "candidates": [4.0], "log2_candidates": [2.0]})
    columns = pd.DataFrame({"attribute": list(marks), "candidates": 1, "n_included": marks.sum().to_numpy()})
    made = Recovery(designs=(marks,) * right + (wrong,) * 2, before_forest=(), steps=steps, columns=columns)
    monkeypatch.setattr(recovery, "search", lambda evidence: made)
    table = recovery.recovery_tables()["recovery"].frame.set_index("step")
    assert table.loc["table3", "candidates"] == right
    if right:
        assert table.loc["table3", "log2_candidates"] == np.log2(right)
    else:
        assert np.isnan(table.loc["table3", "log2_candidates"])
