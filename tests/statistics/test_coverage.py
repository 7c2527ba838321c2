import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics import coverage as coverage_module
from mosaicreid.statistics.coverage import PanelModel, coverage, rows_independent, simulate
from mosaicreid.statistics.panel import Panel

DESIGN = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]], float)
BETA = np.array([0.5, 0.02, 0.0, -0.01])


def test_a_world_without_spread_shows_its_truth() -> None:
    still = PanelModel(slopes=0, query=0, seed=0, run=0, rest=0)
    panel = simulate(still, DESIGN, BETA, np.random.default_rng(0))
    np.testing.assert_allclose(panel.ap[:, 0, 0], BETA[0] + DESIGN @ BETA[1:])
    assert np.ptp(panel.ap, axis=(1, 2)).max() < 1e-12


def test_each_spread_is_the_one_asked_for() -> None:
    world = PanelModel(identities=4000, queries_per_identity=1, slopes=0, query=0.2, seed=0, run=0, rest=0.1)
    panel = simulate(world, DESIGN, BETA, np.random.default_rng(0))
    difference = panel.ap[0, 0] - panel.ap[1, 0]
    assert difference.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)
    assert panel.ap[0, 0].std() == pytest.approx(np.hypot(0.2, 0.1), rel=0.05)


def test_robust_intervals_cover_and_the_papers_do_not() -> None:
    world = PanelModel(identities=40, queries_per_identity=2)
    table = coverage(world, DESIGN, BETA, replications=150, seed=1).set_index("analysis")
    # 150 panels of three intervals: the bounds are four standard errors from 95 %.
    assert 0.90 < table.loc["mixed-effects", "covered"] <= 1
    assert table.loc["paper-glm", "covered"] < table.loc["mixed-effects", "covered"]
    assert table.loc["mixed-effects", "intervals"] == 450
    # A bootstrap of 1,000 draws; seven gains of a panel are covered together or one by one.
    for analysis in ("bootstrap-pointwise", "bootstrap-simultaneous"):
        assert 0.88 < table.loc[analysis, "covered"] <= 1, analysis
    assert table.loc["bootstrap-simultaneous", "intervals"] == 150
    assert table.loc["bootstrap-pointwise", "intervals"] == 150 * 7


def test_coverage_counts_intervals_that_hold_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gains whose intervals miss in one configuration of seven, in every other panel."""
    truth = np.array([2.0, 0.0, -1.0, 2.0, 1.0, -1.0, 1.0])
    panels = []

    def made(panel: Panel, **_: object) -> pd.DataFrame:
        panels.append(panel)
        low, high = truth - 0.5, truth + 1.5
        low[2] += len(panels) % 2
        return pd.DataFrame({"ci_low": low, "ci_high": high, "sim_low": low - 1, "sim_high": high + len(panels) % 2})

    monkeypatch.setattr(coverage_module, "gains", made)
    table = coverage(PanelModel(identities=5), DESIGN, BETA, replications=20).set_index("analysis")
    assert table.loc["bootstrap-pointwise", "covered"] == pytest.approx(1 - 0.5 / 7)
    assert table.loc["bootstrap-pointwise", "std_err"] == pytest.approx(np.std([0, 1 / 7] * 10, ddof=1) / np.sqrt(20))
    assert table.loc["bootstrap-pointwise", "mean_width"] == pytest.approx(2 - 0.5 / 7)
    assert table.loc["bootstrap-simultaneous", "covered"] == 1
    assert table.loc["bootstrap-simultaneous", "mean_width"] == pytest.approx(3.5 - 0.5 / 7)


def test_one_interval_that_misses_uncovers_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    low = np.array([2.0, 0.0, -1.0, 2.0, 1.0, -1.0, 1.1])
    frame = pd.DataFrame({"ci_low": low, "ci_high": low + 1, "sim_low": low, "sim_high": low + 1})
    monkeypatch.setattr(coverage_module, "gains", lambda panel, **_: frame)
    table = coverage(PanelModel(identities=5), DESIGN, BETA, replications=10).set_index("analysis")
    assert table.loc["bootstrap-simultaneous", "covered"] == 0
    assert table.loc["bootstrap-pointwise", "covered"] == pytest.approx(6 / 7)


def test_rows_taken_as_independent_are_ordinary_least_squares() -> None:
    panel = simulate(PanelModel(identities=6), DESIGN, BETA, np.random.default_rng(0))
    runs = panel.ap.shape[1] * panel.ap.shape[2]
    fitted = sm.OLS(100 * panel.ap.ravel(), sm.add_constant(np.repeat(DESIGN, runs, axis=0))).fit()
    low, high = rows_independent(panel, 0.9)
    np.testing.assert_allclose((low + high) / 2, fitted.params[1:], atol=1e-10)
    np.testing.assert_allclose((high - low) / 2, stats.norm.ppf(0.95) * fitted.bse[1:])


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="got 5 replications"):
        coverage(PanelModel(), DESIGN, BETA, replications=5)
    with pytest.raises(InputError, match="no configuration without attributes"):
        coverage(PanelModel(), DESIGN[:-1], BETA, replications=10)


@pytest.mark.parametrize(
    "changes",
    [{"identities": 1}, {"queries_per_identity": 0}, {"seeds": 0}, {"identities": 2.5}, {"identities": "9"}],
)
def test_worlds_without_people_queries_or_seeds(changes: dict) -> None:
    with pytest.raises(InputError, match=r"expected (a whole number of )?at least"):
        PanelModel(**changes)


@pytest.mark.parametrize("spread", [-1, np.nan, np.inf, "x", None])
def test_spreads_are_numbers(spread: object) -> None:
    with pytest.raises(InputError, match=r"got the spread run .*; expected a number of 0 or more"):
        PanelModel(run=spread)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("design", "beta", "message"),
    [
        (DESIGN, BETA[:2], "got 2 effects for 3 attributes; expected an intercept and one of each"),
        (DESIGN[0], BETA, "got a design of shape .* with 2 axes"),
        (DESIGN * np.nan, BETA, "got a design that are missing or infinite"),
        (DESIGN.astype(str), BETA, "expected an array of numbers"),
        (DESIGN, [0.5, np.inf, 0, 0], "got effects that are missing or infinite"),
    ],
)
def test_a_truth_that_is_none(design, beta, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate(PanelModel(), design, beta, np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        coverage(PanelModel(), design, beta, replications=10)
