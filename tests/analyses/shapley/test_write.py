"""The command that collects the controls: complete, or nothing at all."""

from pathlib import Path

import pytest

from mosaicreid.analyses.shapley.write import write_oracle
from mosaicreid.errors import InputError


def test_what_is_missing_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*robust_effects\.csv"):
        write_oracle(tmp_path / "runs", tmp_path / "results", data=tmp_path, datasets=["dukemtmc"], seeds=[0])
    assert not (tmp_path / "results").exists()
