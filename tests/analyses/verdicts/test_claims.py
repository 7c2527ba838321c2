from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.verdicts import claims
from mosaicreid.analyses.verdicts.write import write_verdicts
from mosaicreid.errors import InputError
from mosaicreid.results import read_results

ROOT = Path(__file__).parents[3]


def test_the_committed_verdicts_are_those_of_the_committed_results() -> None:
    results = ROOT / "results"
    missing = [name for name in (*claims.SOURCES, "verdicts") if not (results / f"{name}.csv").is_file()]
    if missing:
        pytest.skip(f"no {', '.join(missing)} in results yet; `make reproduce` writes them")
    tables = {name: read_results(results / f"{name}.csv") for name in claims.SOURCES}
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
    paper = {"paper_effect": 2.0, "paper_ci_low": 1.0, "paper_ci_high": 3.0}
    contrasts = pd.DataFrame({"contrast": [claims.COLOURS, claims.INTRINSIC, claims.LOWER_COLOUR]})
    splits = [("fusion-crossfit", "from control"), ("permuted-trained", "from control")]
    splits += [("look-alikes", "whole"), ("predicted", "to control")]
    last_k = {"last_k": 3, "depth": 4, "difference": 0.0, "ci_low": -0.1, "ci_high": 0.1}
    hat = {"metric": "mAP", "term": "hat", "coef": 0.0, "t_low": -0.1, "t_high": 0.1}
    return {
        "published_glm": both.assign(**hat),
        "caveats_t_vs_z": both.assign(**hat),
        "experiment_last_k": pd.DataFrame({"source": ["ours", "paper"]}).assign(**last_k),
        "robust_panels": both.assign(margin=0.5),
        "robust_effects": both.assign(attribute="hat", **good).assign(p_equivalence=0.01),
        "robust_contrasts": both.merge(contrasts, how="cross").assign(**good, **paper),
        "robust_gains": both.assign(configuration="all", gain=2.0, sim_low=1.0, sim_high=3.0),
        "oracle_split": both.merge(pd.DataFrame(splits, columns=["split", "part"]), how="cross").assign(**good),
        "shapley_contrasts": both.merge(contrasts, how="cross").assign(**good),
    }


def test_every_claim_is_judged_on_every_dataset_of_its_own(tables: dict[str, pd.DataFrame]) -> None:
    found = claims.judge_claims(tables)
    assert len(found) == 2 * len(claims.CLAIMS) - 1
    judged = found[["published", "runs", "controls"]].to_numpy()
    assert set(np.ravel(judged)) == {"holds", "–"}
    worse = tables["oracle_split"].assign(ci_low=-3.0, ci_high=-1.0)
    found = claims.judge_claims(tables | {"oracle_split": worse})
    assert (found.loc[found["page"] == "oracle", "controls"] == "fails").all()


def test_missing_evidence_is_named(tables: dict[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        with pytest.raises(InputError, match="no evidence on"):
            claims.judge_claims(tables | {name: table.iloc[:0]})


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*published_glm\.csv"):
        write_verdicts(tmp_path)
