"""A run's scores against its own per-query table: files that do not agree are of different runs."""

from collections.abc import Mapping

import pandas as pd

from mosaicreid.errors import InputError
from mosaicreid.tables import Column, check_columns

# Scores and their mean over queries are computed apart, and may differ in the last digits.
_ROUNDING = 1e-6


def check_scores(scores: Mapping[str, float], table: pd.DataFrame) -> None:
    """See that the per-query ``table`` of a run holds what it should, and that the run's ``scores`` can be those of it.

    ``scores`` are mAP, rank1, rank5 and rank10 as fractions; ``table`` has query, pid, camid, ap and rank.

    Raises:
        InputError: names the first thing that is not so.
    """
    missing = [name for name in ("query", "pid", "camid", "ap", "rank") if name not in table]
    if missing or table.empty:
        raise InputError(f"per_query.parquet has {len(table)} rows and no {', '.join(missing) or 'query'}")
    for name in ("query", "pid", "camid"):
        if not pd.api.types.is_integer_dtype(table[name]) or table[name].isna().any():
            raise InputError(f"per_query.parquet: {name} is of type {table[name].dtype}, expected whole numbers")
    if table["query"].duplicated().any():
        raise InputError("per_query.parquet has a query twice, expected a row for each")
    if not pd.api.types.is_float_dtype(table["ap"]) or not table["ap"].dropna().between(0, 1).all():
        raise InputError("per_query.parquet: ap has values outside 0..1, expected average precision")
    answered = table[table["ap"].notna()]
    check_columns(answered, {"rank": Column(kind="number", least=1)}, where="per_query.parquet")
    if not abs(table["ap"].mean() - scores["mAP"]) <= _ROUNDING:
        raise InputError(
            f"metrics.json says mAP {scores['mAP']:.6f}, per_query.parquet has the mean {table['ap'].mean():.6f}; "
            "one of them is of another run"
        )
    # Of a query whose first match has the expected rank r, the first place is a match for certain where r is 1, and
    # with a chance of 1/r at most.
    least, most = (answered["rank"] == 1).mean(), (1 / answered["rank"]).mean()
    if not least - _ROUNDING <= scores["rank1"] <= most + _ROUNDING:
        raise InputError(
            f"metrics.json says Rank-1 {scores['rank1']:.6f}, by the ranks in per_query.parquet it is {least:.6f} to "
            f"{most:.6f}; one of them is of another run"
        )
    if not scores["rank1"] - _ROUNDING <= scores["rank5"] <= scores["rank10"] + _ROUNDING:
        ranks = ", ".join(f"{scores[name]:g}" for name in ("rank1", "rank5", "rank10"))
        raise InputError(f"metrics.json says Rank-1, 5 and 10 are {ranks}; expected numbers that do not fall")
