"""Tables that are drawn anew are checked first: nothing is drawn where one does not fit."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.analyses.leakage.write import draw_leakage
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError


def tables() -> dict[str, pd.DataFrame]:
    attributes = get_schema("market1501").attributes
    return {
        "shapley": pd.DataFrame({"dataset": "market1501", "attribute": attributes, "mAP": 3.0, "glm_mAP": -0.1}),
        "published": pd.DataFrame(
            {
                **{"dataset": "market1501", "configuration": ["all", "baseline"]},
                **{"known_bits": [8.6, 0.0], "mAP": [95.5, 89.6], "leakage_mAP": [65.4, 0.1]},
            }
        ),
    }


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("shapley", lambda t: t.drop(columns="glm_mAP"), "lacks the columns glm_mAP"),
        ("shapley", lambda t: t.assign(mAP="three"), "mAP in row 1 is 'three'; expected a number"),
        ("shapley", lambda t: t.assign(dataset="street"), "dataset in row 1 is 'street'"),
        ("shapley", lambda t: pd.concat([t, t]), "is a second one of market1501, gender"),
        ("shapley", lambda t: t.replace({"hat": "wings"}), "unknown attribute of market1501 in .* 'wings'"),
        ("shapley", lambda t: t[t["attribute"] != "hat"], "has no hat of market1501"),
        ("published", lambda t: t.assign(mAP=101), "mAP in row 1 is '101'"),
        ("published", lambda t: t.assign(known_bits=float("inf")), "known_bits in row 1 is 'inf'"),
        ("published", lambda t: t.assign(configuration="all"), "is a second one of market1501, all"),
    ],
)
def test_what_does_not_fit_is_not_drawn(
    tmp_path: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    for table, frame in tables().items():
        (change(frame) if table == name else frame).to_csv(tmp_path / f"leakage_{table}.csv", index=False)
    with pytest.raises(InputError, match=message) as caught:
        draw_leakage(tmp_path)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "figures").exists()
