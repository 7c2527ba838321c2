"""The verdicts on the paper's claims, judged from the result tables and written beside them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.verdicts.claims import SOURCES, judge_claims
from mosaicreid.results import read_results, write_results


def write_verdicts(results: Path) -> pd.DataFrame:
    """Judge the claims by the tables in ``results`` and write ``verdicts.csv`` beside them; returns it.

    Raises:
        InputError: one of the tables is missing, or lacks the row that a claim is judged by.
    """
    inputs: Mapping[str, Path] = {name: Path(results) / f"{name}.csv" for name in SOURCES}
    table = judge_claims({name: read_results(path) for name, path in inputs.items()})
    write_results(table, Path(results) / "verdicts.csv", inputs=inputs)
    return table
