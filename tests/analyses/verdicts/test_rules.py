import pandas as pd
import pytest

from mosaicreid.analyses.robust.contrasts import LOWER_COLOUR
from mosaicreid.analyses.verdicts import rules as rules
from mosaicreid.published import load_table

PANELS = {"robust_panels": pd.DataFrame([{"dataset": "dukemtmc", "margin": 0.5}])}


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 2.0, "holds"), (-2.0, -0.1, "fails"), (-0.1, 0.1, "open"), (0.0, 1.0, "open")]
)
def test_an_interval_decides(low: float, high: float, verdict: str) -> None:
    assert rules.judge(low, high) == verdict


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


def test_our_gain_is_judged_with_all_others() -> None:
    row = {"dataset": "dukemtmc", "configuration": "all", "gain": 2.0, "ci_low": 1.0, "ci_high": 3.0}
    table = pd.DataFrame([row | {"sim_low": -0.5, "sim_high": 4.5}])
    assert rules.our_gain({"robust_gains": table}, "dukemtmc") == rules.Finding(
        "all attributes over the baseline 2.0 (-0.5 to 4.5)", "open"
    )


def test_a_contrast_is_judged_by_each_kind_of_evidence() -> None:
    row = {"dataset": "dukemtmc", "contrast": LOWER_COLOUR}
    runs = row | {"effect": 1.5, "ci_low": 0.1, "ci_high": 2.9}
    paper = {"paper_effect": 0.3, "paper_ci_low": -0.3, "paper_ci_high": 0.9}
    shapley = row | {"value": -1.0, "ci_low": -1.5, "ci_high": -0.5}
    tables = {"robust_contrasts": pd.DataFrame([runs | paper]), "shapley_contrasts": pd.DataFrame([shapley])}
    assert rules.our_contrast(LOWER_COLOUR)(tables, "dukemtmc") == rules.Finding(
        "effects lower less upper colour: 1.5 (0.1 to 2.9)", "holds"
    )
    assert rules.published_contrast(LOWER_COLOUR)(tables, "dukemtmc").verdict == "open"
    assert rules.ablated_contrast(LOWER_COLOUR)(tables, "dukemtmc").verdict == "fails"


def effect(low: float, high: float, p_equivalence: float) -> dict[str, pd.DataFrame]:
    row = {"dataset": "dukemtmc", "attribute": "hat", "effect": (low + high) / 2, "ci_low": low, "ci_high": high}
    return PANELS | {"robust_effects": pd.DataFrame([row | {"p_equivalence": p_equivalence}])}


def test_limited_effect_needs_equivalence_and_not_only_insignificance() -> None:
    rule = rules.our_limited("hat")
    assert rule(effect(-0.2, 0.4, 0.01), "dukemtmc").verdict == "holds"
    assert rule(effect(-0.4, 0.6, 0.3), "dukemtmc").verdict == "open"
    # Not zero, and yet it may lie within the margin.
    assert rule(effect(0.1, 0.9, 0.5), "dukemtmc").verdict == "open"
    assert rule(effect(0.6, 1.8, 0.99), "dukemtmc").verdict == "fails"


def test_published_limited_effect_is_judged_by_students_t() -> None:
    where = {"dataset": "dukemtmc", "metric": "mAP", "term": "hat"}
    tables = PANELS | {
        "published_glm": pd.DataFrame([where | {"coef": 0.07}]),
        "caveats_t_vs_z": pd.DataFrame([where | {"t_low": -0.41, "t_high": 0.55}]),
    }
    found = rules.published_limited("hat")(tables, "dukemtmc")
    assert found == rules.Finding("hat 0.1 (-0.4 to 0.6); margin ±0.5", "open")


def test_saturation_takes_the_fewest_blocks_from_two_thirds_on() -> None:
    nan = float("nan")
    rows = [
        {"source": "ours", "last_k": k, "depth": 4, "difference": d, "ci_low": low, "ci_high": high}
        for k, d, low, high in ((2, -3.0, -4.0, -2.0), (3, 0.1, -0.2, 0.4), (4, 0.0, 0.0, 0.0))
    ]
    rows.append({"source": "paper", "last_k": 8, "depth": 12, "difference": -0.7, "ci_low": nan, "ci_high": nan})
    tables = PANELS | {"experiment_last_k": pd.DataFrame(rows)}
    found = rules.saturation("ours")(tables, "dukemtmc")
    assert found.evidence.startswith("K = 3 of 4: +0.1 against all blocks (-0.2 to 0.4)")
    assert found.verdict == "holds"
    assert rules.saturation("paper")(tables, "dukemtmc").verdict == "fails"


@pytest.mark.parametrize(("p_equivalence", "verdict"), [(0.049, "holds"), (0.051, "open"), (0.09, "open")])
def test_equivalence_is_shown_at_five_percent(p_equivalence: float, verdict: str) -> None:
    assert rules.our_limited("hat")(effect(-0.5, 0.6, p_equivalence), "dukemtmc").verdict == verdict


def test_the_margin_is_that_of_the_panel() -> None:
    wide = effect(-0.6, 0.6, 0.3) | {"robust_panels": pd.DataFrame([{"dataset": "dukemtmc", "margin": 0.7}])}
    assert rules.our_limited("hat")(effect(-0.6, 0.6, 0.3), "dukemtmc").verdict == "open"
    found = rules.our_limited("hat")(wide, "dukemtmc")
    assert found.verdict == "holds"
    assert found.evidence == "hat 0.0 (-0.6 to 0.6); within ±0.7: p = 0.3"


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
