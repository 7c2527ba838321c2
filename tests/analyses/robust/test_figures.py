import pandas as pd
import pytest

from mosaicreid.analyses.robust.figures import plot_effects, plot_gains

WORLDS = {"market1501": "Market-like world", "dukemtmc": "Duke-like world"}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [("market1501", "hat", 1.0), ("market1501", "age", -2.0), ("dukemtmc", "hat", 3.0)]
    table = pd.DataFrame(rows, columns=["dataset", "attribute", "effect"])
    ends = {"ci_low": table["effect"] - 1, "ci_high": table["effect"] + 1}
    naive = {"naive_effect": table["effect"], "naive_ci_low": ends["ci_low"], "naive_ci_high": ends["ci_high"]}
    return table.assign(**ends, **naive)


def test_effects_are_sorted_and_carry_both_intervals(table: pd.DataFrame) -> None:
    axes = plot_effects(table, WORLDS).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["Market-like world", "Duke-like world"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["Age group", "Hat"]
    ends = [segment[:, 0].tolist() for lines in axes[0].collections for segment in lines.get_segments()]
    assert ends == [[-3.0, -1.0], [0.0, 2.0]] * 2


def test_gains_show_pointwise_and_simultaneous_intervals(table: pd.DataFrame) -> None:
    names = {"attribute": "configuration", "effect": "gain"}
    rows = table.rename(columns=names).assign(sim_low=table["ci_low"] - 1, sim_high=table["ci_high"] + 1)
    axes = plot_gains(rows, WORLDS).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["Age group", "Hat"]
    thin, thick = ([s[:, 0].tolist() for s in lines.get_segments()] for lines in axes[0].collections)
    assert thin == [[-4.0, 0.0], [-1.0, 3.0]]
    assert thick == [[-3.0, -1.0], [0.0, 2.0]]
