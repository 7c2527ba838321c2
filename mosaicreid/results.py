"""Result tables: small CSV files, each with a JSON file beside it that says where its numbers came from."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mosaicreid import __version__
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError, one_of
from mosaicreid.files import atomic_path, sha256
from mosaicreid.names.provenance import KINDS
from mosaicreid.records import Record, read_record
from mosaicreid.tables import Column, read_table

# Result tables by the name of their file, without its ending.
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A result table before it is written; fields as the arguments of ``write_results``."""

    frame: pd.DataFrame
    inputs: Mapping[str, Path] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)


def write_tables(tables: Mapping[str, Table], results: Path) -> list[Path]:
    """Write tables that are computed already as ``<name>.csv`` into the folder ``results``; returns the paths.

    A table may be an input of a later one.

    Raises:
        InputError: a frame carries a named index; nothing is written then.
    """
    paths = {name: Path(results) / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        _check_frame(table.frame, paths[name])
    for name, table in tables.items():
        write_results(table.frame, paths[name], inputs=table.inputs, parameters=table.parameters)
    return list(paths.values())


def write_results(
    frame: pd.DataFrame,
    path: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Write ``frame`` (columns only, no index) to ``path`` (.csv) and its provenance to the same name with ``.json``.

    Provenance: package version, sha256 of every input file by name, and the parameters of the analysis. No time and
    no machine: equal inputs give equal bytes. Floats are written to ten significant digits, beyond which libraries
    differ between machines.

    Raises:
        InputError: ``path`` does not end in ``.csv``, or ``frame`` carries a named index (it would be lost).
    """
    path = Path(path)
    if path.suffix != ".csv":
        raise InputError(f"results are CSV files; got the path {path.name!r}, expected one that ends in .csv")
    _check_frame(frame, path)
    provenance = {
        "package": f"mosaicreid {__version__}",
        "inputs": {name: sha256(file) for name, file in sorted((inputs or {}).items())},
        "parameters": dict(sorted((parameters or {}).items())),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(_as_csv(frame), newline="", encoding="utf-8")
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _Provenance(Record):
    """What ``write_results`` puts beside a table."""

    package: str
    inputs: dict[str, str]
    parameters: dict[str, Any]


def kinds_of(path: Path) -> dict[str, str]:
    """The kind of data (``names.provenance``) of each dataset in the table at ``path``, as recorded beside it.

    Empty for what was computed from the paper's tables or from the real annotation.

    Raises:
        InputError: no record of where the table came from, a damaged one, or one with an unknown kind.
    """
    path = Path(path).with_suffix(".json")
    try:
        recorded = read_record(path, _Provenance).parameters.get("data", {})
    except InputError as error:
        raise InputError(f"where {path.stem}.csv comes from is not known: {error}") from error
    if not isinstance(recorded, dict) or not all(kind in KINDS for kind in recorded.values()):
        raise InputError(f"{path}: data is {recorded!r}; expected one of {', '.join(KINDS)} for each dataset")
    return recorded


def read_results(path: Path, columns: Mapping[str, Column] | None = None, *, key: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table that ``write_results`` wrote, and check ``columns`` and ``key`` as ``read_table`` does.

    Raises:
        InputError: there is none, or as ``read_table``; names the path.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"no result table at {path}; expected a CSV file: `make reproduce` writes those of the sweep, and the page "
            "'Where every number comes from' names what writes each other one"
        )
    return read_table(path, columns, key=key)


def check_attributes(table: pd.DataFrame, *, where: str) -> None:
    """See that ``table`` (dataset, attribute) has rows of every attribute of each dataset in it, and of no other.

    Raises:
        InputError: names the first dataset or attribute that is unknown, and those that have no row.
    """
    for dataset, names in table.groupby("dataset", sort=False)["attribute"]:
        attributes = get_schema(str(dataset)).attributes
        for name in names.unique():
            if name not in attributes:
                raise one_of(f"attribute of {dataset} in {where}", name, attributes)
        missing = [name for name in attributes if name not in set(names)]
        if missing:
            raise InputError(f"{where} has no {', '.join(missing)} of {dataset}; expected a row of every attribute")


def as_written(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the digits, and the types, that it has once it is written and read again."""
    return pd.read_csv(io.StringIO(_as_csv(frame)))


def columns_first(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """``table`` with ``columns`` moved to the front."""
    return table[[*columns, *(column for column in table if column not in columns)]]


def _as_csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def _check_frame(frame: pd.DataFrame, path: Path) -> None:
    if any(name is not None for name in frame.index.names):
        raise InputError(f"the index {list(frame.index.names)} would be lost in {path.name}; reset_index() it first")
