"""The decision rule at every turn, by hand."""

import pandas as pd
import pytest

from mosaicreid.analyses.strength.decision import (
    ADD,
    ANY,
    BASELINES,
    HARM,
    NEEDED,
    OPEN,
    SUFFICE,
    at_point,
    decide,
    decide_true,
    overall,
)
from mosaicreid.analyses.strength.matched import PAPER_SHARES
from mosaicreid.errors import InputError
from mosaicreid.published import DATASETS, load_table

ROUTES = ("attributes", "identity")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.4, 0.4, SUFFICE),
        (-0.5, 0.5, SUFFICE),
        (0.1, 0.5, SUFFICE),
        (0.1, 0.6, ADD),
        (-0.1, 0.6, OPEN),
        (0.0, 0.6, OPEN),
        (-0.7, -0.1, HARM),
        (-0.7, 0.0, OPEN),
    ],
)
def test_at_one_point(low: float, high: float, verdict: str) -> None:
    assert at_point(low=low, high=high, margin=0.5) == verdict


def test_without_a_gain_nothing_is_a_tenth_of_it() -> None:
    for margin in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="expected a gain above zero to go by"):
            at_point(low=-1, high=1, margin=margin)


def test_over_all_points() -> None:
    def points(*verdicts: str) -> dict[tuple[str, float], str]:
        return dict(zip([(route, at) for route in ROUTES for at in BASELINES], verdicts, strict=True))

    assert overall(points(SUFFICE, SUFFICE, SUFFICE, SUFFICE)) == SUFFICE
    assert overall(points(ADD, ADD, ADD, ADD)) == ADD
    assert overall(points(ADD, ADD, SUFFICE, SUFFICE)) == "depends on the route"
    assert overall(points(ADD, SUFFICE, ADD, SUFFICE)) == "depends on the strength"
    assert overall(points(ADD, ADD, OPEN, ADD)) == OPEN


def curves(low: float, high: float, gain: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        {"route": route, "baseline": at, "estimate": (low + high) / 2, "low": low, "high": high}
        for route in ROUTES
        for at in (50.0, *BASELINES)
    ]
    band = pd.DataFrame(rows)
    return band, band.assign(estimate=gain)


LABELS = curves(0.0, 0.0, 4.0)[1]


def test_the_rule_applied() -> None:
    table = decide(*curves(-0.2, 0.8, 2.5), LABELS, worlds={"attributes": 8, "identity": 4})
    assert table["margin"].tolist() == pytest.approx([0.25] * 4)
    assert table["verdict"].tolist() == [OPEN] * 4
    assert set(table["overall"]) == {OPEN}
    # Half of the band is twice the margin: four times as many worlds.
    assert table["worlds_needed"].tolist() == [32, 32, 16, 16]
    assert table["E"].tolist() == pytest.approx([0.3] * 4)
    assert table["headroom"].tolist() == pytest.approx([100 - at - 4 for at in (*BASELINES, *BASELINES)])
    narrow = decide(*curves(-0.1, 0.1, 2.5), LABELS, worlds={"attributes": 8, "identity": 4})
    assert narrow["worlds_needed"].tolist() == [8, 8, 4, 4]
    assert set(narrow["overall"]) == {SUFFICE}


def test_points_that_are_missing_are_named() -> None:
    band, gain = curves(-0.1, 0.1, 2.5)
    with pytest.raises(InputError, match=r"no band of E at 89.6 on the route identity"):
        decide(band[:-1], gain, LABELS, worlds={"attributes": 8, "identity": 4})
    with pytest.raises(InputError, match=r"gain is not known at 89.6 mAP on the route identity"):
        decide(band, gain[:-1], LABELS, worlds={"attributes": 8, "identity": 4})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.8, NEEDED), (0.0, 0.8, OPEN), (-0.1, 0.1, OPEN), (-0.8, 0.0, OPEN), (-0.8, -0.1, ANY)],
)
def test_whether_labels_must_be_true(low: float, high: float, verdict: str) -> None:
    band, _ = curves(low, high, 2.5)
    table = decide_true(band, worlds={"attributes": 8, "identity": 4})
    assert table["verdict"].tolist() == [verdict] * 4
    assert set(table["overall"]) == {verdict}
    assert table["worlds"].tolist() == [8, 8, 4, 4]
    assert table["H"].tolist() == pytest.approx([(low + high) / 2] * 4)
    assert table["baseline"].tolist() == [*BASELINES, *BASELINES]


def test_whether_labels_must_be_true_can_depend_on_the_strength() -> None:
    band, _ = curves(0.1, 0.8, 2.5)
    strong = band["baseline"] == BASELINES[1]
    changed = band.assign(low=band["low"].mask(strong, -0.8), high=band["high"].mask(strong, -0.1))
    table = decide_true(changed, worlds={"attributes": 8, "identity": 4})
    assert set(table["overall"]) == {"depends on the strength"}
    with pytest.raises(InputError, match=r"no band of H at 89.6 on the route identity"):
        decide_true(band[:-1], worlds={"attributes": 8, "identity": 4})


def test_the_papers_baselines_and_shares_are_its_tables() -> None:
    baselines, shares = [], []
    for dataset in DATASETS:
        scores = load_table(3, dataset).set_index("configuration")["mAP"]
        baselines.append(float(scores["baseline"]))
        shares.append(round(float((scores["all"] - scores["baseline"]) / (100 - scores["baseline"])), 2))
    assert sorted(baselines) == sorted(BASELINES)
    assert sorted(shares) == sorted(PAPER_SHARES)
