"""Checks that every analysis shares: columns of numbers, names of columns, whole numbers, shares and arrays.

Each returns its value in the type that is computed with, and raises an InputError of one line otherwise.
"""

import operator
from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype

from mosaicreid.errors import InputError

_NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean")
# The square of a variance is infinite for numbers beyond, and zero for differences below.
_LARGEST, _SMALLEST = 1e75, 1e-75


def numbers(table: pd.DataFrame, name: Hashable, *, missing: bool = False) -> pd.Series:
    """A column as float64, of the table's index: of any type of numbers or booleans, nullable and object ones too.

    With ``missing``, missing and infinite values are let through.

    Raises:
        InputError: several columns of that name, values that are no real numbers, missing, infinite or of a size that
            variances do not have in float64.
    """
    column = table[name]
    if isinstance(column, pd.DataFrame):
        raise InputError(f"the table has {column.shape[1]} columns named {name!r}; expected one")
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(np.asarray(column))
    if infer_dtype(column, skipna=True) not in _NUMBERS and not (column.empty and column.dtype == object):
        raise InputError(f"column {name!r} holds {column.dtype} values; expected numbers")
    try:
        values = column.to_numpy(dtype="float64", na_value=np.nan)
    except OverflowError:
        raise InputError(f"column {name!r} holds integers beyond float64; expected smaller numbers") from None
    bad = ~np.isfinite(values)
    if bad.any() and not missing:
        raise InputError(
            f"column {name!r} is missing or infinite in {int(bad.sum())} of {len(bad)} rows "
            f"(the first is row {int(bad.argmax())}); expected a number in every row"
        )
    if len(values) and not missing and (np.abs(values).max() > _LARGEST or 0 < np.ptp(values) < _SMALLEST):
        raise InputError(
            f"column {name!r} has values from {values.min():g} to {values.max():g}; expected numbers up to "
            f"{_LARGEST:g} that differ by more than {_SMALLEST:g} (use other units)"
        )
    return pd.Series(values, index=table.index, name=name)


def zero_or_one(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The columns (n, A) of attributes as float64: 1 where a row includes it; InputError at another value."""
    design = pd.DataFrame({name: numbers(table, name) for name in names})
    for name in names:
        odd = sorted(set(design[name]) - {0.0, 1.0})
        if odd:
            raise InputError(f"attribute {name!r} has the values {odd[:3]}; expected 0 (excluded) and 1 (included)")
    return design


def integers(table: pd.DataFrame, name: Hashable) -> NDArray[np.int64]:
    """A column of whole numbers of any type, by position; InputError at another number, or one beyond int64."""
    values, column = numbers(table, name).to_numpy(), np.asarray(table[name])
    exact = column.dtype.kind in "iub"
    odd = (values % 1 != 0) | (np.abs(values) > (2**63 - 1024 if exact else 2**53))
    if odd.any():
        raise InputError(
            f"column {name!r} holds {values[odd][0]:g}; expected whole numbers that have all of their digits"
        )
    return (column if exact else values).astype(np.int64)


def labels(table: pd.DataFrame, name: Hashable, what: str) -> pd.Series:
    """A column of names, without its index and categories; InputError where one is missing or of another type."""
    column = pd.Series(np.asarray(table[name]))
    if column.isna().any():
        raise InputError(f"the {what} has no {name} in row {int(column.isna().argmax())}; expected one in every row")
    try:
        sorted(set(column))
    except TypeError:
        raise InputError(
            f"the {what} has a {name} unlike the others; expected strings alone or numbers alone"
        ) from None
    return column


def column_names(what: str, names: object) -> list[str]:
    """Several names as a list; a single string is none, since its letters would be taken for names."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InputError(f"got the {what} {shown(names)}; expected a list of column names")
    found = [str(name) if isinstance(name, str) else name for name in names]
    if not all(isinstance(name, Hashable) for name in found):
        raise InputError(f"got {what} that are {type(found[0]).__name__}; expected a list of column names")
    repeated = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if repeated:
        raise InputError(f"got the {what} {repeated} more than once; expected every column name once")
    return found


def require_columns(table: object, columns: Iterable[Hashable], what: str) -> None:
    """InputError naming the columns that ``table`` lacks or has several times."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"the {what} is of type {type(table).__name__}; expected a pandas DataFrame")
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"the {what} lacks the columns {missing}; it has: {listed(table.columns)}")
    repeated = [column for column in columns if isinstance(table[column], pd.DataFrame)]
    if repeated:
        raise InputError(f"the {what} has several columns named {repeated}; expected one of each")


def whole_number(value: object, what: str, *, least: int, most: int | None = None, hint: str = "") -> int:
    """A whole number of ``least`` or more, and of ``most`` at most where there is one."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"got {shown(value)} {what}, expected a whole number of at least {least}{hint}") from None
    if number < least:
        raise InputError(f"got {number} {what}, expected at least {least}{hint}")
    if most is not None and number > most:
        raise InputError(f"got {number} {what}, expected at most {most}")
    return number


def seed_of(value: object, *, most: int | None = None) -> int:
    """A seed: 0 or more, and ``most`` at most where the generator takes no larger one."""
    return whole_number(value, "as seed", least=0, most=most)


def share(value: object, what: str) -> float:
    """A number between 0 and 1, both excluded."""
    if not isinstance(value, int | float | np.integer | np.floating) or not 0 < value < 1:
        raise InputError(f"{what} must be between 0 and 1; got {shown(value)}")
    return float(value)


def array(values: object, what: str, *, axes: int | None = None, missing: bool = False) -> NDArray[np.float64]:
    """Numbers as a float64 array, of so many axes where that is said; without ``missing`` all of them finite."""
    try:
        found = np.asarray(values)
    except ValueError:
        raise InputError(f"got {what} in rows of different lengths; expected an array of numbers") from None
    if found.dtype.kind not in "biuf" or axes not in (None, found.ndim):
        expected = "" if axes is None else f" with {axes} axes"
        raise InputError(
            f"got {what} of shape {found.shape} and dtype {found.dtype}; expected an array of numbers{expected}"
        )
    if not missing and not np.isfinite(found).all():
        raise InputError(f"got {what} that are missing or infinite; expected numbers")
    return found.astype(np.float64)


def shown(value: object) -> str:
    """How a value looks, in one line of bounded length."""
    return " ".join(repr(value).split())[:80]


def one_line(names: Iterable[object]) -> list[str]:
    """Names as they can stand in one line, whatever they hold."""
    return [" ".join(str(name).split()) for name in names]


def listed(names: Iterable[object]) -> str:
    return ", ".join(one_line(names))
