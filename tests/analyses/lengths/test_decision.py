"""The rules at their edges."""

import math

import pytest

from mosaicreid.analyses.lengths.decision import ANOTHERS, TRUE, end, further, order, pair, side


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.9, 1.1, "at what labels bring"),
        (0.95, 1.05, "at what labels bring"),
        (0.4, 0.89, "short of it"),
        (1.11, 1.5, "beyond it"),
        (0.89, 1.05, "open"),
        (0.95, 1.2, "open"),
        (math.nan, math.nan, "open"),
    ],
)
def test_where_the_gain_ends(low: float, high: float, verdict: str) -> None:
    assert end(low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 2, ANOTHERS), (-2, -0.1, TRUE), (-0.1, 0.1, "open"), (math.nan, math.nan, "open")],
)
def test_a_side_of_zero(low: float, high: float, verdict: str) -> None:
    assert side(low, high, above=ANOTHERS, below=TRUE) == verdict


@pytest.mark.parametrize(
    ("short", "long", "verdict"),
    [
        ((-2, -1), (1, 2), "turns round"),
        ((1, 2), (-2, -1), "turns round"),
        ((1, 2), (0.1, 9), "stays"),
        ((-2, -1), (-2, -1), "stays"),
        ((-1, 1), (1, 2), "open"),
        ((1, 2), (-1, 1), "open"),
        ((math.nan, math.nan), (1, 2), "open"),
    ],
)
def test_a_pair(short: tuple[float, float], long: tuple[float, float], verdict: str) -> None:
    assert pair(short, long) == verdict


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        (["stays", "stays"], "stays"),
        (["stays", "open", "turns round"], "depends"),
        (["stays", "open"], "open"),
        ([], "open"),
    ],
)
def test_the_order_of_a_dataset(pairs: list[str], verdict: str) -> None:
    assert order(pairs) == verdict


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (-0.5, 1, 1, "no longer moves"),
        (-1, 1, 1, "no longer moves"),
        (0.2, 0.9, 1, "no longer moves"),
        (1.1, 2, 1, "grows on"),
        (-2, -1.1, 1, "shrinks"),
        (0.5, 1.5, 1, "open"),
        (-1.5, 0.5, 1, "open"),
        (-9, 9, 1, "open"),
        # Nothing was gained before, so that there is nothing to be a share of.
        (0.1, 0.2, -1, "grows on"),
        (-0.1, 0.1, 0, "open"),
        (math.nan, math.nan, 1, "open"),
    ],
)
def test_whether_it_moves_after_long(low: float, high: float, margin: float, verdict: str) -> None:
    assert further(low, high, margin=margin) == verdict
