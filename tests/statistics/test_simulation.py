import numpy as np
import pytest
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.mixed_effects import variance_components
from mosaicreid.statistics.simulation import PanelModel, draw, expected_game, expected_scores, simulate

DESIGN = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]], float)
BETA = np.array([0.5, 0.02, 0.0, -0.01])
STILL = {"slopes": 0, "query": 0, "seed": 0, "run": 0, "rest": 0}


def test_a_world_without_spread_shows_its_truth() -> None:
    still = PanelModel(**STILL)
    panel = simulate(still, DESIGN, BETA, np.random.default_rng(0))
    np.testing.assert_allclose(panel.ap[:, 0, 0], BETA[0] + DESIGN @ BETA[1:])
    assert np.ptp(panel.ap, axis=(1, 2)).max() < 1e-12


def test_each_spread_is_the_one_asked_for() -> None:
    world = PanelModel(identities=4000, queries_per_identity=1, slopes=0, query=0.2, seed=0, run=0, rest=0.1)
    panel = simulate(world, DESIGN, BETA, np.random.default_rng(0))
    difference = panel.ap[0, 0] - panel.ap[1, 0]
    assert difference.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)
    assert panel.ap[0, 0].std() == pytest.approx(np.hypot(0.2, 0.1), rel=0.05)


@pytest.mark.parametrize(
    ("spread", "component"),
    [
        ("query", "query"),
        ("identity", "query"),
        ("query_seed", "query_seed"),
        ("seed", "seed"),
        ("run", "run"),
        ("rest", "rest"),
    ],
)
def test_a_spread_is_the_variance_component_it_is_called_after(spread: str, component: str) -> None:
    world = PanelModel(**STILL | {"identities": 400, "queries_per_identity": 2, "seeds": 40, spread: 0.1})
    found = variance_components(simulate(world, DESIGN, BETA, np.random.default_rng(0))).set_index("component")
    # A component of 40 seeds has a standard error of 22 %, half of that as a standard deviation.
    assert found.loc[component, "std_dev"] == pytest.approx(10, rel=0.35)
    assert found.drop(index=component)["std_dev"].max() < 1.5


def test_slopes_differ_between_people_and_between_seeds() -> None:
    for spread, axis in (("slopes", 1), ("seed_slopes", 0)):
        world = PanelModel(**STILL | {"identities": 500, "seeds": 500, "queries_per_identity": 1, spread: 0.1})
        effects = draw(world, BETA, np.random.default_rng(0)).effects
        assert effects.mean(axis=1 - axis).std(axis=0) == pytest.approx(np.full(3, 0.1), rel=0.2)
        assert np.ptp(effects, axis=1 - axis).max() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("spread", ["query_seed", "rest"])
def test_queries_of_a_person_share_half_of_the_variance(spread: str) -> None:
    world = PanelModel(**STILL | {"identities": 4000, "queries_per_identity": 2, "seeds": 1, spread: 0.1})
    ap = simulate(world, DESIGN[-1:], BETA, np.random.default_rng(1)).ap[0, 0].reshape(-1, 2)
    assert np.corrcoef(ap.T)[0, 1] == pytest.approx(0.5, abs=0.05)


def test_queries_of_a_person_share_what_is_the_persons() -> None:
    world = PanelModel(**STILL | {"identities": 4000, "queries_per_identity": 2, "query": 0.1, "identity": 0.2})
    ap = simulate(world, DESIGN[-1:], BETA, np.random.default_rng(1)).ap[0, 0].reshape(-1, 2)
    assert np.corrcoef(ap.T)[0, 1] == pytest.approx(0.8, abs=0.03)


WIDE = PanelModel(
    identities=3000,
    queries_per_identity=1,
    seeds=30,
    identity=0.2,
    query=0.3,
    slopes=0.1,
    seed_slopes=0.05,
    seed=0.02,
    query_seed=0.1,
    run=0.01,
    rest=0.1,
    bounded=True,
)


def test_what_is_expected_is_the_mean_of_many_draws() -> None:
    beta = np.array([0.9, 0.2, -0.4, 0.1])
    panel = simulate(WIDE, DESIGN, beta, np.random.default_rng(3))
    assert panel.ap.min() == 0
    assert panel.ap.max() == 1
    of_seeds = panel.ap.mean(axis=2)
    error = 100 * of_seeds.std(axis=1, ddof=1) / np.sqrt(WIDE.seeds) + 0.6
    assert (np.abs(100 * of_seeds.mean(axis=1) - expected_scores(WIDE, DESIGN, beta)) < 3 * error).all()
    hits = (panel.ap > 0.4).mean(axis=(1, 2))
    assert (np.abs(100 * hits - expected_scores(WIDE, DESIGN, beta, hit=0.4)) < 3 * error).all()


def test_what_is_expected_is_the_integral_over_the_score() -> None:
    beta = np.array([0.9, 0.2, -0.4, 0.1])
    spreads = [0.2, 0.3, 0.02, 0.1, 0.01, 0.1, *[0.1, 0.05] * 2]
    score = stats.norm(0.9 + 0.2 - 0.4, np.sqrt(np.square(spreads).sum()))
    expected = 100 * score.expect(lambda z: min(max(z, 0), 1), lb=-4, ub=6)
    assert expected_scores(WIDE, DESIGN, beta)[3] == pytest.approx(expected, rel=1e-6)


def test_without_bounds_effects_add() -> None:
    np.testing.assert_allclose(expected_scores(PanelModel(), DESIGN, BETA), 100 * (BETA[0] + DESIGN @ BETA[1:]))


def test_a_bounded_world_without_spread_is_cut() -> None:
    world = PanelModel(**STILL, bounded=True)
    np.testing.assert_allclose(expected_scores(world, DESIGN[:3], np.array([0.9, 0.3, -1.2, 0.05])), [100, 0, 95])


def test_one_model_has_neither_runs_nor_a_rest() -> None:
    beta = np.array([0.9, 0.2, -0.4, 0.1])
    still = PanelModel(**{**WIDE.__dict__, "run": 0, "rest": 0})
    np.testing.assert_allclose(expected_game(WIDE, DESIGN, beta), expected_scores(still, DESIGN, beta))
    assert np.abs(expected_game(WIDE, DESIGN, beta) - expected_scores(WIDE, DESIGN, beta)).max() > 0.05


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
        expected_scores(PanelModel(), design, beta)
