"""A table that is drawn anew is checked first: nothing is drawn from one that does not fit."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.analyses.priors.write import draw_priors
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError


def priors() -> pd.DataFrame:
    rows = [
        {"source": "real", "dataset": dataset, "split": "all", "attribute": group.name, "value": value, "share": 0.25}
        for dataset in DATASETS
        for group in get_schema(dataset).groups
        for value in group.values
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="share"), "lacks the columns share"),
        (lambda t: t.assign(share=1.5), "share in row 1 is '1.5'; expected a number of at least 0 and at most 1"),
        (lambda t: t.assign(share=float("nan")), "share in row 1 is 'nan'"),
        (lambda t: t.assign(source="guessed"), "source in row 1 is 'guessed'; expected one of: real, synthetic"),
        (lambda t: t.assign(dataset="street"), "dataset in row 1 is 'street'"),
        (lambda t: pd.concat([t, t]), "is a second one of real, market1501, all, gender, male"),
        (lambda t: t[t["attribute"] != "hat"], "has no hat of market1501"),
        (lambda t: t.replace({"value": {"male": "man"}}), "unknown value of gender in .* 'man'"),
        (lambda t: t.assign(split="train"), "has no rows of market1501 and the split all"),
        (lambda t: t[t["dataset"] == "market1501"], "has no rows of dukemtmc and the split all"),
    ],
)
def test_what_does_not_fit_is_not_drawn(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    change(priors()).to_csv(tmp_path / "priors.csv", index=False)
    with pytest.raises(InputError, match=message) as caught:
        draw_priors(tmp_path)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "figures").exists()
