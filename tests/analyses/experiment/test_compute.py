from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import QUERIES, write_runs

from mosaicreid.analyses.experiment.collect import collect_runs, per_query_table, table3_of
from mosaicreid.analyses.experiment.compute import analyse_runs, compare_choices, compare_variants
from mosaicreid.analyses.experiment.write import experiment_tables, write_choices
from mosaicreid.config.inclusion import indicators
from mosaicreid.config.profiles import PROFILES
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.published import attributes
from mosaicreid.results import read_results
from mosaicreid.runs import read_run
from mosaicreid.statistics.estimators import fit_glm
from mosaicreid.sweep.variants import ablations, capacity, further_choices, table3

DATASET = "dukemtmc"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_runs(tmp_path_factory.mktemp("runs"), DATASET)


@pytest.fixture(scope="module")
def runs(sweep: Path) -> pd.DataFrame:
    with pytest.raises(InputError, match=f"got the datasets {DATASET}, {DATASET}; expected each once"):
        collect_runs(sweep, [DATASET, DATASET])
    table, skipped = collect_runs(sweep, [DATASET])
    assert skipped == {}
    return table


def test_our_table3_is_the_mean_over_seeds(runs: pd.DataFrame) -> None:
    table = table3_of(runs, DATASET)
    assert tuple(table["configuration"]) == table3(DATASET)
    rows = runs[(runs["configuration"] == "upper") & (runs["variant"].fillna("") == "")]
    upper = table.set_index("configuration").loc["upper"]
    assert upper["mAP"] == pytest.approx(rows["mAP"].mean())
    assert upper["mAP_sd"] == pytest.approx(rows["mAP"].std(ddof=1))
    assert upper["seeds"] == 2
    assert upper[list(attributes(DATASET))].tolist() == list(indicators("upper", get_schema(DATASET)).values())


def test_analysis_is_the_published_one_on_our_table(runs: pd.DataFrame) -> None:
    found = analyse_runs(runs, DATASET)["glm"]
    found = found[found["metric"] == "mAP"].set_index("term")
    expected = fit_glm(table3_of(runs, DATASET), attributes(DATASET), "mAP")
    np.testing.assert_allclose(found["coef"], expected.loc[found.index, "coef"])
    by_seed = [fit_glm(table3_of(runs, DATASET, seed=seed), attributes(DATASET), "mAP")["coef"] for seed in (0, 1)]
    np.testing.assert_allclose(found["seed_sd"], np.std(by_seed, axis=0, ddof=1))


def test_per_query_rows_are_those_of_the_runs_less_queries_without_a_match(sweep: Path, runs: pd.DataFrame) -> None:
    table = per_query_table(sweep, runs, DATASET)
    assert len(table) == 20 * 2 * (QUERIES - 1)
    means = 100 * table.groupby(["configuration", "seed"])["ap"].mean()
    rows = runs[runs["variant"].fillna("") == ""].set_index(["configuration", "seed"])["mAP"]
    np.testing.assert_allclose(means, rows.loc[means.index])


def test_variants_are_compared_with_all(sweep: Path, runs: pd.DataFrame) -> None:
    found = compare_variants(sweep, runs, DATASET, PROFILES["tiny"])
    assert len(found["ablations"]) == len(ablations(PROFILES["tiny"]))
    last = found["last_k"].iloc[-1]
    assert (last["variant"], last["difference"]) == ("", 0)
    row = found["ablations"].set_index("variant").loc["pooling=max"]
    by_label = runs[runs["configuration"] == "all"].assign(variant=lambda t: t["variant"].fillna(""))
    means = by_label.groupby("variant")["mAP"].mean()
    assert row["difference"] == pytest.approx(means["pooling=max"] - means[""])
    assert row["ci_low"] < row["difference"] < row["ci_high"]


def test_choices_and_controls_are_compared_where_they_were_trained(tmp_path: Path) -> None:
    usual = PROFILES["tiny"]
    cosine = next(variant for variant in further_choices(usual) if variant.label == "i2t_similarity=cosine")
    write_runs(tmp_path, DATASET, variants=False, further=(*capacity(usual), cosine))
    found = compare_choices(tmp_path, collect_runs(tmp_path, [DATASET])[0], DATASET, usual).set_index("variant")
    assert list(found.index) == [
        "routing=always",
        "routing=random",
        "baseline@longer=True",
        "i2t_similarity=cosine",
    ]
    own = {
        name: np.mean([100 * read_run(tmp_path / DATASET / name / f"seed{seed}").scores["mAP"] for seed in (0, 1)])
        for name in ("all", "baseline@longer=True", "all@i2t_similarity=cosine")
    }
    for name, folder in {
        "baseline@longer=True": "baseline@longer=True",
        "i2t_similarity=cosine": "all@i2t_similarity=cosine",
    }.items():
        assert found.loc[name, "mAP"] == pytest.approx(own[folder])
        assert found.loc[name, "difference"] == pytest.approx(own[folder] - own["all"])
    path = write_choices(tmp_path, tmp_path / "results", dataset=DATASET, profile="tiny")
    assert path.name == f"choices_{DATASET}.csv"
    assert set(read_results(path)["reading"]) <= {"yes", "little", "cannot tell"}
    tables = experiment_tables(
        tmp_path,
        collect_runs(tmp_path, [DATASET])[0],
        datasets=[DATASET],
        variants_on="",
        data=None,
        profile="paper",
    )
    controls = tables["experiment_capacity"].frame
    assert controls["variant"].tolist() == ["routing=always", "routing=random", "baseline@longer=True"]
    assert (controls["dataset"] == DATASET).all()


def test_what_was_not_trained_is_not_compared(sweep: Path, runs: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="`make choices` trains them"):
        compare_choices(sweep, runs, DATASET, PROFILES["tiny"])


def test_what_is_missing_is_named(sweep: Path, runs: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 configurations of dukemtmc's Table 3 have no run: hat"):
        table3_of(runs[runs["configuration"] != "hat"], DATASET)
    with pytest.raises(InputError, match="no run of dukemtmc all@pooling=max"):
        compare_variants(sweep, runs[runs["variant"] != "pooling=max"], DATASET, PROFILES["tiny"])
    with pytest.raises(InputError, match="market1501"):
        collect_runs(sweep, ["market1501"])
    (tmp_path / DATASET / "all" / "seed0").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no finished run of dukemtmc in .*no config.json"):
        collect_runs(tmp_path, [DATASET])
