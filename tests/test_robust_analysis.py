from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid import robust
from mosaicreid.contrasts import contrast_weights
from mosaicreid.errors import InputError
from mosaicreid.panel import build_panel
from mosaicreid.published import attributes, load_table
from mosaicreid.results import read_results
from mosaicreid.robust_analysis import write_coverage, write_robust


@pytest.fixture(scope="module")
def per_query() -> pd.DataFrame:
    """Three seeds of Table 3's DukeMTMC configurations on twelve people."""
    generator = np.random.default_rng(0)
    table = load_table(3, "dukemtmc")
    shape = (len(table), 3, 24)
    ap = np.clip(table["mAP"].to_numpy()[:, None, None] / 100 + 0.05 * generator.standard_normal(shape), 0, 1)
    index = np.indices(shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "configuration": table["configuration"].to_numpy()[index[0]],
            "seed": index[1],
            "query": index[2],
            "pid": index[2] // 2,
            "ap": ap.ravel(),
        }
    )


def test_result_files_hold_what_the_functions_return(per_query: pd.DataFrame, tmp_path: Path) -> None:
    design = load_table(3, "dukemtmc")
    write_robust({"dukemtmc": per_query}, {"dukemtmc": design}, tmp_path, margin=0.7)
    panel = build_panel(per_query, design, attributes("dukemtmc"))
    effects = read_results(tmp_path / "robust_effects.csv")
    expected = robust.effects(robust.fit(panel), margin=0.7)
    np.testing.assert_allclose(effects[expected.columns[1:]], expected.iloc[:, 1:], rtol=1e-9)
    assert effects["attribute"].tolist() == list(attributes("dukemtmc"))
    assert len(read_results(tmp_path / "robust_gains.csv")) == 19
    facts = read_results(tmp_path / "robust_panels.csv").iloc[0]
    assert (facts["configurations"], facts["seeds"], facts["queries"], facts["identities"]) == (20, 3, 24, 12)


def test_influence_names_the_configuration_that_moves_an_effect_most(per_query: pd.DataFrame, tmp_path: Path) -> None:
    design = load_table(3, "dukemtmc")
    write_robust({"dukemtmc": per_query}, {"dukemtmc": design}, tmp_path)
    influence = read_results(tmp_path / "robust_influence.csv")
    every = robust.leave_one_out(build_panel(per_query, design, attributes("dukemtmc")))
    for row in influence.itertuples():
        changes = every.loc[every["attribute"] == row.attribute, "change"].abs()
        assert abs(row.change) == pytest.approx(changes.max())


def test_answers_count_what_the_tables_show(per_query: pd.DataFrame, tmp_path: Path) -> None:
    write_robust({"dukemtmc": per_query}, {"dukemtmc": load_table(3, "dukemtmc")}, tmp_path)
    answers = read_results(tmp_path / "robust_answers.csv").iloc[0]
    effects, gains = (read_results(tmp_path / f"robust_{name}.csv") for name in ("effects", "gains"))
    assert (answers["attributes"], answers["configurations"]) == (10, 19)
    assert answers["holm"] == sum(effects["p_holm"] < 0.05)
    assert answers["naive"] == sum(effects["naive_ci_low"] * effects["naive_ci_high"] > 0)
    assert answers["unsettled"] == sum((effects["p_holm"] >= 0.05) & (effects["p_equivalence"] >= 0.05))
    assert answers["better"] == sum(gains["sim_low"] > 0)
    assert answers["better"] <= answers["better_alone"]
    every = robust.leave_one_out(build_panel(per_query, load_table(3, "dukemtmc"), attributes("dukemtmc")))
    signs = every["effect"] * every["attribute"].map(effects.set_index("attribute")["effect"])
    assert answers["reversed"] == every.loc[signs < 0, "attribute"].nunique()
    influence = read_results(tmp_path / "robust_influence.csv").set_index("attribute")
    std_err = effects.set_index("attribute")["std_err"]
    np.testing.assert_allclose(influence["shift"], influence["change"] / std_err[influence.index])


def test_power_says_how_many_seeds_and_queries(per_query: pd.DataFrame, tmp_path: Path) -> None:
    write_robust({"dukemtmc": per_query}, {"dukemtmc": load_table(3, "dukemtmc")}, tmp_path)
    power = read_results(tmp_path / "robust_power.csv")
    assert power["attribute"].tolist() == [*attributes("dukemtmc"), *contrast_weights("dukemtmc").index]
    np.testing.assert_allclose(power["seeds_needed"], np.ceil(3 * power["runs_factor"]))
    np.testing.assert_allclose(power["queries_needed"], np.ceil(24 * power["identities_factor"]))


def test_a_design_without_spare_configurations_has_no_influence(per_query: pd.DataFrame, tmp_path: Path) -> None:
    design = load_table(3, "dukemtmc")
    needed = ["baseline", *attributes("dukemtmc")]
    enough = design[design["configuration"] == "baseline"]
    for name in design["configuration"]:
        both = pd.concat([enough, design[design["configuration"] == name]])
        names = list(attributes("dukemtmc"))
        if np.linalg.matrix_rank(np.c_[np.ones(len(both)), both[names]]) == len(both):
            enough = both
    assert len(enough) == len(needed)
    fewest = per_query[per_query["configuration"].isin([*enough["configuration"]])]
    write_robust({"dukemtmc": fewest}, {"dukemtmc": design}, tmp_path)
    influence = read_results(tmp_path / "robust_influence.csv")
    assert influence["attribute"].tolist() == list(attributes("dukemtmc"))
    assert influence["change"].isna().all()


def test_the_study_is_written_and_drawn(tmp_path: Path) -> None:
    design = pd.DataFrame([[1, 0], [0, 1], [1, 1], [0, 0]], columns=["hat", "bag"])
    write_coverage(tmp_path, design, replications=10)
    table = read_results(tmp_path / "robust_coverage.csv")
    assert sorted(table["seeds"].unique()) == [1, 3]
    assert table["covered"].between(0, 1).all()


def test_one_configuration_is_refused_before_anything_is_written(per_query: pd.DataFrame, tmp_path: Path) -> None:
    alone = per_query[per_query["configuration"] == "all"]
    with pytest.raises(InputError, match="got 1 configurations"):
        write_robust({"dukemtmc": alone}, {"dukemtmc": load_table(3, "dukemtmc")}, tmp_path)
    assert not list(tmp_path.iterdir())
