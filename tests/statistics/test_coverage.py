import numpy as np
import pytest

from mosaicreid.errors import InputError
from mosaicreid.statistics.coverage import World, coverage, simulate

DESIGN = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]], float)
BETA = np.array([0.5, 0.02, 0.0, -0.01])


def test_a_world_without_spread_shows_its_truth() -> None:
    still = World(slopes=0, query=0, seed=0, run=0, rest=0)
    panel = simulate(still, DESIGN, BETA, np.random.default_rng(0))
    np.testing.assert_allclose(panel.ap[:, 0, 0], BETA[0] + DESIGN @ BETA[1:])
    assert np.ptp(panel.ap, axis=(1, 2)).max() < 1e-12


def test_each_spread_is_the_one_asked_for() -> None:
    world = World(identities=4000, queries_per_identity=1, slopes=0, query=0.2, seed=0, run=0, rest=0.1)
    panel = simulate(world, DESIGN, BETA, np.random.default_rng(0))
    difference = panel.ap[0, 0] - panel.ap[1, 0]
    assert difference.std() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)
    assert panel.ap[0, 0].std() == pytest.approx(np.hypot(0.2, 0.1), rel=0.05)


def test_robust_intervals_cover_and_the_papers_do_not() -> None:
    world = World(identities=40, queries_per_identity=2)
    table = coverage(world, DESIGN, BETA, replications=150, seed=1).set_index("analysis")
    # 150 panels of three intervals: the bounds are four standard errors from 95 %.
    assert 0.90 < table.loc["mixed-effects", "covered"] <= 1
    assert table.loc["paper-glm", "covered"] < table.loc["mixed-effects", "covered"]
    assert table.loc["mixed-effects", "intervals"] == 450
    assert table.loc["bootstrap-simultaneous", "intervals"] == 150


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="got 5 replications"):
        coverage(World(), DESIGN, BETA, replications=5)
    with pytest.raises(InputError, match="no configuration without attributes"):
        coverage(World(), DESIGN[:-1], BETA, replications=10)
