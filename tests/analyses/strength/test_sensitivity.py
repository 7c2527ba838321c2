"""Other ways to the verdicts: each by hand where it can be, and what cannot be fitted left out."""

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.strength.bands import fit_band
from mosaicreid.analyses.strength.decision import BASELINES, MARGIN
from mosaicreid.analyses.strength.sensitivity import sensitivity_table
from mosaicreid.analyses.strength.tables import grid_of_baselines, main_rows


@pytest.fixture(scope="module")
def estimands() -> pd.DataFrame:
    """Worlds in which experts add nothing, and datasets differ the more the weaker the baseline is."""
    generator = np.random.default_rng(5)
    rows = []
    for sign, dataset in ((1, "dukemtmc"), (-1, "market1501")):
        for world in range(3):
            for route in ("attributes", "identity"):
                for target in (20, 40, 60, 75, 92):
                    baseline = target + generator.normal(0, 1.5)
                    left = (100 - baseline) / 50
                    gain = 30 * left + generator.normal(0, 0.5) * left
                    rows.append(
                        {
                            "dataset": dataset, "cell": f"{dataset}-{route}-{target}", "route": route,
                            "target": target, "world": world, "seed": 0, "configuration": "all", "epochs": 4,
                            "main": 1, "baseline": baseline, "gain": gain,
                            "E": left * (sign + generator.normal(0, 0.1)), "H": 5 * left + generator.normal(0, 0.1),
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def test_every_variant_is_judged_at_every_point(estimands: pd.DataFrame) -> None:
    table = sensitivity_table(estimands)
    variants = ["as committed", "datasets scaled", "worlds like DukeMTMC alone", "worlds like Market-1501 alone"]
    assert table["variant"].drop_duplicates().tolist() == variants
    assert (table.groupby(["variant", "quantity"]).size() == 2 * len(BASELINES)).all()
    of_e = table[table["quantity"] == "E"]
    committed = fit_band(main_rows(estimands), "E", grid_of_baselines()).curve
    committed = committed[committed["baseline"].isin(BASELINES)]
    np.testing.assert_allclose(of_e[of_e["variant"] == "as committed"]["estimate"], committed["estimate"])
    # What is left at a baseline, in units of 50 points.
    left = (100 - of_e["baseline"].to_numpy()) / 50
    np.testing.assert_allclose(of_e["margin"], MARGIN * 30 * left, rtol=0.1)
    alone = of_e["variant"].str.contains("Duke").to_numpy()
    np.testing.assert_allclose(of_e["estimate"][alone], left[alone], atol=0.15)
    assert set(table[(table["quantity"] == "H")]["verdict"]) <= {"true labels needed", "open"}


def test_where_datasets_differ_with_the_shortfall_the_scaled_model_is_narrower(estimands: pd.DataFrame) -> None:
    table = sensitivity_table(estimands)
    width = (table["high"] - table["low"])[table["quantity"] == "E"].groupby(table["variant"]).max()
    assert width["datasets scaled"] < width["as committed"] / 2
    scaled = table[(table["quantity"] == "E") & (table["variant"] == "datasets scaled")]
    assert scaled["estimate"].abs().max() < 0.1
    assert set(scaled["verdict"]) == set(scaled["with_margin"]) == {"labels suffice"}


def test_a_dataset_with_one_world_is_left_out_and_both_are_not(estimands: pd.DataFrame) -> None:
    few = estimands[(estimands["dataset"] == "dukemtmc") | (estimands["world"] == 0)]
    assert sensitivity_table(few)["variant"].drop_duplicates().tolist() == [
        *("as committed", "datasets scaled", "worlds like DukeMTMC alone"),
    ]
