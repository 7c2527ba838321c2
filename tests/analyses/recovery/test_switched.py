"""Switching off beside retraining, by hand."""

import numpy as np
import pytest
from recovery_worlds import dealt_cell, made_training
from scipy import stats

from mosaicreid.analyses.recovery.estimates import effects
from mosaicreid.analyses.recovery.switched import QUANTITIES, switched_table, switched_worlds
from mosaicreid.analyses.strength.cells import Draw
from mosaicreid.errors import InputError

WORLDS = [made_training(dealt_cell(worlds=3), Draw(world, 0), noise=0.8) for world in (300, 301, 302)]


def test_a_world_is_compared_with_itself() -> None:
    first = switched_worlds(WORLDS).iloc[0]
    retrain, ablation = (WORLDS[0].scores[name] for name in ("retrain", "ablation"))
    assert first["rows"] == pytest.approx(stats.spearmanr(retrain[1:], ablation[1:]).statistic)
    found = [effects(WORLDS[0].design, scores) for scores in (retrain, ablation)]
    assert first["effects"] == pytest.approx(stats.spearmanr(*found).statistic)
    truth = WORLDS[0].truth
    assert first["retrain_truth"] == pytest.approx(stats.spearmanr(found[0], truth).statistic)
    # Nothing disturbs the rows that are switched off.
    assert first["ablation_truth"] == pytest.approx(1)
    assert first["difference"] == pytest.approx(1 - first["retrain_truth"])
    assert first["cost"] == pytest.approx(19 * 9 / (19 * 1.5 + 9))


def test_means_over_worlds_have_students_intervals_and_a_verdict() -> None:
    worlds = switched_worlds(WORLDS)
    table = switched_table(worlds).set_index("quantity")
    assert list(table.index) == list(QUANTITIES)
    values = worlds["difference"].to_numpy()
    low, high = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
    assert table.loc["difference", ["mean", "low", "high", "worlds"]].tolist() == pytest.approx(
        [values.mean(), low, high, 3]
    )
    assert set(table["verdict"]) == {"as good" if low > -0.1 else "open"}
    with pytest.raises(InputError, match="is known in 1 world"):
        switched_table(worlds.head(1))


def test_times_that_are_not_there_give_no_ratio() -> None:
    cell = dealt_cell(configurations=("hat", "bag"), arms=("experts",))
    assert np.isnan(made_training(cell, Draw(300, 0)).shared)
