"""Every table that cannot answer the question is refused in one line that names the column and the values."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mosaicreid.errors import InputError
from mosaicreid.statistics.design_matrix import check_columns, check_design
from mosaicreid.statistics.estimators import fit_glm, forest_importance, shap_values, welch_tests

NAMES = ["a", "b", "c"]


def good() -> pd.DataFrame:
    """All eight combinations of three attributes."""
    bits = np.array([[row >> bit & 1 for bit in range(3)] for row in range(8)])
    table = pd.DataFrame(bits, columns=NAMES)
    return table.assign(mAP=[80.0, 81.0, 82.5, 83.0, 81.5, 84.0, 83.5, 86.0], rank1=90.0, label="x")


def with_column(name: str, values: object) -> pd.DataFrame:
    return good().assign(**{name: values})


# Bad for every analysis: the table itself is wrong.
BAD_COLUMNS: list[tuple[pd.DataFrame, list[str], str, str]] = [
    (good(), [], "mAP", "got no attributes; expected at least one 0/1 column name"),
    (good(), ["a", "b", "a"], "mAP", "got the attributes ['a'] more than once"),
    (good(), ["a", "hat"], "mAP", "unknown attribute 'hat'; expected one of: a, b, c, mAP, rank1, label"),
    (good(), NAMES, "map", "unknown metric 'map'; expected one of: mAP, rank1"),
    (good(), NAMES, "a", "unknown metric 'a'; expected one of: mAP, rank1"),
    (good(), NAMES, "label", "column 'label' holds object values; expected numbers"),
    (with_column("b", [np.nan, 1, 0, 1, 0, 1, 0, 1]), NAMES, "mAP", "column 'b' is missing or infinite in 1 of 8 rows"),
    (with_column("mAP", [80, 81, np.nan, 83, 84, 85, np.nan, 1]), NAMES, "mAP", "in 2 of 8 rows (the first is row 2)"),
    (with_column("mAP", [80, 81, np.inf, 83, 84, 85, 86, 1]), NAMES, "mAP", "column 'mAP' is missing or infinite"),
    (with_column("c", [0, 1, 2, 1, 0, 1, 0, 1]), NAMES, "mAP", "attribute 'c' has the values [2.0]; expected 0"),
    (with_column("c", [0, 1, 0.5, 1, -1, 1, 0, 1]), NAMES, "mAP", "attribute 'c' has the values [-1.0, 0.5]"),
    (pd.concat([good(), good()["a"]], axis=1), NAMES, "mAP", "the table has 2 columns named 'a'; expected one"),
]
# Bad where effects are told apart; a Welch test of one attribute may still be possible.
BAD_DESIGNS: list[tuple[pd.DataFrame, str]] = [
    (with_column("a", 0), "attribute 'a' is constant (0 of 8 rows include it); drop it"),
    (with_column("a", 1), "attribute 'a' is constant (8 of 8 rows include it); drop it"),
    (with_column("b", [0, 0, 0, 1, 0, 0, 0, 0]), "attribute 'b' is included in 1 and excluded in 7 rows"),
    (with_column("b", [1, 1, 0, 1, 1, 1, 1, 1]), "attribute 'b' is included in 7 and excluded in 1 rows"),
    (with_column("mAP", 80.1), "metric 'mAP' is 80.1 in every row; there is no variation to explain"),
    (good().assign(c=good()["a"]), "attributes 'a' and 'c' are equal in every row"),
    (good().assign(c=1 - good()["a"]), "attribute 'c' is perfectly collinear with Intercept, a;"),
    (good().iloc[[0, 3, 5, 6]], "got 4 rows for 4 parameters (an intercept and 3 attributes)"),
    (good().iloc[:1], "is constant"),
    (good().iloc[:0], "attribute 'a' is constant (0 of 0 rows include it)"),
]


@pytest.mark.parametrize(("table", "attributes", "metric", "message"), BAD_COLUMNS)
@pytest.mark.parametrize("analysis", [check_columns, fit_glm, welch_tests, forest_importance, shap_values])
def test_bad_columns(
    analysis: Callable[..., object], table: pd.DataFrame, attributes: list[str], metric: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        analysis(table, attributes, metric)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("table", "message"), BAD_DESIGNS)
@pytest.mark.parametrize("analysis", [check_design, fit_glm, forest_importance, shap_values])
def test_bad_designs(analysis: Callable[..., object], table: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError) as caught:
        analysis(table, NAMES, "mAP")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_collinearity_of_more_than_two_columns_names_them_all() -> None:
    # c = a + b where a and b are never both included.
    table = pd.DataFrame({"a": [0, 1, 0, 1, 0, 0, 0], "b": [1, 0, 1, 0, 0, 0, 1], "mAP": range(7)})
    table["c"] = table["a"] + table["b"]
    with pytest.raises(InputError, match="'c' is perfectly collinear with a, b;"):
        check_design(table, NAMES, "mAP")


def test_one_row_on_a_side_is_enough_where_it_is_asked_for() -> None:
    table = with_column("b", [0, 0, 0, 1, 0, 0, 0, 0])
    design, _ = check_design(table, NAMES, "mAP", min_rows=1)
    assert design["b"].sum() == 1


def test_booleans_and_integers_are_numbers() -> None:
    design, scores = check_columns(good().astype({"a": bool, "mAP": int}), NAMES, "mAP")
    assert design.dtypes.tolist() == ["float64"] * 3
    assert scores.dtype == "float64"


@given(arrays(np.int8, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 1)))
@settings(deadline=None)
def test_what_passes_has_full_rank_and_what_fails_has_not(bits: np.ndarray) -> None:
    table = pd.DataFrame(bits, columns=NAMES).assign(mAP=np.arange(len(bits)))
    columns = np.column_stack([np.ones(len(bits)), bits])
    estimable = np.linalg.matrix_rank(columns) == 4 and len(bits) > 4
    try:
        check_design(table, NAMES, "mAP", min_rows=1)
    except InputError:
        assert not estimable
    else:
        assert estimable
