from pathlib import Path

import pandas as pd
import pytest

from mosaicreid import verdicts
from mosaicreid.errors import InputError
from mosaicreid.published import load_table

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 2.0, "holds"), (-2.0, -0.1, "fails"), (-0.1, 0.1, "open"), (0.0, 1.0, "open")]
)
def test_an_interval_decides(low: float, high: float, verdict: str) -> None:
    assert verdicts.judge(low, high) == verdict
    assert verdicts.judge(-high, -low, positive=False) == verdict


def split_row(points: float, low: float, high: float, share: float) -> dict[str, pd.DataFrame]:
    row = {"dataset": "dukemtmc", "split": "fusion-best", "part": "from control", "points": points}
    return {"oracle_split": pd.DataFrame([row | {"ci_low": low, "ci_high": high, "share": share}])}


def test_a_part_of_the_gain_is_said_with_its_interval_and_share() -> None:
    rule = verdicts.split("fusion-best", "from control", "beyond the labels:")
    found = rule(split_row(12.34, 10.0, 15.0, 0.25), "dukemtmc")
    assert found.evidence == "beyond the labels: 12.3 (10.0 to 15.0), 25% of the gain"
    assert found.verdict == "holds"
    assert rule(split_row(-1.0, -2.0, -0.5, float("nan")), "dukemtmc").verdict == "fails"
    with pytest.raises(LookupError, match="0 rows"):
        rule(split_row(1, 0, 2, 0.5), "market1501")


def test_published_gain_is_table_3s() -> None:
    scores = load_table(3, "market1501").set_index("configuration")["mAP"]
    found = verdicts.table3_gain({}, "market1501")
    assert f"{scores['all'] - scores['baseline']:+.1f}" in found.evidence
    assert found.verdict == "holds"


def effects(**changes: object) -> dict[str, pd.DataFrame]:
    row = {"dataset": "dukemtmc", "effect": 2.0, "std_err": 0.5, "ci_low": 1.0, "ci_high": 3.0, "p_holm": 0.001}
    rows = [row | {"attribute": name, "p_equivalence": 0.9} for name in ("upcolour", "downcolour", "hat")]
    rows[0] |= changes
    return {"robust_effects": pd.DataFrame(rows)}


def test_strong_effects_are_positive_after_holm() -> None:
    rule = verdicts.our_strong("upcolour", "downcolour")
    assert rule(effects(), "dukemtmc").verdict == "holds"
    assert rule(effects(p_holm=0.2), "dukemtmc").verdict == "open"
    assert rule(effects(effect=-2.0, ci_low=-3.0, ci_high=-1.0), "dukemtmc").verdict == "fails"
    # An attribute that the dataset does not annotate is not asked for.
    assert verdicts.our_strong("age", "downcolour")(effects(), "dukemtmc").verdict == "holds"


def test_the_difference_of_two_effects_has_the_larger_error() -> None:
    found = verdicts.lower_above_upper_runs(effects(effect=0.5), "dukemtmc")
    assert found.evidence == "lower less upper colour 1.5 (0.1 to 2.9)"
    assert found.verdict == "holds"
    assert verdicts.lower_above_upper_runs(effects(), "dukemtmc").verdict == "open"


def test_limited_effect_needs_equivalence_and_not_only_insignificance() -> None:
    tables = effects()["robust_effects"]
    quiet = tables.assign(effect=0.1, ci_low=-0.2, ci_high=0.4, p_holm=1.0, p_equivalence=0.01)
    assert verdicts.hat_runs({"robust_effects": quiet}, "dukemtmc").verdict == "holds"
    assert verdicts.hat_runs({"robust_effects": quiet.assign(p_equivalence=0.3)}, "dukemtmc").verdict == "open"
    assert verdicts.hat_runs({"robust_effects": tables}, "dukemtmc").verdict == "fails"


def test_the_committed_verdicts_are_those_of_the_committed_results() -> None:
    if not (ROOT / "results" / "verdicts.csv").is_file():
        pytest.skip("no verdicts yet; `make reproduce` writes them")
    tables = {name: verdicts.read_results(ROOT / "results" / f"{name}.csv") for name in verdicts.SOURCES}
    committed = verdicts.read_results(ROOT / "results" / "verdicts.csv")
    pd.testing.assert_frame_equal(verdicts.judge_claims(tables), committed)
    assert set(committed[["published", "runs", "controls"]].to_numpy().ravel()) <= {"holds", "fails", "open", "–"}
    pages = {page.stem for page in (ROOT / "book").glob("*.md")}
    assert set(committed["page"]) <= pages


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*published_glm\.csv"):
        verdicts.write_verdicts(tmp_path)
