"""From a table of experiments to a checked design matrix: what makes attribute effects inseparable is an error here."""

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError, one_of
from mosaicreid.statistics.inputs import column_names, listed, numbers, one_line, whole_number, zero_or_one


def check_columns(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> tuple[pd.DataFrame, pd.Series]:
    """The attribute columns (n, A) and the metric (n,), both float64, checked value by value.

    Rows count by position, whatever the table's index; names may be any sequence of column names.

    Raises:
        InputError: no table; no or repeated attributes, a missing column, an unknown metric; values that are no
            numbers, missing, infinite or without squares; an attribute value other than 0 and 1.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"got a table of type {type(table).__name__}; expected a pandas DataFrame")
    if table.columns.nlevels > 1:
        raise InputError(f"got a table with {table.columns.nlevels} levels of column names; expected one")
    names = column_names("attributes", attributes)
    if not names:
        raise InputError("got no attributes; expected at least one 0/1 column name")
    for name in names:
        if name not in table:
            raise one_of("attribute", name, one_line(table.columns))
    if not isinstance(metric, Hashable) or metric not in table or metric in names:
        columns = [name for name in table.select_dtypes("number") if name not in names]
        raise one_of("metric", metric, one_line(columns))
    return zero_or_one(table, names), numbers(table, metric)


def check_design(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, min_rows: int = 2
) -> tuple[pd.DataFrame, pd.Series]:
    """``check_columns``, and every attribute's own effect can be told from all others and from the intercept.

    ``min_rows``: the fewest included and the fewest excluded rows that an attribute may have.

    Raises:
        InputError: as ``check_columns``; an attribute named Intercept; a constant attribute or metric; an attribute
            with too few rows on one side; two equal columns; no more rows than parameters (A + 1); a perfectly
            collinear column.
    """
    min_rows = whole_number(min_rows, "rows on each side", least=1)
    design, scores = check_columns(table, attributes, metric)
    names, rows = list(design), len(design)
    if "Intercept" in names:
        raise InputError("got an attribute named 'Intercept', which is what the constant is called; rename it")
    for name in names:
        included = int(design[name].sum())
        if included in (0, rows):
            raise InputError(f"attribute {name!r} is constant ({included} of {rows} rows include it); drop it")
        if min(included, rows - included) < min_rows:
            raise InputError(
                f"attribute {name!r} is included in {included} and excluded in {rows - included} rows; "
                f"expected at least {min_rows} of each"
            )
    if scores.min() == scores.max():
        raise InputError(f"metric {metric!r} is {scores.iloc[0]} in every row; there is no variation to explain")
    for index, name in enumerate(names):
        for earlier in names[:index]:
            if (design[name] == design[earlier]).all():
                raise InputError(
                    f"attributes {earlier!r} and {name!r} are equal in every row; "
                    "their effects cannot be told apart: drop one"
                )
    if rows <= len(names) + 1:
        raise InputError(
            f"got {rows} rows for {len(names) + 1} parameters (an intercept and {len(names)} attributes); "
            "expected more rows than parameters"
        )
    _check_rank(design)
    return design, scores


def check_residual(design: pd.DataFrame, scores: pd.Series) -> None:
    """InputError where the columns of ``design`` fit ``scores`` exactly, so that nothing is left to test against."""
    residual = scores - design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    if residual.std() <= 1e-10 * scores.std():
        raise InputError(
            f"metric {scores.name!r} is fitted exactly by the attributes; there is no residual to test against"
        )


def _check_rank(design: pd.DataFrame) -> None:
    basis: dict[Hashable, np.ndarray] = {"Intercept": np.ones(len(design))}
    for name in design:
        column = design[name].to_numpy()
        earlier = np.column_stack(list(basis.values()))
        weights = np.linalg.lstsq(earlier, column, rcond=None)[0]
        if np.abs(column - earlier @ weights).max() < 1e-9:
            parts = [part for part, weight in zip(basis, weights, strict=True) if abs(weight) > 1e-9]
            raise InputError(
                f"attribute {name!r} is perfectly collinear with {listed(parts)}; "
                "their effects cannot be told apart: drop one"
            )
        basis[name] = column
