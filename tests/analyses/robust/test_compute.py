from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.robust.compute import robust_tables
from mosaicreid.analyses.robust.contrasts import contrast_weights
from mosaicreid.errors import InputError
from mosaicreid.published import attributes, load_table
from mosaicreid.statistics import mixed_effects
from mosaicreid.statistics.panel import build_panel


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
            "hit": (ap.ravel() > 0.85).astype(int),
        }
    )


def test_rank_one_is_analysed_as_average_precision_is(per_query: pd.DataFrame) -> None:
    design = load_table(3, "dukemtmc")
    found = robust_tables({"dukemtmc": per_query}, {"dukemtmc": design})
    panel = build_panel(per_query.assign(ap=per_query["hit"]), design, attributes("dukemtmc"))
    np.testing.assert_allclose(found["rank1_effects"]["effect"], mixed_effects.fit(panel).beta[1:])
    mean = 100 * per_query.groupby("configuration")["hit"].mean()
    gains = found["rank1_gains"].set_index("configuration")["gain"]
    np.testing.assert_allclose(gains, (mean - mean["baseline"])[gains.index])
    assert set(found["rank1_contrasts"]["contrast"]) == set(found["contrasts"]["contrast"])


def test_where_every_first_image_is_right_there_is_nothing_to_say_of_rank_one(per_query: pd.DataFrame) -> None:
    found = robust_tables({"dukemtmc": per_query.assign(hit=1)}, {"dukemtmc": load_table(3, "dukemtmc")})
    assert not any(name.startswith("rank1") for name in found)


def test_tables_hold_what_the_functions_return(per_query: pd.DataFrame, tmp_path: Path) -> None:
    design = load_table(3, "dukemtmc")
    found = robust_tables({"dukemtmc": per_query}, {"dukemtmc": design})
    panel = build_panel(per_query, design, attributes("dukemtmc"))
    effects = found["effects"]
    gain = panel_gain(per_query)
    expected = mixed_effects.effects(mixed_effects.fit(panel), margin=0.1 * gain)
    assert found["panels"].loc[0, "margin"] == pytest.approx(0.1 * gain)
    np.testing.assert_allclose(effects[expected.columns[1:]], expected.iloc[:, 1:], rtol=1e-9)
    assert effects["attribute"].tolist() == list(attributes("dukemtmc"))
    assert len(found["gains"]) == 19
    facts = found["panels"].iloc[0]
    assert (facts["configurations"], facts["seeds"], facts["queries"], facts["identities"]) == (20, 3, 24, 12)


def panel_gain(per_query: pd.DataFrame) -> float:
    """The gain of all attributes, mAP points, by means alone."""
    mean = per_query.groupby("configuration")["ap"].mean()
    return float(100 * (mean["all"] - mean["baseline"]))


def test_without_a_gain_nothing_is_equivalent_and_the_rest_is_there(per_query: pd.DataFrame) -> None:
    spoilt = per_query.assign(ap=per_query["ap"].where(per_query["configuration"] != "all", 0.1))
    found = robust_tables({"dukemtmc": spoilt}, {"dukemtmc": load_table(3, "dukemtmc")})
    assert np.isnan(found["panels"].loc[0, "margin"])
    assert found["effects"]["p_equivalence"].isna().all()
    assert found["effects"]["p_holm"].notna().all()
    assert found["answers"].loc[0, "equivalent"] == 0


def test_without_all_attributes_there_is_no_margin(per_query: pd.DataFrame) -> None:
    fewer = per_query[per_query["configuration"] != "all"]
    with pytest.raises(InputError, match=r"no configuration `all` among .*hat"):
        robust_tables({"dukemtmc": fewer}, {"dukemtmc": load_table(3, "dukemtmc")})


def test_influence_names_the_configuration_that_moves_an_effect_most(per_query: pd.DataFrame, tmp_path: Path) -> None:
    design = load_table(3, "dukemtmc")
    found = robust_tables({"dukemtmc": per_query}, {"dukemtmc": design})
    influence = found["influence"]
    every = mixed_effects.leave_one_configuration_out(build_panel(per_query, design, attributes("dukemtmc")))
    for row in influence.itertuples():
        changes = every.loc[every["attribute"] == row.attribute, "change"].abs()
        assert abs(row.change) == pytest.approx(changes.max())


def test_answers_count_what_the_tables_show(per_query: pd.DataFrame, tmp_path: Path) -> None:
    found = robust_tables({"dukemtmc": per_query}, {"dukemtmc": load_table(3, "dukemtmc")})
    answers = found["answers"].iloc[0]
    effects, gains = (found[name] for name in ("effects", "gains"))
    assert (answers["attributes"], answers["configurations"]) == (10, 19)
    assert answers["holm"] == sum(effects["p_holm"] < 0.05)
    assert answers["naive"] == sum(effects["naive_ci_low"] * effects["naive_ci_high"] > 0)
    assert answers["unsettled"] == sum((effects["p_holm"] >= 0.05) & (effects["p_equivalence"] >= 0.05))
    assert answers["better"] == sum(gains["sim_low"] > 0)
    assert answers["better"] <= answers["better_alone"]
    every = mixed_effects.leave_one_configuration_out(
        build_panel(per_query, load_table(3, "dukemtmc"), attributes("dukemtmc"))
    )
    signs = every["effect"] * every["attribute"].map(effects.set_index("attribute")["effect"])
    assert answers["reversed"] == every.loc[signs < 0, "attribute"].nunique()
    influence = found["influence"].set_index("attribute")
    std_err = effects.set_index("attribute")["std_err"]
    np.testing.assert_allclose(influence["shift"], influence["change"] / std_err[influence.index])


def test_power_says_how_many_seeds_and_queries(per_query: pd.DataFrame, tmp_path: Path) -> None:
    found = robust_tables({"dukemtmc": per_query}, {"dukemtmc": load_table(3, "dukemtmc")})
    power = found["power"]
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
    found = robust_tables({"dukemtmc": fewest}, {"dukemtmc": design})
    influence = found["influence"]
    assert influence["attribute"].tolist() == list(attributes("dukemtmc"))
    assert influence["change"].isna().all()


def test_one_configuration_is_refused(per_query: pd.DataFrame) -> None:
    alone = per_query[per_query["configuration"] == "all"]
    with pytest.raises(InputError, match="got 1 configurations"):
        robust_tables({"dukemtmc": alone}, {"dukemtmc": load_table(3, "dukemtmc")})
