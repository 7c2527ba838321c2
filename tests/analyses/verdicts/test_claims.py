from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.verdicts import claims
from mosaicreid.analyses.verdicts.write import write_verdicts
from mosaicreid.errors import InputError
from mosaicreid.published import load_table
from mosaicreid.results import read_results

ROOT = Path(__file__).parents[3]


def test_the_committed_verdicts_are_those_of_the_committed_results() -> None:
    results = ROOT / "results"
    missing = [name for name in (*claims.SOURCES, "verdicts") if not (results / f"{name}.csv").is_file()]
    if missing:
        pytest.skip(f"no {', '.join(missing)} in results yet; `make reproduce` writes them")
    there = [name for name in claims.OPTIONAL if (results / f"{name}.csv").is_file()]
    tables = {name: read_results(results / f"{name}.csv") for name in (*claims.SOURCES, *there)}
    committed = read_results(results / "verdicts.csv")
    pd.testing.assert_frame_equal(claims.judge_claims(tables), committed)


def test_every_claim_is_judged_by_something_and_shown_on_a_page() -> None:
    for claim in claims.CLAIMS:
        assert any((claim.published, claim.runs, claim.controls))
        assert (ROOT / "book" / f"{claim.page}.md").is_file()
    assert len({claim.text for claim in claims.CLAIMS}) == len(claims.CLAIMS)


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """Evidence that holds for everything, on both datasets."""
    both = pd.DataFrame({"dataset": claims.DATASETS})
    good = {"effect": 2.0, "ci_low": 1.0, "ci_high": 3.0, "value": 2.0, "points": 2.0, "share": 0.5}
    limited = {"attribute": "hat", "effect": 0.0, "std_err": 0.02, "df": 100.0}
    paper = {"paper_effect": 2.0, "paper_ci_low": 1.0, "paper_ci_high": 3.0}
    contrasts = pd.DataFrame({"contrast": [claims.COLOURS, claims.INTRINSIC, claims.LOWER_COLOUR]})
    splits = [("gain", "whole"), ("given-labels", "whole"), ("permuted-trained", "from control")]
    splits += [("look-alikes", "whole"), ("predicted", "to control")]
    last_k = {"last_k": 3, "depth": 4, "difference": 0.0, "ci_low": -0.1, "ci_high": 0.1}
    hat = {"metric": "mAP", "term": "hat", "coef": 0.0, "t_low": -0.1, "t_high": 0.1, "df_resid": 9}
    split = both.merge(pd.DataFrame(splits, columns=["split", "part"]), how="cross").assign(**good)
    split.loc[split["split"] == "permuted-trained", ["points", "ci_low", "ci_high"]] = 1.8, 1.5, 2.1
    return {
        "published_glm": both.assign(**hat),
        "caveats_t_vs_z": both.assign(**hat),
        "experiment_last_k": pd.DataFrame({"source": ["ours", "paper"]}).assign(**last_k),
        "robust_effects": both.assign(**limited),
        **{f"experiment_table3_{dataset}": load_table(3, dataset) for dataset in claims.DATASETS},
        "robust_contrasts": both.merge(contrasts, how="cross").assign(**good, **paper),
        "robust_gains": both.assign(configuration="all", gain=2.0, sim_low=1.0, sim_high=3.0),
        "oracle_split": split,
        "oracle_heads": both.assign(gain=0.1),
        "shapley_contrasts": both.merge(contrasts, how="cross").assign(**good),
    }


def test_every_claim_is_judged_on_every_dataset_of_its_own(tables: dict[str, pd.DataFrame]) -> None:
    found = claims.judge_claims(tables)
    assert len(found) == 2 * len(claims.CLAIMS) - 1
    judged = found[["published", "runs", "controls"]].to_numpy()
    # One row decides what DukeMTMC's table says of intrinsic attributes.
    assert set(np.ravel(judged)) == {"holds", "–", "found (positive control)", "open"}
    decided = found[(found[["published", "runs", "controls"]] == "open").any(axis=1)]
    assert decided[["claim", "dataset"]].to_numpy().tolist() == [
        ["Intrinsic attributes contribute most strongly", "DukeMTMC"]
    ]
    worse = tables["oracle_split"].assign(ci_low=-3.0, ci_high=-1.0)
    found = claims.judge_claims(tables | {"oracle_split": worse})
    assert found.loc[found["page"] == "oracle", "controls"].str.startswith("fails").all()


def strength(verdicts: list[str], overall: str, **columns: float) -> pd.DataFrame:
    points = pd.DataFrame({"route": ["a", "a", "b", "b"], "baseline": [82.6, 89.6] * 2, "verdict": verdicts})
    return points.assign(overall=overall, low=[-0.2, -0.1, 0.0, -0.1], high=[0.1, 0.2, 0.3, 0.1], **columns)


def test_over_the_strength_of_the_baseline_the_decision_is_the_verdict(tables: dict[str, pd.DataFrame]) -> None:
    plain = claims.judge_claims(tables)
    assert set(plain["strength"]) == {"–"}
    decided = {
        "strength_decision": strength(["labels suffice"] * 4, "labels suffice", margin=0.31, headroom=1.5),
        "strength_true": strength(["true labels needed", "open"] * 2, "open"),
    }
    found = claims.judge_claims(tables | decided)
    of_claim = found.groupby("claim", sort=False)["strength"].agg(set).iloc[:3].tolist()
    assert of_claim == [{"fails"}, {"open"}, {"–"}]
    assert found["strength_evidence"].iloc[0] == (
        "beyond the labels, after short training, -0.2 to 0.3 at baselines of 82.6 and 89.6 mAP; "
        "10% of the gain is 0.3 to 0.3; 1.5 to 1.5 are left to add"
    )
    pd.testing.assert_frame_equal(found[["controls", "controls_p_holm"]], plain[["controls", "controls_p_holm"]])
    split = strength(["true labels needed", "any labels do"] * 2, "depends on the strength")
    depends = claims.judge_claims(tables | {"strength_true": split}).iloc[2]
    assert depends["strength"] == "depends on the strength"
    assert depends["strength_evidence"].endswith(
        "holds at 82.6 (a), fails at 89.6 (a), holds at 82.6 (b), fails at 89.6 (b)"
    )


def test_labels_that_must_be_true_after_short_training_alone_depend_on_it(tables: dict[str, pd.DataFrame]) -> None:
    both = {"dataset": ["market1501", "dukemtmc"] * 2, "question": ["most_short"] * 2 + ["most_long"] * 2}
    both |= {"short": [4] * 4, "long": [24] * 4}
    ends = {"estimate": [2.4, 1.1, -6.5, -6.6], "low": [2.3, 0.3, -7.3, -7.7], "high": [2.6, 1.9, -5.6, -5.5]}
    tables |= {"strength_true": strength(["true labels needed"] * 4, "true labels needed")}
    short, long = ["true labels needed"] * 2, ["any labels do"] * 2

    def judged(*verdicts: str) -> pd.Series:
        lengths = pd.DataFrame(both | ends).assign(verdict=list(verdicts))
        return claims.judge_claims(tables | {"lengths_decision": lengths}).iloc[2]

    assert claims.judge_claims(tables).iloc[2]["strength"] == "holds"
    turned = judged(*short, *long)
    assert turned["strength"] == "depends on the training"
    assert turned["strength_evidence"].endswith(
        "; in default worlds after 4 epochs 2.4 (2.3 to 2.6) like Market-1501, 1.1 (0.3 to 1.9) like DukeMTMC, "
        "after 24 epochs -6.5 (-7.3 to -5.6) like Market-1501, -6.6 (-7.7 to -5.5) like DukeMTMC"
    )
    for verdicts in ((*short, "any labels do", "open"), ("open", "open", *long), (*short, *short)):
        assert judged(*verdicts)["strength"] == "holds"


def test_what_longer_training_adds_beyond_labels_is_said_and_does_not_decide(tables: dict[str, pd.DataFrame]) -> None:
    decided = strength(["labels suffice"] * 4, "labels suffice", margin=0.31, headroom=1.5)
    rows = [("all", 4, "E", 9.0), ("all", 24, "E", 0.5), ("all", 24, "gain", 9.0), ("hat", 24, "E", 9.0)]
    lengths = pd.DataFrame(rows, columns=["configuration", "epochs", "quantity", "mean"])
    lengths = lengths.assign(dataset="dukemtmc", low=lengths["mean"] - 0.2, high=lengths["mean"] + 0.3)
    found = claims.judge_claims(tables | {"strength_decision": decided, "lengths": lengths}).iloc[0]
    assert found["strength"] == "fails"
    assert found["strength_evidence"].endswith("; in default worlds after 24 epochs 0.5 (0.3 to 0.8) like DukeMTMC")
    one = lengths.assign(low=np.nan, high=np.nan)
    found = claims.judge_claims(tables | {"strength_decision": decided, "lengths": one}).iloc[0]
    assert found["strength_evidence"].endswith("; in default worlds after 24 epochs 0.5 in one world like DukeMTMC")


def test_what_is_added_to_labels_made_worse_is_said_and_does_not_decide(tables: dict[str, pd.DataFrame]) -> None:
    decided = strength(["labels suffice"] * 4, "labels suffice", margin=0.31, headroom=1.5)
    rows = [("E", 1.5, 4, 4), ("E", -2.2, 4, 4), ("E", 40.0, 2, 4), ("L", 60.0, 4, 4), ("E", -5.2, 4, 24)]
    worse = pd.DataFrame(rows, columns=["quantity", "mean", "worlds", "epochs"])
    found = claims.judge_claims(tables | {"strength_decision": decided, "strength_matched": worse}).iloc[0]
    assert found["strength"] == "fails"
    assert found["strength_evidence"].endswith("; beyond labels made worse, -2.2 to 1.5 in single cells")
    none = worse[worse["worlds"] == 2]
    found = claims.judge_claims(tables | {"strength_decision": decided, "strength_matched": none}).iloc[0]
    assert "made worse" not in found["strength_evidence"]


def test_a_verdict_that_holms_correction_does_not_leave_stands_alone(tables: dict[str, pd.DataFrame]) -> None:
    tables["shapley_contrasts"].loc[0, ["value", "ci_low", "ci_high"]] = 1.0, 0.05, 1.95
    tables["shapley_contrasts"].loc[1, ["value", "ci_low", "ci_high"]] = 0.1, -1.9, 2.1
    found = claims.judge_claims(tables)
    p_value = found[[f"{kind}_p" for kind in claims.KINDS]].to_numpy()
    holm = found[[f"{kind}_p_holm" for kind in claims.KINDS]].to_numpy()
    # Holm (1979) by its definition: the k-th smallest of m is multiplied by m - k + 1, and never falls.
    order = np.argsort(p_value, axis=None)[: (~np.isnan(p_value)).sum()]
    steps = np.arange(len(order), 0, -1) * p_value.flat[order]
    np.testing.assert_allclose(holm.flat[order], np.minimum(np.maximum.accumulate(steps), 1))
    assert np.isnan(holm[np.isnan(p_value)]).all()
    weak = found.query("claim == 'Clothing colours contribute most strongly' and dataset == 'Market-1501'").iloc[0]
    assert weak["controls_p"] < 0.05 < weak["controls_p_holm"]
    assert weak["controls"] == "found (positive control), alone"
    assert found[list(claims.KINDS)].melt()["value"].str.contains("alone").sum() == 1


def test_missing_evidence_is_named(tables: dict[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        with pytest.raises(InputError, match="no evidence on"):
            claims.judge_claims(tables | {name: table.iloc[:0]})


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*published_glm\.csv"):
        write_verdicts(tmp_path)
