from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mosaicreid.analyses.coverage import games
from mosaicreid.analyses.coverage.games import GameStudy, judge_game
from mosaicreid.analyses.coverage.regimes import read_regimes
from mosaicreid.statistics.shapley import shapley_values, subsets
from mosaicreid.statistics.simulation import draw, expected_game

REGIME = read_regimes()[1]
# Effects so large that scores are cut and values depend on the order in which players join.
STRONG = replace(REGIME, game=replace(REGIME.game, scale=4.0, intercept=0.7))


def test_exact_values_add_up_to_what_all_experts_bring() -> None:
    study = GameStudy(STRONG)
    ends = expected_game(STRONG.game_world, np.stack([np.zeros(10), np.ones(10)]), STRONG.game_beta)
    for name in ("attributes", "clusters"):
        assert study.truth[name].sum() == pytest.approx(ends[1] - ends[0])
    np.testing.assert_allclose(study.truth["contrasts"], study.weights.to_numpy() @ study.truth["attributes"])


def test_clusters_are_unions_of_attributes() -> None:
    study = GameStudy(STRONG)
    sets = study.members(subsets(4).astype(bool))
    assert sets[0].sum() == 0
    assert sets[-1].all()
    first = next(iter(study.clusters.values()))
    assert [name for name, on in zip(study.names, sets[1], strict=True) if on] == list(first)


def test_the_worth_of_a_set_is_the_cut_score_of_its_members() -> None:
    drawn = draw(STRONG.game_world, STRONG.game_beta, np.random.default_rng(0))
    chosen = np.zeros((1, 10), bool)
    chosen[0, [2, 7]] = True
    score = drawn.without[1] + drawn.effects[1][:, 2] + drawn.effects[1][:, 7]
    np.testing.assert_allclose(games._worth(drawn, 1, chosen)[0], 100 * np.clip(score, 0, 1))


def test_sampled_values_are_right_on_average() -> None:
    study, generator = GameStudy(STRONG), np.random.default_rng(1)
    found = [judge_game(study, generator) for _ in range(30)]
    assert set(found[0]) == {(f"shapley-{name}", "mAP") for name in ("attributes", "contrasts", "clusters")}
    for key in found[0]:
        errors = np.stack([each[key].estimate - each[key].target for each in found])
        error = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
        assert (np.abs(errors.mean(axis=0)) < 4 * error).all(), key


def test_a_game_without_people_that_differ_is_known_but_for_the_orders() -> None:
    spreads = dict.fromkeys(("identity", "query", "slopes", "seed_slopes", "seed", "query_seed"), 0.0)
    still = replace(STRONG, panel=replace(STRONG.panel, **spreads))
    study = GameStudy(still)
    found = judge_game(study, np.random.default_rng(0))["shapley-clusters", "mAP"]
    np.testing.assert_allclose(found.estimate, study.truth["clusters"], atol=1e-9)
    np.testing.assert_allclose(found.low, found.high, atol=1e-9)


def test_values_are_laid_out_as_the_runs_leave_them() -> None:
    drawn = draw(STRONG.game_world, STRONG.game_beta, np.random.default_rng(0))
    queries = len(drawn.pids)
    values = {"a": np.arange(queries) + 0.5, "b": -np.arange(queries) * 1.0}
    table = games._table(drawn, 2, values, np.array([0.1, 0.2]))
    assert len(table) == 2 * queries
    row = table[(table["player"] == "b") & (table["query"] == 7)].iloc[0]
    assert (row["value"], row["pid"], row["seed"], row["sampling_half"]) == (-7, drawn.pids[7], 2, 0.2)


def test_exact_values_of_a_linear_game_are_the_effects() -> None:
    beta = np.array([0.2, 0.1, 0.3])
    world = replace(STRONG.panel, bounded=False)
    worth = expected_game(world, subsets(2).astype(float), beta)
    np.testing.assert_allclose(shapley_values(worth), [10, 30])
    assert isinstance(GameStudy(STRONG).weights, pd.DataFrame)
