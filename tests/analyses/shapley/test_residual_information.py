"""Unread bits beside importances, and their rank correlation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mosaicreid.analyses.shapley.residual_information import residual_agreement, residual_information
from mosaicreid.errors import InputError

NAMES = ["hat", "bag", "boots", "top", "gender", "age"]
BITS = np.array([0.1, 0.9, 0.4, 0.6, 0.2, 1.3])


def heads() -> pd.DataFrame:
    return pd.DataFrame({"dataset": "dukemtmc", "attribute": NAMES, "unread_bits": BITS, "unread_sd": 0.01})


def values(*methods: str) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    own = {method: generator.normal(size=len(NAMES)) for method in methods} | {"retrain": 3 * BITS**2}
    frames = [pd.DataFrame({"attribute": NAMES, "method": name, "value": value}) for name, value in own.items()]
    return pd.concat(frames).assign(dataset="dukemtmc")


def test_importances_stand_beside_the_bits_of_their_attribute() -> None:
    table = residual_information(heads().sample(frac=1, random_state=1), values("ablation", "other", "truth"))
    assert list(table) == ["dataset", "attribute", "unread_bits", "unread_sd", "ablation", "retrain", "truth"]
    table = table.set_index("attribute").loc[NAMES]
    np.testing.assert_array_equal(table["unread_bits"], BITS)
    np.testing.assert_allclose(table["retrain"], 3 * BITS**2)


def test_rank_correlation_is_of_each_importance_there_is() -> None:
    table = residual_information(heads(), values("ablation"))
    rows = residual_agreement(table).set_index("importance")
    assert rows.index.tolist() == ["ablation", "retrain"]
    assert rows.loc["retrain", "rho"] == pytest.approx(1)
    assert rows.loc["ablation", "rho"] == pytest.approx(spearmanr(table["ablation"], table["unread_bits"]).statistic)
    assert (rows["attributes"] == len(NAMES)).all()


def test_an_attribute_without_a_head_is_named() -> None:
    with pytest.raises(InputError, match=r"oracle_heads.csv has no head of bag; "):
        residual_information(heads().query("attribute != 'bag'"), values("ablation"))
