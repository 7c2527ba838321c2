"""Whether a contrast hangs on one row, against fits without each row by another library."""

import numpy as np
import pandas as pd
import statsmodels.api as sm

from mosaicreid.analyses.verdicts.single_rows import deciding_configurations
from mosaicreid.statistics.shapley import subsets


def test_rows_are_named_without_which_the_sign_turns() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(6):
        table = pd.DataFrame(subsets(3), columns=list("abc")).assign(configuration=[f"row {row}" for row in range(8)])
        table["mAP"] = 50 + table["a"] + table["b"] * 1.1 + rng.normal(size=8)
        weights = pd.Series({"a": -1.0, "b": 1.0, "c": 0.0})

        def contrast(rows: pd.DataFrame) -> float:
            fitted = sm.OLS(rows["mAP"], sm.add_constant(rows[list("abc")])).fit()
            return fitted.params["b"] - fitted.params["a"]

        expected = [
            row["configuration"] for at, row in table.iterrows() if contrast(table.drop(index=at)) * contrast(table) < 0
        ]
        assert deciding_configurations(table, weights) == expected
        seen.add(bool(expected))
    assert seen == {True, False}


def test_a_row_without_which_nothing_is_determined_decides() -> None:
    table = pd.DataFrame({"configuration": ["none", "a", "b", "both b"], "a": [0, 1, 0, 0], "b": [0, 0, 1, 1]})
    table["mAP"] = [50.0, 60.0, 52.0, 53.0]
    assert deciding_configurations(table, pd.Series({"a": 1.0, "b": -1.0})) == ["a"]
