"""The command that collects the controls: complete, or nothing at all."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mosaicreid.analyses.shapley.write import write_oracle
from mosaicreid.errors import InputError


def test_what_is_missing_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*robust_effects\.csv"):
        write_oracle(tmp_path / "runs", tmp_path / "results", data=tmp_path, datasets=["dukemtmc"], seeds=[0])
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="ci_low"), "lacks the columns ci_low"),
        (lambda t: t.assign(effect=[1.0, float("nan")]), "effect in row 2 is 'nan'; expected a number"),
        (lambda t: t.assign(ci_high="wide"), "ci_high in row 1 is 'wide'"),
        (lambda t: t.assign(attribute="hat"), "row 2 is a second one of dukemtmc, hat"),
    ],
)
def test_effects_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = pd.DataFrame(
        {"dataset": "dukemtmc", "attribute": ["hat", "bag"], "effect": 1.0, "ci_low": 0.5, "ci_high": 2}
    )
    change(table).to_csv(tmp_path / "robust_effects.csv", index=False)
    with pytest.raises(InputError, match=message):
        write_oracle(tmp_path / "runs", tmp_path, data=tmp_path, datasets=["dukemtmc"], seeds=[0])
    assert [path.name for path in tmp_path.iterdir()] == ["robust_effects.csv"]
