"""Shapley values of attributes by ablation at inference: one trained model, the experts of any attributes switched off.

The game of one query: the players are attributes (or clusters of them), the worth of a set of players is the query's
average precision when only their experts are on, for query and gallery alike. The Shapley value of a mean is the mean
of the Shapley values, so values are kept per query, and what resamples people can use them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mosaicreid.data.loaders import Samples
from mosaicreid.errors import InputError
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.statistics.shapley import Game, sample_shapley, shapley_values, subsets
from mosaicreid.training.inference import extract_variants


@dataclass(frozen=True, kw_only=True)
class Ablated:
    """One model with experts, and the images on which its attributes' experts are switched off."""

    model: ReidModel
    router: Router
    query: Samples
    gallery: Samples
    batch_size: int = 64
    device: str = "cpu"

    def game(self, players: Sequence[Sequence[str]]) -> Game:
        """(V, players) sets to (V, Q) average precision, 0..1, NaN for a query without a match.

        ``players`` lists the attributes that each player switches on; they must not share any.
        """
        attributes = [name for player in players for name in player]
        if sorted(attributes) != sorted(self.router.attributes):
            raise InputError(
                f"the players hold {', '.join(sorted(attributes))}; expected every attribute of the model once: "
                f"{', '.join(sorted(self.router.attributes))}"
            )

        def worth(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
            off = [[n for player, on in zip(players, row, strict=True) if not on for n in player] for row in chosen]
            masks = torch.stack([self.router.mask(names) for names in off])
            queries, galleries = (
                extract_variants(
                    self.model, samples, self.router, masks, batch_size=self.batch_size, device=self.device
                ).cpu()
                for samples in (self.query, self.gallery)
            )
            ids = self.query.pids, self.query.camids, self.gallery.pids, self.gallery.camids
            results = [evaluate(q, g, *ids) for q, g in zip(queries, galleries, strict=True)]
            return np.stack([result.per_query["ap"].to_numpy(dtype=float) for result in results])

        return worth


def subsample_people(query: Samples, gallery: Samples, *, people: int, seed: int) -> tuple[Samples, Samples]:
    """A smaller test: the queries of ``people`` random identities and a gallery image of theirs per camera.

    Identities of the gallery that no query has (distractors) keep their share of it. All people where there are fewer.
    """
    generator = np.random.default_rng(seed)
    known = np.unique(query.pids)
    chosen = generator.permutation(known)[:people]
    _, first = np.unique(np.stack([gallery.pids, gallery.camids]), axis=1, return_index=True)
    of_chosen = first[np.isin(gallery.pids[first], chosen)]
    nobody = ~np.isin(gallery.pids, known)
    others = generator.permutation(np.flatnonzero(nobody))[: round(len(of_chosen) * nobody.sum() / (~nobody).sum())]
    return _at(query, np.flatnonzero(np.isin(query.pids, chosen))), _at(
        gallery, np.sort(np.concatenate([of_chosen, others]))
    )


def attribute_values(ablated: Ablated, *, pairs: int, seed: int) -> pd.DataFrame:
    """Sampled Shapley values of the model's attributes, from ``pairs`` orders and their reversals.

    Returns:
        player, query, pid, value (points of average precision), sampling_half (half the width of the 95 % interval of
        the mean over these queries, over orders only), and the worth of nobody and of everybody as the players
        ``(none)`` and ``(all)``.

    Raises:
        InputError: fewer than two attributes or pairs, or no query with a match.
    """
    names = ablated.router.attributes
    play = ablated.game([(name,) for name in names])
    ends: dict[str, NDArray[np.float64]] = {}

    def with_mean(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        # The mean over queries is one more game on the same orders: its interval is that of sampling them.
        worth = play(chosen)
        size = chosen.sum(axis=1)
        ends["(none)"], ends["(all)"] = worth[size == 0][0], worth[size == len(names)][0]
        return np.column_stack([worth, np.nanmean(worth, axis=1)])

    estimate, low, high = sample_shapley(with_mean, len(names), pairs=pairs, seed=seed)
    half = dict(zip(names, 100 * (high - low)[:, -1] / 2, strict=True))
    return _table(ablated, dict(zip(names, estimate[:, :-1], strict=True)) | ends, half)


def cluster_values(ablated: Ablated, clusters: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Exact Shapley values of clusters of attributes, from every set of them; columns as ``attribute_values``."""
    worth = ablated.game(list(clusters.values()))(subsets(len(clusters)).astype(bool))
    return _table(ablated, dict(zip(clusters, shapley_values(worth), strict=True)), dict.fromkeys(clusters, 0.0))


def _table(ablated: Ablated, values: Mapping[str, NDArray], half: Mapping[str, float]) -> pd.DataFrame:
    queries = {"query": np.arange(len(ablated.query)), "pid": ablated.query.pids}
    rows = [
        pd.DataFrame({"player": name, **queries, "value": 100 * value, "sampling_half": half.get(name, 0.0)})
        for name, value in values.items()
    ]
    return pd.concat(rows, ignore_index=True).dropna(subset="value")


def _at(samples: Samples, indices: NDArray[np.integer]) -> Samples:
    """The images at ``indices``, their identities numbered anew."""
    pids = samples.pids[indices]
    return replace(
        samples,
        pixels=samples.pixels[indices],
        pids=pids,
        labels=np.unique(pids, return_inverse=True)[1],
        camids=samples.camids[indices],
        codes=samples.codes[indices],
    )
