"""Shapley values of experts that are switched off, on simulated people and models, beside the exact ones."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.coverage.regimes import Regime
from mosaicreid.analyses.coverage.tally import Intervals
from mosaicreid.analyses.oracle.parts import partition
from mosaicreid.analyses.robust.contrasts import contrast_weights
from mosaicreid.analyses.shapley.tables import contrasts, summarise
from mosaicreid.datasets import get_schema
from mosaicreid.statistics.shapley import sample_shapley, shapley_values, subsets
from mosaicreid.statistics.simulation import Drawn, draw, expected_game


class GameStudy:
    """One dataset's game: its players, clusters and contrasts, and the exact values in points of mAP."""

    def __init__(self, regime: Regime) -> None:
        """``regime`` says what people and models are drawn."""
        self.regime = regime
        schema = get_schema(regime.dataset)
        self.names = tuple(schema.attributes)
        self.clusters = partition(schema)
        self.weights = contrast_weights(regime.dataset)

    @cached_property
    def truth(self) -> dict[str, NDArray[np.float64]]:
        """Exact values of attributes (A,), contrasts and clusters, of the expected game."""
        world, beta = self.regime.game_world, self.regime.game_beta
        values = shapley_values(expected_game(world, subsets(len(self.names)).astype(float), beta))
        sets = self.members(subsets(len(self.clusters)).astype(bool))
        return {
            "attributes": values,
            "contrasts": self.weights[list(self.names)].to_numpy() @ values,
            "clusters": shapley_values(expected_game(world, sets.astype(float), beta)),
        }

    def members(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(V, clusters) sets of clusters as (V, A) sets of attributes."""
        owns = np.array([[name in attributes for name in self.names] for attributes in self.clusters.values()])
        return (chosen[:, :, None] & owns).any(axis=1)


def judge_game(study: GameStudy, generator: np.random.Generator) -> dict[tuple[str, str], Intervals]:
    """Every interval of one simulated game in all seeds, by analysis and metric."""
    drawn = draw(study.regime.game_world, study.regime.game_beta, generator)
    sampled, exact = [], []
    for seed in range(study.regime.panel.seeds):
        orders = int(generator.integers(2**31))

        def play(chosen: NDArray[np.bool_], seed: int = seed) -> NDArray[np.float64]:
            return _worth(drawn, seed, chosen)

        def with_mean(chosen: NDArray[np.bool_], seed: int = seed) -> NDArray[np.float64]:
            worth = _worth(drawn, seed, chosen)
            return np.column_stack([worth, worth.mean(axis=1)])

        value, low, high = sample_shapley(with_mean, len(study.names), pairs=study.regime.game.pairs, seed=orders)
        half = (high - low)[:, -1] / 2
        sampled.append(_table(drawn, seed, dict(zip(study.names, value[:, :-1], strict=True)), half))
        sets = study.members(subsets(len(study.clusters)).astype(bool))
        of_clusters = shapley_values(play(sets))
        exact.append(_table(drawn, seed, dict(zip(study.clusters, of_clusters, strict=True)), np.zeros(len(sets))))
    values = pd.concat(sampled, ignore_index=True)
    tables = {"attributes": values, "contrasts": contrasts(values, study.weights), "clusters": pd.concat(exact)}
    found = {}
    for name, table in tables.items():
        rows = summarise(table)
        found[f"shapley-{name}", "mAP"] = Intervals(
            estimate=rows["value"].to_numpy(),
            low=rows["ci_low"].to_numpy(),
            high=rows["ci_high"].to_numpy(),
            target=study.truth[name],
        )
    return found


def _worth(drawn: Drawn, seed: int, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(V, Q) points of average precision of every query when one seed's model has the experts ``chosen`` (V, A) on."""
    score = drawn.without[seed] + chosen.astype(float) @ drawn.effects[seed].T
    return 100 * score.clip(0, 1)


def _table(
    drawn: Drawn, seed: int, values: Mapping[str, NDArray[np.float64]], half: NDArray[np.float64]
) -> pd.DataFrame:
    """As ``oracle.ablation`` leaves it: player, query, pid, seed, value, sampling_half."""
    queries = len(drawn.pids)
    return pd.DataFrame(
        {
            "player": np.repeat(list(values), queries),
            "query": np.tile(np.arange(queries), len(values)),
            "pid": np.tile(drawn.pids, len(values)),
            "seed": seed,
            "value": np.concatenate(list(values.values())),
            "sampling_half": np.repeat(half[: len(values)], queries),
        }
    )
