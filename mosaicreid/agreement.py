"""Do two ways of ranking attributes agree? Importances side by side, and their rank correlation with an interval."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mosaicreid import published
from mosaicreid.errors import InputError

# Importances of analyse_table by name: the table and column they come from, and whether a large value means important.
IMPORTANCES = {
    "glm": ("glm", "coef", 1.0),
    "welch": ("welch", "t_stat", -1.0),
    "cohens_d": ("welch", "cohens_d", 1.0),
    "fimp": ("forest", "fimp", 1.0),
    "pimp": ("forest", "pimp", 1.0),
}


def importances(tables: Mapping[str, pd.DataFrame], dataset: str, metric: str) -> pd.DataFrame:
    """One column per way to rank attributes (``IMPORTANCES`` and mean |SHAP|), larger meaning more important.

    ``tables`` are those of ``analyse_runs``, or the published ones of the same names and columns.
    """
    columns = {}
    for name, (source, column, sign) in IMPORTANCES.items():
        rows = tables[source]
        rows = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
        key = "term" if "term" in rows else "attribute"
        columns[name] = sign * rows[rows[key] != "Intercept"].set_index(key)[column]
    shap = tables["shap"]
    shap = shap[(shap["dataset"] == dataset) & (shap["metric"] == metric)]
    columns["shap"] = shap["shap"].abs().groupby(shap["attribute"], sort=False).mean()
    return pd.DataFrame(columns).loc[list(published.attributes(dataset))].rename_axis("attribute")


def spearman(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], *, level: float = 0.95
) -> tuple[float, float, float]:
    """Spearman's rho of two rankings of n attributes, with Bonett and Wright's (2000) interval: rho, low, high.

    The interval treats the attributes as a sample; it needs n >= 5 and is NaN for rho = +-1, where it has no width.

    Raises:
        InputError: fewer than five pairs, or a ranking that is constant.
    """
    if len(first) != len(second) or len(first) < 5:
        raise InputError(
            f"got {len(first)} and {len(second)} values to correlate, expected two equally long, 5 or more"
        )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise InputError("a ranking is constant; there is no rank correlation")
    rho = float(stats.spearmanr(first, second).statistic)
    if abs(rho) >= 1:
        return rho, float("nan"), float("nan")
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt((1 + rho**2 / 2) / (len(first) - 3))
    return rho, float(np.tanh(np.arctanh(rho) - half)), float(np.tanh(np.arctanh(rho) + half))


def agreement(ours: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of the columns that two tables share: importance, rho, ci_low, ci_high, attributes."""
    rows = []
    for name in [column for column in ours if column in other]:
        pairs = pd.concat([ours[name], other[name]], axis=1).dropna()
        rho, low, high = spearman(pairs.iloc[:, 0].to_numpy(float), pairs.iloc[:, 1].to_numpy(float))
        rows.append({"importance": name, "rho": rho, "ci_low": low, "ci_high": high, "attributes": len(pairs)})
    return pd.DataFrame(rows)
