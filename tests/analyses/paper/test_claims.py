"""Verdicts follow from the tables: changed evidence changes the verdict, and no claim is judged without evidence."""

from collections.abc import Callable

import pandas as pd
import pytest

from mosaicreid.analyses.paper import claims
from mosaicreid.analyses.paper.claim_rules import (
    TableClaim,
    any_difference,
    attributes_differ,
    difference,
    effect,
    forest_leaders,
    leaders,
    same_conclusions,
    stronger,
    weak,
)


def claim(rule: Callable[..., object], *attributes: str) -> TableClaim:
    return TableClaim(
        topic="t",
        text="x",
        where="y",
        rule=rule,
        dataset="dukemtmc",
        metric="mAP",
        attributes=attributes,  # type: ignore[arg-type]
    )


def frame(*rows: dict[str, object], metric: str = "mAP") -> pd.DataFrame:
    """Rows of the dataset in question, among rows of another that must not matter."""
    here = pd.DataFrame(rows).assign(dataset="dukemtmc", metric=metric)
    return pd.concat([here, here.assign(dataset="market1501")], ignore_index=True)


def effect_tables(p_z: float = 0.001, p_t: float = 0.002, holm: float = 0.01, one: bool = False) -> claims.Tables:
    return {
        "caveats_t_vs_z": frame({"term": "hat", "p_z": p_z, "p_t": p_t}),
        "caveats_multiplicity": frame(
            {"test": "t", "attribute": "hat", "p_holm": holm}, {"test": "z", "attribute": "hat", "p_holm": 0.9}
        ),
        "caveats_influence_summary": frame(
            {"term": "hat", "coef": 0.5, "p_max": 0.3, "p_max_without": "all", "rests_on_one_row": one}
        ),
    }


@pytest.mark.parametrize(
    ("tables", "objections"),
    [
        (effect_tables(), []),
        (effect_tables(one=True), ["rests on one row"]),
        (effect_tables(holm=0.06), ["does not survive correction"]),
        (effect_tables(p_t=0.06, holm=0.6), ["not significant under t", "does not survive correction"]),
        (effect_tables(p_z=0.06, p_t=0.08, holm=0.6, one=True), ["not significant in the paper's own table"]),
    ],
)
def test_effect(tables: claims.Tables, objections: list[str]) -> None:
    evidence, found = effect(claim(effect, "hat"), tables)
    assert found == objections
    assert evidence.startswith("coefficient 0.50; p = ")
    assert evidence.endswith("0.3 (z) without the row All attributes")


def test_a_negative_effect_is_no_contribution() -> None:
    tables = dict(effect_tables())
    tables["caveats_influence_summary"] = tables["caveats_influence_summary"].assign(coef=-0.5)
    assert effect(claim(effect, "hat"), tables)[1] == ["not significant in the paper's own table"]


@pytest.mark.parametrize(
    ("low", "high", "objections"),
    [
        (-0.1, 0.2, []),
        (-0.1, 0.5, ["the interval reaches effects called strong"]),
        (0.1, 0.2, ["the interval excludes zero"]),
        (-0.2, -0.1, ["the interval excludes zero"]),
    ],
)
def test_weak(low: float, high: float, objections: list[str]) -> None:
    rows = [{"term": "hat", "coef": 0.0, "ci_low": low, "ci_high": high}]
    rows += [{"term": name, "coef": coef, "ci_low": 0.1, "ci_high": 1.0} for name, coef in {"a": 0.5, "b": 0.7}.items()]
    found = weak(claim(weak, "hat"), {"published_glm": frame(*rows)}, strong=("a", "b"))
    assert found[1] == objections
    assert found[0].endswith("the least strong effect is 0.50")


def welch_tables(p_value: float = 0.004, holm: float = 0.03, p_glm: float = 0.001) -> claims.Tables:
    tested = [
        {"test": "welch", "attribute": "hat", "p_value": p_value, "p_holm": holm},
        {"test": "welch", "attribute": "bag", "p_value": 0.5, "p_holm": 1.0},
    ]
    return {
        "published_welch": frame(*tested),
        "caveats_multiplicity": frame(*tested),
        "caveats_confounding": frame({"attribute": "hat", "p_glm": p_glm}, {"attribute": "bag", "p_glm": 0.5}),
    }


@pytest.mark.parametrize(
    ("tables", "objections"),
    [
        (welch_tables(), []),
        (welch_tables(holm=0.05), ["does not survive correction"]),
        (welch_tables(p_glm=0.2), ["gone once the other attributes are held fixed"]),
        (welch_tables(p_value=0.01, p_glm=0.2), ["p is not below 0.01 in the paper's own table"]),
        (welch_tables(p_value=float("nan")), ["p is not below 0.01 in the paper's own table"]),
    ],
)
def test_difference(tables: claims.Tables, objections: list[str]) -> None:
    assert difference(claim(difference, "hat"), tables, level=0.01)[1] == objections


def test_any_difference_takes_the_best() -> None:
    evidence, objections = any_difference(claim(any_difference, "bag", "hat"), welch_tables(), level=0.01)
    assert evidence.startswith("Hat: p = 0.004")
    assert objections == []


def test_leaders_compares_sizes_and_leaves_the_intercept_out() -> None:
    rows = {"Intercept": 90.0, "hat": -3.0, "bag": 2.0, "boots": 1.0}
    tables = {"published_glm": frame(*({"term": name, "coef": value} for name, value in rows.items()))}
    assert leaders(claim(leaders, "hat", "bag"), tables, table="published_glm", statistic="coef", k=2) == (
        "largest: Hat 3.00, Bag 2.00",
        [],
    )
    found = leaders(claim(leaders, "bag", "boots"), tables, table="published_glm", statistic="coef", k=2)
    assert found[1] == ["the first 2 include Hat"]


@pytest.mark.parametrize(
    ("values", "worst", "objections"),
    [
        ({"hat": 0.5, "bag": 0.4, "up": 0.1}, 2, []),
        ({"hat": 0.5, "bag": 0.4, "up": 0.1}, 3, ["depends on the forest's seed"]),
        ({"hat": 0.1, "bag": 0.4, "up": 0.2}, 2, ["not so with the paper's own seed"]),
    ],
)
def test_forest_leaders(values: dict[str, float], worst: int, objections: list[str]) -> None:
    tables = {
        "published_forest": frame(*({"attribute": name, "pimp": value} for name, value in values.items())),
        "published_shap": frame(
            *({"attribute": name, "shap": sign * value} for name, value in values.items() for sign in (1, -1))
        ),
        "caveats_forest_seeds": frame(
            *(
                {"importance": importance, "attribute": name, "rank_worst": worst}
                for importance in ("pimp", "shap")
                for name in values
            )
        ),
    }
    for importance in ("pimp", "shap"):
        found = forest_leaders(claim(forest_leaders, "hat", "bag"), tables, importance=importance, k=2)
        assert found[1] == objections


@pytest.mark.parametrize(
    ("coef", "p_value", "objections"),
    [(0.5, 0.01, []), (0.5, 0.2, ["the difference is not significant"]), (-0.5, 0.01, ["the other way round"])],
)
def test_stronger(coef: float, p_value: float, objections: list[str]) -> None:
    row = {"first": "hat", "second": "bag", "coef": coef, "std_err": 0.1, "p_value": p_value}
    assert stronger(claim(stronger, "hat", "bag"), {"caveats_contrast": frame(row)})[1] == objections


@pytest.mark.parametrize(("p_value", "objections"), [(0.01, []), (0.2, ["cannot be told from counting attributes"])])
def test_attributes_differ(p_value: float, objections: list[str]) -> None:
    tables = {"caveats_equal_effects": frame({"r2_count": 0.8, "r2_full": 0.9, "p_value": p_value})}
    evidence, found = attributes_differ(claim(attributes_differ), tables)
    assert found == objections
    assert evidence.startswith("their number alone explains 80% of the variance, all separately 90%")


@pytest.mark.parametrize(("p_rank1", "objections"), [(0.01, []), (0.2, ["other attributes are significant"])])
def test_same_conclusions(p_rank1: float, objections: list[str]) -> None:
    first = frame({"term": "hat", "p_value": p_rank1}, {"term": "Intercept", "p_value": 0.0}, metric="rank1")
    second = frame({"term": "hat", "p_value": 0.02}, {"term": "bag", "p_value": 0.3})
    tables = {"published_glm": pd.concat([first, second])}
    assert same_conclusions(claim(same_conclusions, "hat"), tables, other="rank1")[1] == objections


def test_a_claim_without_its_one_row_of_evidence_is_not_judged() -> None:
    with pytest.raises(LookupError, match="0 rows of caveats_t_vs_z for t-dukemtmc-mAP-bag"):
        effect(claim(effect, "bag"), effect_tables())


def test_every_claim_has_an_id_of_its_own() -> None:
    ids = [one.id for one in claims.TABLE_CLAIMS]
    assert len(ids) == len(set(ids))
    assert not any(" " in one or "," in one for one in ids)


def test_summary_counts_what_holds() -> None:
    judged = pd.DataFrame({"dataset": ["a", "a", "b"], "verdict": ["holds", "rests on one row", "holds"]})
    assert claims.summarise(judged).to_numpy().tolist() == [["a", 1, 2], ["b", 1, 1], ["all", 2, 3]]
