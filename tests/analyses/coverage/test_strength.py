"""The bands' coverage: nearly nominal where the model is true, and told when a band is too narrow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.coverage import strength as coverage
from mosaicreid.analyses.coverage.strength import band_coverage
from mosaicreid.cli import main
from mosaicreid.errors import InputError


@pytest.fixture
def estimands() -> pd.DataFrame:
    """Four worlds a cell, five cells a route, two datasets; E is nothing but noise."""
    generator = np.random.default_rng(3)
    rows = []
    for dataset in ("dukemtmc", "market1501"):
        for world in range(4):
            of_world = generator.normal(0, 0.2)
            for route in ("attributes", "identity"):
                for target in (20, 40, 60, 75, 92):
                    baseline = target + generator.normal(0, 2)
                    noise = (100 - baseline) / 50 * (of_world + generator.normal(0, 0.2))
                    gain = 0.6 * (100 - baseline)
                    rows.append(
                        {
                            "dataset": dataset, "cell": f"{dataset}-{route}-{target}", "route": route,
                            "target": target, "world": world, "seed": 0, "configuration": "all", "epochs": 4,
                            "main": 1, "baseline": baseline, "E": noise, "gain": gain + noise,
                            "permuted_gain": gain / 3, "L": gain + 1,
                            "H": gain / 6 + noise,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def test_a_band_of_the_true_model_holds_it_about_as_often_as_it_says(estimands: pd.DataFrame) -> None:
    table, misled = band_coverage(estimands, replications=40, quantities=("E",)).to_dict("records")
    assert [table["truth"], misled["truth"]] == list(coverage.TRUTHS)
    assert misled["whole"] > 0.7
    # 40 times at 0.95: below 0.85 once in 200.
    assert 0.85 <= table["whole"] <= table["at_baselines"] <= 1
    assert table["whole_se"] == pytest.approx(np.sqrt(table["whole"] * (1 - table["whole"]) / 40))
    assert table["bias"] < 0.15
    assert (table["quantity"], table["replications"]) == ("E", 40)


def test_a_band_that_is_too_narrow_is_told(estimands: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    real = coverage.fit_band

    def narrow(*arguments, **options):
        band = real(*arguments, **options)
        half = (band.curve["high"] - band.curve["low"]) / 8
        middle = band.curve["estimate"]
        return replace(band, curve=band.curve.assign(low=middle - half, high=middle + half))

    monkeypatch.setattr(coverage, "fit_band", narrow)
    table = band_coverage(estimands, replications=20, quantities=("E",)).iloc[0]
    assert table["whole"] < 0.5


def test_bad_inputs_are_named(estimands: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="replications"):
        band_coverage(estimands, replications=3)
    with pytest.raises(InputError, match="no quantity 'Z' of the worlds to simulate"):
        band_coverage(estimands, replications=10, quantities=("Z",))
    assert main(["strength", "coverage", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"no table of worlds at {tmp_path / 'strength_worlds.csv'}; `mosaicreid strength collect` writes it" in said
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_table(estimands: pd.DataFrame, tmp_path: Path) -> None:
    estimands.to_csv(tmp_path / "strength_worlds.csv", index=False)
    (tmp_path / "strength_worlds.json").write_text("{}")
    assert main(["strength", "coverage", "--results", str(tmp_path), "--replications", "10"]) == 0
    table = pd.read_csv(tmp_path / "strength_coverage.csv")
    assert table["quantity"].tolist() == [name for name in coverage.QUANTITIES for _ in coverage.TRUTHS]
    assert table["whole"].between(0, 1).all()
