"""Late fusion: the score of a model without experts plus weighted label agreement, and three ways to choose the weight.

A weight chosen on the people that the model was trained on may be too low: the model knows them, so labels have little
left to add. One chosen on the test queries themselves is too good, an upper bound. Between the two, cross-fitting
chooses the weight of every query on the queries of other test people.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.analyses.oracle.answered import Answered, answer
from mosaicreid.analyses.oracle.labels import WEIGHTS, Identities
from mosaicreid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """``answered``: every query, by the way the weight was chosen: ``fusion`` (training people), ``fusion-crossfit``,
    ``fusion-best``. ``weights``: weight, train_mAP, test_mAP (percent), chosen_train, chosen_best (0/1),
    chosen_crossfit (share of the test people whose weight it is)."""

    answered: dict[str, Answered]
    weights: pd.DataFrame


def fuse(
    train: tuple[Tensor, Tensor, Identities],
    test: tuple[Tensor, Tensor, Identities],
    generator: np.random.Generator,
    *,
    weights: Sequence[float] = WEIGHTS,
) -> Fusion:
    """Retrieve by ``similarity + weight * agreement`` under the weights of all three ways.

    Args:
        train, test: (Q, G) similarities, (Q, G) agreements, and query_pids (Q,), query_camids (Q,), gallery_pids (G,),
            gallery_camids (G,).
        generator: splits the test people into two halves. weights: candidates; the smallest wins among equals.

    Raises:
        InputError: fewer than two test people have a match.
    """
    seen = [float(np.nanmean(of_weight.ap)) for of_weight in _candidates(train, weights)]
    tried = _candidates(test, weights)
    scores = [float(np.nanmean(of_weight.ap)) for of_weight in tried]
    pids = np.asarray(test[2][0])
    crossfit = cross_fitted_weights(np.stack([of_weight.ap for of_weight in tried]), pids, generator)
    table = pd.DataFrame(
        {
            "weight": weights,
            "train_mAP": 100 * np.array(seen),
            "test_mAP": 100 * np.array(scores),
            "chosen_train": (np.arange(len(weights)) == np.argmax(seen)).astype(int),
            "chosen_best": (np.arange(len(weights)) == np.argmax(scores)).astype(int),
            "chosen_crossfit": share_of_people(crossfit, tried[0].ap, pids, candidates=len(weights)),
        }
    )
    by_choice = {
        "fusion": tried[int(np.argmax(seen))],
        "fusion-crossfit": _chosen(tried, crossfit),
        "fusion-best": tried[int(np.argmax(scores))],
    }
    return Fusion(answered=by_choice, weights=table)


def fuse_crossfit(
    test: tuple[Tensor, Tensor, Identities], generator: np.random.Generator, *, weights: Sequence[float] = WEIGHTS
) -> Answered:
    """Every query by ``similarity + weight * agreement``, weights cross-fitted; arguments and errors as of ``fuse``."""
    tried = _candidates(test, weights)
    ap = np.stack([of_weight.ap for of_weight in tried])
    return _chosen(tried, cross_fitted_weights(ap, np.asarray(test[2][0]), generator))


def share_of_people(
    chosen: NDArray[np.integer], ap: NDArray[np.float64], pids: NDArray[np.integer], *, candidates: int
) -> NDArray[np.float64]:
    """Share (W,) of the people with a match whose queries have each candidate, ``chosen`` (Q,) of them; ``ap`` (Q,) is
    NaN where a query has no match."""
    people = np.unique(pids[~np.isnan(ap)])
    return np.array([np.isin(people, pids[chosen == weight]).mean() for weight in range(candidates)])


def cross_fitted_weights(
    ap: NDArray[np.float64], pids: NDArray[np.integer], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The position (Q,) of each query's weight: that with the best mAP for the other half of the people.

    Args:
        ap: (W, Q) average precision with every candidate; NaN where a query has no match. pids: (Q,).

    Raises:
        InputError: fewer than two people have a query with a match.
    """
    people = np.unique(pids[~np.isnan(ap[0])])
    if len(people) < 2:
        raise InputError(f"got {len(people)} query identities with a match, expected at least 2 to choose a weight by")
    first = np.isin(pids, generator.permutation(people)[: len(people) // 2])
    chosen = np.empty(ap.shape[1], dtype=np.int64)
    for half in (first, ~first):
        chosen[half] = int(np.argmax(np.nanmean(ap[:, ~half], axis=1)))
    return chosen


def _candidates(scored: tuple[Tensor, Tensor, Identities], weights: Sequence[float]) -> list[Answered]:
    similar, agreeing, ids = scored
    return [answer(similar + weight * agreeing, ids) for weight in weights]


def _chosen(tried: Sequence[Answered], chosen: NDArray[np.integer]) -> Answered:
    query = np.arange(len(chosen))
    return Answered(
        ap=np.stack([of_weight.ap for of_weight in tried])[chosen, query],
        hit=np.stack([of_weight.hit for of_weight in tried])[chosen, query],
    )
