"""From a table of experiments to a checked design matrix: what makes attribute effects inseparable is an error here."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mosaicreid.errors import InputError, one_of


def check_columns(table: pd.DataFrame, attributes: Sequence[str], metric: str) -> tuple[pd.DataFrame, pd.Series]:
    """The attribute columns (n, A) and the metric (n,), both float64, checked value by value.

    Raises:
        InputError: no or repeated attributes, a missing column, an unknown metric, NaN or infinite or non-numeric
            values, an attribute value other than 0 and 1.
    """
    if not attributes:
        raise InputError("got no attributes; expected at least one 0/1 column name")
    repeated = sorted({name for name in attributes if list(attributes).count(name) > 1})
    if repeated:
        raise InputError(f"got the attributes {repeated} more than once; expected every column name once")
    for name in attributes:
        if name not in table:
            raise one_of("attribute", name, table.columns)
    if metric not in table or metric in attributes:
        raise one_of("metric", metric, [name for name in table.select_dtypes("number") if name not in attributes])
    numbers = {name: _numeric(table, name) for name in (*attributes, metric)}
    for name in attributes:
        odd = sorted(set(numbers[name]) - {0.0, 1.0})
        if odd:
            raise InputError(f"attribute {name!r} has the values {odd[:3]}; expected 0 (excluded) and 1 (included)")
    return pd.DataFrame({name: numbers[name] for name in attributes}), numbers[metric]


def check_design(
    table: pd.DataFrame, attributes: Sequence[str], metric: str, *, min_rows: int = 2
) -> tuple[pd.DataFrame, pd.Series]:
    """``check_columns``, and every attribute's own effect can be told from all others and from the intercept.

    ``min_rows``: the fewest included and the fewest excluded rows that an attribute may have.

    Raises:
        InputError: as ``check_columns``; a constant attribute or metric; an attribute with too few rows on one side;
            two equal columns; no more rows than parameters (A + 1); a perfectly collinear column.
    """
    design, scores = check_columns(table, attributes, metric)
    rows = len(design)
    for name in attributes:
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
    for index, name in enumerate(attributes):
        for earlier in attributes[:index]:
            if (design[name] == design[earlier]).all():
                raise InputError(
                    f"attributes {earlier!r} and {name!r} are equal in every row; "
                    "their effects cannot be told apart: drop one"
                )
    if rows <= len(attributes) + 1:
        raise InputError(
            f"got {rows} rows for {len(attributes) + 1} parameters (an intercept and {len(attributes)} attributes); "
            "expected more rows than parameters"
        )
    _check_rank(design)
    return design, scores


def _numeric(table: pd.DataFrame, name: str) -> pd.Series:
    column = table[name]
    if isinstance(column, pd.DataFrame):
        raise InputError(f"the table has {column.shape[1]} columns named {name!r}; expected one")
    if not pd.api.types.is_numeric_dtype(column):
        raise InputError(f"column {name!r} holds {column.dtype} values; expected numbers")
    numbers = column.astype("float64")
    bad = ~np.isfinite(numbers.to_numpy())
    if bad.any():
        raise InputError(
            f"column {name!r} is missing or infinite in {int(bad.sum())} of {len(bad)} rows "
            f"(the first is row {int(bad.argmax())}); expected a number in every row"
        )
    return numbers


def _check_rank(design: pd.DataFrame) -> None:
    basis = {"Intercept": np.ones(len(design))}
    for name in design:
        column = design[name].to_numpy()
        earlier = np.column_stack(list(basis.values()))
        weights = np.linalg.lstsq(earlier, column, rcond=None)[0]
        if np.abs(column - earlier @ weights).max() < 1e-9:
            parts = [part for part, weight in zip(basis, weights, strict=True) if abs(weight) > 1e-9]
            raise InputError(
                f"attribute {name!r} is perfectly collinear with {', '.join(parts)}; "
                "their effects cannot be told apart: drop one"
            )
        basis[str(name)] = column
