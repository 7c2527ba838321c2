"""Do two ways of ranking attributes agree? Rank correlations with intervals."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import array, numbers, require_columns, share

# Fewer attributes have no rank correlation worth an interval.
FEWEST = 5


def spearman(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Spearman's rho of two rankings of n attributes, with Bonett and Wright's (2000) interval: rho, low, high.

    The interval treats the attributes as a sample; it needs n >= 5 and is NaN for rho = +-1, where it has no width.

    Raises:
        InputError: fewer than five pairs, a ranking that is constant or no numbers, or a level outside (0, 1).
    """
    first, second = (array(values, "values to correlate", axes=1) for values in (first, second))
    level = share(level, "the level of an interval")
    if len(first) != len(second) or len(first) < FEWEST:
        raise InputError(
            f"got {len(first)} and {len(second)} values to correlate, expected two equally long, {FEWEST} or more"
        )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise InputError("a ranking is constant; there is no rank correlation")
    rho = float(stats.spearmanr(first, second).statistic)
    if abs(rho) >= 1:
        return rho, float("nan"), float("nan")
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt((1 + rho**2 / 2) / (len(first) - 3))
    return rho, float(np.tanh(np.arctanh(rho) - half)), float(np.tanh(np.arctanh(rho) + half))


def rank_correlations(ours: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of the columns that two tables share: importance, rho, ci_low, ci_high, attributes.

    Rows that are in one table only, or have no value, are left out.

    Raises:
        InputError: as ``spearman``; an index that names two rows alike, or several columns of one name.
    """
    require_columns(ours, [], "first table")
    require_columns(other, [], "second table")
    shared = [column for column in ours if column in other]
    for what, table in {"first": ours, "second": other}.items():
        require_columns(table, shared, f"{what} table")
        if table.index.has_duplicates:
            raise InputError(f"the {what} table names row {table.index[table.index.duplicated()][0]!r} twice")
    rows = []
    for name in shared:
        pairs = pd.concat([ours[name], other[name]], axis=1, keys=["ours", "other"]).dropna()
        rho, low, high = spearman(numbers(pairs, "ours").to_numpy(), numbers(pairs, "other").to_numpy())
        rows.append({"importance": name, "rho": rho, "ci_low": low, "ci_high": high, "attributes": len(pairs)})
    return pd.DataFrame(rows)
