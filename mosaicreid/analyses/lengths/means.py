"""Means over the trainings of a world, and over worlds."""

import numpy as np
import pandas as pd

from mosaicreid.analyses.strength.tables import over_worlds


def per_world(own: pd.DataFrame, epochs: int, configuration: str = "all", quantity: str = "gain") -> pd.Series:
    """One value per world, the mean over its trainings, of rows of ``strength.tables.estimands``."""
    rows = own[(own["epochs"] == epochs) & (own["configuration"] == configuration)]
    return rows.groupby("world")[quantity].mean()


def interval_over_worlds(values: pd.Series) -> tuple[float, float, float]:
    """Mean, low and high (95 %, Student's t) of a value per world; NaN without a world, and low and high of one."""
    if values.dropna().empty:
        return np.nan, np.nan, np.nan
    table = pd.DataFrame({"all": 0, "world": values.index, "estimate": values.to_numpy()})
    row = over_worlds(table, ["all"], ["estimate"]).iloc[0]
    return float(row["mean"]), float(row["low"]), float(row["high"])
