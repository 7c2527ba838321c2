"""Claims in passing: each rule answers both ways, and the committed verdicts are those of the committed tables."""

from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import spearmanr

from mosaicreid.analyses.verdicts import further
from mosaicreid.analyses.verdicts.write import has_annotation, write_further
from mosaicreid.errors import InputError
from mosaicreid.published import load_table
from mosaicreid.results import read_results

ROOT = Path(__file__).parents[3]
ACCESSORIES = ("hat", "backpack", "bag", "handbag")


def tables(*, hats: float = 0.03, coefficients: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)) -> dict[str, pd.DataFrame]:
    """Accessories ever more common, hats the least, with the given coefficients."""
    shares = dict(zip(ACCESSORIES, (hats, 0.2, 0.3, 0.4), strict=True))
    where = {"source": "real", "split": "all", "value": "yes"}
    priors = [
        {**where, "dataset": dataset, "attribute": name, "share": share}
        for dataset in ("market1501", "dukemtmc")
        for name, share in shares.items()
    ]
    glm = [
        {"dataset": dataset, "metric": "mAP", "term": name, "coef": coefficient}
        for dataset in ("market1501", "dukemtmc")
        for name, coefficient in zip(ACCESSORIES, coefficients, strict=True)
    ]
    images = [
        {"source": "real", "dataset": "market1501", "split": split, "identities": count}
        for split, count in (("train", 751), ("query", 750))
    ]
    return {"priors": pd.DataFrame(priors), "published_glm": pd.DataFrame(glm), "images": pd.DataFrame(images)}


def test_prevalence_is_judged_by_all_orders() -> None:
    evidence, verdict = further.follows_prevalence(tables(), "all")
    # Of 24 times 24 orders one alone is in step with the shares on both datasets.
    assert verdict == "holds"
    assert evidence == "Spearman's ρ over four accessories each: 1.00 and 1.00; p = 0.0017 over all 576 orders"
    assert further.follows_prevalence(tables(coefficients=(4.0, 3.0, 2.0, 1.0)), "all")[1] == "fails"
    mixed = tables(coefficients=(2.0, 4.0, 1.0, 3.0))
    assert further.follows_prevalence(mixed, "all")[1] == "open"
    assert f"{spearmanr([1, 2, 3, 4], [2, 4, 1, 3]).statistic:.2f} and" in further.follows_prevalence(mixed, "all")[0]


def test_scarce_is_a_tenth() -> None:
    assert further.hats_are_scarce(tables(hats=0.099), "dukemtmc")[1] == "holds"
    assert further.hats_are_scarce(tables(hats=0.1), "dukemtmc") == (
        "10.0 % of the annotated images; scarce: under 10 %",
        "fails",
    )


def test_the_printed_split_is_held_against_the_files() -> None:
    assert further.printed_split(tables(), "market1501") == ("751 to train, 750 to test", "fails")


@pytest.mark.parametrize(("added", "verdict"), [(2.0, "holds"), (0.0, "fails"), (None, "open")])
def test_accessories_are_judged_by_every_pair(
    added: float | None, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = load_table(3, "market1501")
    with_all_four = table[list(ACCESSORIES)].all(axis=1)
    rest = table["configuration"].isin(["intrinsic+accessories", "all"]) if added is None else with_all_four
    table["mAP"] = 80.0 + (2.0 if added is None else added) * rest
    # The gain of all attributes, of which a tenth is the margin.
    table.loc[table["configuration"] == "baseline", "mAP"] -= 5.0
    if added == 0.0:
        table.loc[table["configuration"] == "accessories", "mAP"] = 75.0
    monkeypatch.setattr(further.published, "load_table", lambda *_: table)
    evidence, found = further.accessories_boost({}, "market1501")
    assert found == verdict
    assert " of 5 pairs of rows" in evidence


def test_every_claim_has_a_rule_or_a_reason() -> None:
    for claim in further.FURTHER_CLAIMS:
        assert (claim.rule is None) == bool(claim.reason), claim.text


def test_the_committed_verdicts_follow(tmp_path: Path) -> None:
    results = ROOT / "results"
    assert has_annotation(results)
    assert not has_annotation(tmp_path)
    read = {name: read_results(results / f"{name}.csv") for name in further.SOURCES}
    pd.testing.assert_frame_equal(further.judge_further(read), read_results(results / "verdicts_further.csv"))


def test_a_missing_row_is_named(tmp_path: Path) -> None:
    for name, table in tables().items():
        kept = table.drop(index=table.index[table.get("attribute") == "hat"]) if name == "priors" else table
        kept.to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(InputError, match=r"Hat: 0 rows with .*`mosaicreid priors` writes it"):
        write_further(tmp_path)
