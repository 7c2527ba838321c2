"""Tables in CSV and Parquet files: read whole, with the columns and values that they should have, or refused."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.errors import InputError

# Far above anything that this project writes.
_LARGEST = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column holds: text, or finite numbers (or whole ones) of ``least`` to ``most``.

    ``missing``: whether a row may have none. ``among``: the texts that there are, where not any will do.
    """

    kind: Literal["text", "number", "whole"]
    least: float = -np.inf
    most: float = np.inf
    missing: bool = False
    among: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What is expected, in words."""
        if self.among:
            return f"one of: {', '.join(self.among)}"
        word = {"text": "text", "number": "a number", "whole": "a whole number"}[self.kind]
        least = f" of at least {self.least:g}" if np.isfinite(self.least) else ""
        most = f"{' and' if least else ' of'} at most {self.most:g}" if np.isfinite(self.most) else ""
        return f"{word}{least}{most}{' or nothing' if self.missing else ''}"

    def holds(self, values: pd.Series) -> npt.NDArray[np.bool_]:
        """Which of ``values`` (N,) are of this kind."""
        absent = values.isna().to_numpy()
        if self.kind == "text":
            fits = np.array(
                [isinstance(value, str) and (not self.among or value in self.among) for value in values], dtype=bool
            )
        elif pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            fits = np.zeros(len(values), dtype=bool)
        else:
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            fits = np.isfinite(numbers) & (numbers >= self.least) & (numbers <= self.most)
            if self.kind == "whole":
                fits &= numbers % 1 == 0
        return fits | (absent & self.missing)


TEXT = Column(kind="text")
NUMBER = Column(kind="number")
PERCENT = Column(kind="number", least=0, most=100)
SHARE = Column(kind="number", least=0, most=1)
COUNT = Column(kind="whole", least=0, most=2**53)
MARK = Column(kind="whole", least=0, most=1)


def read_table(path: Path, columns: Mapping[str, Column] | None = None, *, key: tuple[str, ...] = ()) -> pd.DataFrame:
    """The table in the CSV file at ``path``, with ``columns`` checked, and no two rows alike in the columns ``key``.

    Raises:
        InputError: the file cannot be read, is larger than 64 MiB, is not UTF-8 text or holds zero bytes, has rows of
            different lengths or two columns of one name; a column is missing, or a value is not of its kind.
    """
    path = Path(path)
    text = _text(path, encoding="utf-8", most=_LARGEST)
    _rows(text, path)
    # Otherwise a fingerprint of twelve digits would be a number.
    texts = {name: str for name, column in (columns or {}).items() if column.kind == "text"}
    try:
        table = pd.read_csv(io.StringIO(text, newline=""), dtype=texts)
    # pandas documents no exception for text that is not a table: whatever it raises means the same to a user.
    except Exception as error:
        raise InputError(f"{path} is not a table that can be read: {error}") from error
    check_columns(table, columns or {}, where=str(path), key=key)
    return table


def read_texts(path: Path, *, most: int) -> pd.DataFrame:
    """The cells of the CSV file at ``path``, of ``most`` bytes at most, as the texts that they are.

    Raises:
        InputError: as ``read_table`` of the file; a byte order mark at its start is passed over.
    """
    path = Path(path)
    header, *rows = _rows(_text(path, encoding="utf-8-sig", most=most), path)
    return pd.DataFrame([row for row in rows if row], columns=header, dtype=str)


def read_columns(path: Path, columns: Mapping[str, Column], *, key: tuple[str, ...] = ()) -> pd.DataFrame:
    """The table in the Parquet file at ``path``, with ``columns`` and ``key`` checked as ``read_table`` does.

    Raises:
        InputError: the file cannot be read or has no rows; a column is missing, or a value is not of its kind.
    """
    path = Path(path)
    try:
        table = pd.read_parquet(path)
    # No exception is documented for a damaged file: whatever it is means the same to a user.
    except Exception as error:
        raise InputError(f"{path} is missing or damaged: {str(error) or type(error).__name__}") from error
    if table.empty:
        raise InputError(f"{path} has 0 rows; expected at least one")
    check_columns(table, columns, where=str(path), key=key)
    return table


def check_columns(table: pd.DataFrame, columns: Mapping[str, Column], *, where: str, key: tuple[str, ...] = ()) -> None:
    """InputError where ``table`` lacks one of ``columns``, a value is not of its kind, or two rows have one ``key``."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{where} lacks the columns {', '.join(missing)}; it has: {', '.join(map(str, table))}")
    for name, column in columns.items():
        wrong = np.flatnonzero(~column.holds(table[name]))
        if len(wrong):
            value = table[name].iloc[wrong[0]]
            raise InputError(f"{where}: {name} in row {wrong[0] + 1} is {str(value)[:100]!r}; expected {column}")
    twice = np.flatnonzero(table.duplicated(list(key))) if key else np.zeros(0, dtype=np.int64)
    if len(twice):
        row = table.iloc[twice[0]]
        raise InputError(f"{where}: row {twice[0] + 1} is a second one of {', '.join(str(row[name]) for name in key)}")


def _text(path: Path, *, encoding: str, most: int) -> str:
    try:
        if path.stat().st_size > most:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; expected a table of at most {most:,}")
        with path.open(encoding=encoding, newline="") as file:
            text = file.read()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; expected a CSV file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); expected a CSV file") from error
    if "\0" in text:
        raise InputError(f"{path} holds zero bytes; expected a CSV file, likely cause: damage")
    return text


def _rows(text: str, path: Path) -> list[list[str]]:
    """The lines of a table, its header first; InputError unless every row has a value for each column, and every column
    a name of its own."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InputError(f"{path} is not a table that can be read: {error}") from error
    header = rows[0] if rows else []
    if not header or "" in header or len(set(header)) < len(header):
        raise InputError(f"{path} has the columns {header}; expected a line of names, each once")
    for number, row in enumerate(rows[1:], start=1):
        # A row without anything is a blank line, except where one column has an empty value.
        if len(row) != len(header) and row:
            raise InputError(f"{path}: row {number} has {len(row)} values, expected {len(header)}")
    return rows
