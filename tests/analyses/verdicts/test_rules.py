import pandas as pd
import pytest
from scipy import stats

from mosaicreid.analyses.robust.contrasts import INTRINSIC, LOWER_COLOUR
from mosaicreid.analyses.verdicts import rules as rules
from mosaicreid.published import load_table

# Of a gain of 5 points the margin is half a point.
GAINS = {"robust_gains": pd.DataFrame([{"dataset": "dukemtmc", "configuration": "all", "gain": 5.0}])}
DUKE = load_table(3, "dukemtmc")


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 2.0, "holds"), (-2.0, -0.1, "fails"), (-0.1, 0.1, "open"), (0.0, 1.0, "open")]
)
def test_an_interval_decides(low: float, high: float, verdict: str) -> None:
    assert rules.judge(low, high) == verdict


def test_an_interval_is_judged_against_a_threshold() -> None:
    assert [rules.judge(low, low + 2, 3.0) for low in (3.1, 2.0, 0.9)] == ["holds", "open", "fails"]


@pytest.mark.parametrize("threshold", [0.0, 1.5, -2.0])
def test_the_p_value_of_an_interval_is_a_normal_tests(threshold: float) -> None:
    point, std_err = 2.0, 0.7
    low, high = (point + side * 1.959963984540054 * std_err for side in (-1, 1))
    expected = 2 * stats.norm.cdf(-abs(point - threshold) / std_err)
    assert rules.p_of_interval(point, low, high, threshold) == pytest.approx(expected)
    # At its own end an interval has p = 0.05.
    assert rules.p_of_interval(point, low, high, low) == pytest.approx(0.05)
    assert [rules.p_of_interval(1.0, 1.0, 1.0, at) for at in (1.0, 0.0)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.4, 0.4, "holds"), (0.1, 0.4, "holds"), (0.4, 0.6, "open"), (0.6, 2.0, "fails"), (-2.0, -0.6, "fails")],
)
def test_a_limited_effect_is_one_within_the_margin(low: float, high: float, verdict: str) -> None:
    assert rules.judge_limited(low, high, 0.5) == verdict


def split_row(points: float, low: float, high: float, share: float) -> dict[str, pd.DataFrame]:
    row = {"dataset": "dukemtmc", "split": "fusion-crossfit", "part": "from control", "points": points}
    return {"oracle_split": pd.DataFrame([row | {"ci_low": low, "ci_high": high, "share": share}])}


def test_a_part_of_the_gain_is_said_with_its_interval_and_share() -> None:
    rule = rules.split("fusion-crossfit", "from control", "beyond the labels:")
    found = rule(split_row(12.34, 10.0, 15.0, 0.25), "dukemtmc")
    assert found.evidence == "beyond the labels: 12.3 (10.0 to 15.0), 25% of the gain"
    assert found.verdict == "holds"
    assert rule(split_row(-1.0, -2.0, -0.5, float("nan")), "dukemtmc").verdict == "fails"
    with pytest.raises(LookupError, match="0 rows"):
        rule(split_row(1, 0, 2, 0.5), "market1501")


def test_published_gain_is_table_3s() -> None:
    scores = load_table(3, "market1501").set_index("configuration")["mAP"]
    found = rules.published_gain({}, "market1501")
    assert f"{scores['all'] - scores['baseline']:+.1f}" in found.evidence
    assert found.verdict == "holds"


def test_what_is_needed_is_judged_by_size() -> None:
    rows = [
        {"split": "gain", "part": "whole", "points": 40.0, "ci_low": 36.0, "ci_high": 44.0, "share": 1.0},
        {
            "split": "permuted-trained",
            "part": "from",
            "points": 2.0,
            "ci_low": 1.0,
            "ci_high": 3.0,
            "share": 0.05,
        },
    ]
    table = pd.DataFrame(rows).assign(dataset="dukemtmc")
    rule = rules.split("permuted-trained", "from", "over permuted:", least_share=0.5)
    # True labels add something for sure, and permuted ones bring 95 % of the gain all the same.
    found = rule({"oracle_split": table}, "dukemtmc")
    assert (found.evidence, found.verdict) == (
        "over permuted: 2.0 (1.0 to 3.0), 5% of the gain; 50% is 20.0",
        "fails",
    )
    assert found.p_value < 1e-9
    table.loc[1, ["points", "ci_low", "ci_high"]] = 30.0, 25.0, 35.0
    assert rule({"oracle_split": table}, "dukemtmc").verdict == "holds"
    table.loc[1, ["points", "ci_low", "ci_high"]] = 20.0, 15.0, 25.0
    assert rule({"oracle_split": table}, "dukemtmc").verdict == "open"


def test_heads_that_cannot_read_refute_nothing() -> None:
    row = {"dataset": "dukemtmc", "split": "predicted", "part": "to control", "share": -0.1}
    heads = pd.DataFrame({"dataset": ["dukemtmc"] * 3, "gain": [0.2, 0.1, -0.05]})

    def judged(low: float, heads: pd.DataFrame) -> rules.Finding:
        split = pd.DataFrame([row | {"points": low + 1, "ci_low": low, "ci_high": low + 2}])
        return rules.predicted("over the baseline:")({"oracle_split": split, "oracle_heads": heads}, "dukemtmc")

    assert judged(-5.0, heads).verdict == "open"
    assert judged(-5.0, heads).evidence.endswith("; the heads beat the majority class on 2 of 3 attributes")
    assert judged(-5.0, heads.assign(gain=0.1)).verdict == "fails"
    assert judged(5.0, heads).verdict == "holds"
    with pytest.raises(LookupError, match="0 rows of heads"):
        judged(5.0, heads.iloc[:0])


@pytest.mark.parametrize(("low", "said"), [(1.0, "found"), (-5.0, "missed"), (-1.0, "open")])
def test_what_was_built_in_is_found_or_missed_and_judges_no_claim(low: float, said: str) -> None:
    rule = rules.positive_control(rules.split("fusion-crossfit", "from control", "x"))
    found = rule(split_row(low + 1, low, low + 2, 0.1), "dukemtmc")
    assert found.verdict == f"{said} (positive control)"
    assert found.evidence.endswith("; built into the worlds")


def test_our_gain_is_judged_with_all_others() -> None:
    row = {"dataset": "dukemtmc", "configuration": "all", "gain": 2.0, "ci_low": 1.0, "ci_high": 3.0}
    table = pd.DataFrame([row | {"sim_low": -0.5, "sim_high": 4.5}])
    found = rules.our_gain({"robust_gains": table}, "dukemtmc")
    assert (found.evidence, found.verdict) == ("all attributes over the baseline 2.0 (-0.5 to 4.5)", "open")
    assert found.p_value == pytest.approx(rules.p_of_interval(2.0, -0.5, 4.5))


def test_a_contrast_is_judged_by_each_kind_of_evidence() -> None:
    row = {"dataset": "dukemtmc", "contrast": LOWER_COLOUR}
    runs = row | {"effect": 1.5, "ci_low": 0.1, "ci_high": 2.9}
    paper = {"paper_effect": 0.3, "paper_ci_low": -0.3, "paper_ci_high": 0.9}
    shapley = row | {"value": -1.0, "ci_low": -1.5, "ci_high": -0.5}
    tables = {
        "robust_contrasts": pd.DataFrame([runs | paper]),
        "shapley_contrasts": pd.DataFrame([shapley]),
        "experiment_table3_dukemtmc": DUKE,
    }
    found = rules.our_contrast(LOWER_COLOUR)(tables, "dukemtmc")
    assert (found.evidence, found.verdict) == ("effects lower less upper colour: 1.5 (0.1 to 2.9)", "holds")
    assert rules.published_contrast(LOWER_COLOUR)(tables, "dukemtmc").verdict == "open"
    assert rules.ablated_contrast(LOWER_COLOUR)(tables, "dukemtmc").verdict == "fails"


def test_a_contrast_that_one_row_decides_is_open() -> None:
    row = {"dataset": "dukemtmc", "contrast": INTRINSIC, "effect": -5.0, "ci_low": -6.0, "ci_high": -4.0}
    tables = {"robust_contrasts": pd.DataFrame([row]), "experiment_table3_dukemtmc": DUKE}
    # Gender, the only intrinsic attribute of DukeMTMC, occurs alone and in all.
    found = rules.our_contrast(INTRINSIC)(tables, "dukemtmc")
    assert found.verdict == "open"
    assert (
        found.evidence
        == "effects intrinsic less the rest: -5.0 (-6.0 to -4.0); another sign without the row All attributes"
    )
    with pytest.raises(LookupError, match="0 configurations of dukemtmc"):
        rules.our_contrast(INTRINSIC)(tables | {"experiment_table3_dukemtmc": DUKE.iloc[:0]}, "dukemtmc")


def effect(point: float, std_err: float, *, gain: float = 5.0) -> dict[str, pd.DataFrame]:
    row = {"dataset": "dukemtmc", "attribute": "hat", "effect": point, "std_err": std_err, "df": 1e6}
    return {"robust_gains": GAINS["robust_gains"].assign(gain=gain), "robust_effects": pd.DataFrame([row])}


def test_limited_effect_needs_equivalence_and_not_only_insignificance() -> None:
    rule = rules.our_limited("hat")
    assert rule(effect(0.1, 0.15), "dukemtmc").verdict == "holds"
    assert rule(effect(0.1, 0.3), "dukemtmc").verdict == "open"
    # Not zero, and yet it may lie within the margin.
    assert rule(effect(0.5, 0.2), "dukemtmc").verdict == "open"
    assert rule(effect(1.2, 0.3), "dukemtmc").verdict == "fails"


def test_published_limited_effect_is_judged_by_students_t() -> None:
    where = {"dataset": "dukemtmc", "metric": "mAP", "term": "hat"}
    half = stats.t.ppf(0.975, 9) * 0.2
    tables = {
        "published_glm": pd.DataFrame([where | {"coef": 0.07}]),
        "caveats_t_vs_z": pd.DataFrame([where | {"df_resid": 9, "t_low": 0.07 - half, "t_high": 0.07 + half}]),
    }
    found = rules.published_limited("hat")(tables, "dukemtmc")
    p = stats.t.sf((0.1 * (DUKE["mAP"].max() - DUKE.set_index("configuration")["mAP"]["baseline"]) - 0.07) / 0.2, 9)
    assert found.evidence == f"Hat 0.1 (-0.4 to 0.5); within ±0.3: p = {p:.2g}"
    assert found.verdict == "open"
    assert found.p_value == pytest.approx(p)


def test_saturation_takes_the_fewest_blocks_from_two_thirds_on() -> None:
    nan = float("nan")
    rows = [
        {"source": "ours", "last_k": k, "depth": 4, "difference": d, "ci_low": low, "ci_high": high}
        for k, d, low, high in ((2, -3.0, -4.0, -2.0), (3, 0.1, -0.2, 0.4), (4, 0.0, 0.0, 0.0))
    ]
    rows.append({"source": "paper", "last_k": 8, "depth": 12, "difference": -0.5, "ci_low": nan, "ci_high": nan})
    tables = GAINS | {"experiment_last_k": pd.DataFrame(rows)}
    found = rules.saturation("ours")(tables, "dukemtmc")
    assert found.evidence.startswith("K = 3 of 4: +0.1 against all blocks (-0.2 to 0.4)")
    assert found.verdict == "holds"
    assert rules.saturation("paper")(tables, "dukemtmc").verdict == "fails"


@pytest.mark.parametrize(("point", "verdict"), [(0.16, "holds"), (0.18, "open")])
def test_equivalence_is_shown_at_five_percent(point: float, verdict: str) -> None:
    # (0.5 - 0.171) / 0.2 is the 95th percentile of the normal distribution.
    found = rules.our_limited("hat")(effect(point, 0.2), "dukemtmc")
    assert found.verdict == verdict
    assert (found.p_value < 0.05) == (verdict == "holds")


def test_the_margin_scales_with_the_gain() -> None:
    found = [rules.our_limited("hat")(effect(0.0, 0.3, gain=gain), "dukemtmc") for gain in (4.0, 8.0)]
    assert [one.verdict for one in found] == ["open", "holds"]
    assert "within ±0.8" in found[1].evidence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sim_low": "low"}, "sim_low is 'low'; expected a number"),
        ({"sim_high": float("nan")}, "sim_high is 'nan'"),
        ({"gain": float("inf")}, "gain is 'inf'"),
        ({"gain": True}, "gain is 'True'"),
        ({"sim_low": 5.0}, "sim_low is 5 and sim_high 4.5; expected an interval"),
    ],
)
def test_evidence_that_is_no_number_judges_nothing(change: dict[str, object], message: str) -> None:
    row = {"dataset": "dukemtmc", "configuration": "all", "gain": 2.0, "sim_low": -0.5, "sim_high": 4.5}
    with pytest.raises(LookupError, match=message):
        rules.our_gain({"robust_gains": pd.DataFrame([row | change], dtype=object)}, "dukemtmc")
