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

from mosaicreid.analyses.oracle.labels import WEIGHTS
from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate_scores

Identities = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """``ap``: (Q,) average precision in 0..1, NaN without a match, by the way the weight was chosen: ``fusion``
    (training people), ``fusion-crossfit``, ``fusion-best``. ``weights``: weight, train_mAP, test_mAP (percent),
    chosen_train, chosen_best (0/1), chosen_crossfit (share of the test people whose weight it is)."""

    ap: dict[str, NDArray[np.float64]]
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
    seen = [float(np.nanmean(ap)) for ap in _ap(train, weights)]
    ap = np.stack(_ap(test, weights))
    scores = np.nanmean(ap, axis=1)
    crossfit, share = cross_fit(ap, np.asarray(test[2][0]), generator)
    table = pd.DataFrame(
        {
            "weight": weights,
            "train_mAP": 100 * np.array(seen),
            "test_mAP": 100 * scores,
            "chosen_train": (np.arange(len(weights)) == np.argmax(seen)).astype(int),
            "chosen_best": (np.arange(len(weights)) == np.argmax(scores)).astype(int),
            "chosen_crossfit": share,
        }
    )
    by_choice = {"fusion": ap[np.argmax(seen)], "fusion-crossfit": crossfit, "fusion-best": ap[np.argmax(scores)]}
    return Fusion(ap=by_choice, weights=table)


def fuse_crossfit(
    test: tuple[Tensor, Tensor, Identities], generator: np.random.Generator, *, weights: Sequence[float] = WEIGHTS
) -> NDArray[np.float64]:
    """Average precision (Q,) by ``similarity + weight * agreement``, weights cross-fitted; arguments and errors as of
    ``fuse``."""
    return cross_fit(np.stack(_ap(test, weights)), np.asarray(test[2][0]), generator)[0]


def cross_fit(
    ap: NDArray[np.float64], pids: NDArray[np.integer], generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average precision (Q,) of each query under the weight that is best for the other half of the people.

    Args:
        ap: (W, Q) of every candidate; NaN where a query has no match. pids: (Q,).

    Returns:
        (Q,), and (W,) the share of people whose queries were scored with each candidate.

    Raises:
        InputError: fewer than two people have a query with a match.
    """
    people = np.unique(pids[~np.isnan(ap[0])])
    chosen = cross_fitted_weights(ap, pids, generator)
    share = np.array([np.isin(people, pids[chosen == weight]).mean() for weight in range(len(ap))])
    return ap[chosen, np.arange(ap.shape[1])], share


def cross_fitted_weights(
    ap: NDArray[np.float64], pids: NDArray[np.integer], generator: np.random.Generator
) -> NDArray[np.int64]:
    """The position (Q,) of each query's weight: the best for the other half of the people. As ``cross_fit``."""
    people = np.unique(pids[~np.isnan(ap[0])])
    if len(people) < 2:
        raise InputError(f"got {len(people)} query identities with a match, expected at least 2 to choose a weight by")
    first = np.isin(pids, generator.permutation(people)[: len(people) // 2])
    chosen = np.empty(ap.shape[1], dtype=np.int64)
    for half in (first, ~first):
        chosen[half] = int(np.argmax(np.nanmean(ap[:, ~half], axis=1)))
    return chosen


def _ap(scored: tuple[Tensor, Tensor, Identities], weights: Sequence[float]) -> list[NDArray[np.float64]]:
    similar, agreeing, ids = scored
    return [
        evaluate_scores(similar + weight * agreeing, *ids).per_query["ap"].to_numpy(dtype=float) for weight in weights
    ]
