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

from mosaicreid.analyses.oracle.answered import answered
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
        """(V, players) sets to (V, 2, Q), average precision and hits at rank 1, 0..1, NaN for a query without a match.

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
            found = [evaluate(q, g, *ids).per_query for q, g in zip(queries, galleries, strict=True)]
            answers = [answered(of_set["ap"].to_numpy(float), of_set["rank"].to_numpy(float)) for of_set in found]
            return np.stack([np.stack([of_set.ap, of_set.hit]) for of_set in answers])

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
        the mean over these queries, over orders only), the same of hits at rank 1 as rank1_value and
        rank1_sampling_half, and the worth of nobody and of everybody as the players ``(none)`` and ``(all)``.

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
        return np.concatenate([worth, np.nanmean(worth, axis=2, keepdims=True)], axis=2)

    estimate, low, high = sample_shapley(with_mean, len(names), pairs=pairs, seed=seed)
    half = dict(zip(names, 100 * (high - low)[..., -1] / 2, strict=True))
    return _table(ablated, dict(zip(names, estimate[..., :-1], strict=True)) | ends, half)


def cluster_values(ablated: Ablated, clusters: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Exact Shapley values of clusters of attributes, from every set of them; columns as ``attribute_values``."""
    worth = ablated.game(list(clusters.values()))(subsets(len(clusters)).astype(bool))
    return _table(ablated, dict(zip(clusters, shapley_values(worth), strict=True)), {})


def _table(
    ablated: Ablated, values: Mapping[str, NDArray[np.float64]], half: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """``values``: (2, Q) of every player; ``half``: (2,), nothing for a player whose value is exact."""
    rows = []
    for name, (ap, hit) in values.items():
        of_ap, of_hit = half.get(name, (0.0, 0.0))
        own = {"player": name, "query": np.arange(len(ap)), "pid": ablated.query.pids, "value": 100 * ap}
        first = {"rank1_value": 100 * hit, "rank1_sampling_half": of_hit}
        rows.append(pd.DataFrame(own | {"sampling_half": of_ap} | first))
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
