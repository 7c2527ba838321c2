"""The verdicts on the paper's claims, judged from the result tables and written beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.verdicts import further
from mosaicreid.analyses.verdicts.claims import OPTIONAL, SOURCES, judge_claims
from mosaicreid.errors import InputError
from mosaicreid.results import Tables, read_results, write_results


def write_verdicts(results: Path) -> pd.DataFrame:
    """Judge the claims by the tables in ``results`` and write ``verdicts.csv`` beside them; returns it.

    Raises:
        InputError: one of the tables is missing, or lacks the row that a claim is judged by.
    """
    there = [name for name in OPTIONAL if (Path(results) / f"{name}.csv").is_file()]
    inputs, tables = _read(results, (*SOURCES, *there))
    table = judge_claims(tables)
    write_results(table, Path(results) / "verdicts.csv", inputs=inputs)
    return table


def has_annotation(results: Path) -> bool:
    """Whether the tables of the real annotation, by which the further claims are judged, are in ``results``."""
    return all((Path(results) / f"{name}.csv").is_file() for name in further.SOURCES)


def write_further(results: Path) -> pd.DataFrame:
    """Judge the claims made in passing and write ``verdicts_further.csv``; returns it. Raises as ``write_verdicts``."""
    inputs, tables = _read(results, further.SOURCES)
    try:
        table = further.judge_further(tables)
    except LookupError as error:
        raise InputError(f"no evidence on a claim in {results}: {error}; `mosaicreid priors` writes it") from error
    write_results(table, Path(results) / "verdicts_further.csv", inputs=inputs)
    return table


def _read(results: Path, names: Sequence[str]) -> tuple[Mapping[str, Path], Tables]:
    inputs = {name: Path(results) / f"{name}.csv" for name in names}
    return inputs, {name: read_results(path) for name, path in inputs.items()}
