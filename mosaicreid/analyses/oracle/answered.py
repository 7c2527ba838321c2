"""How every query is answered by some scores: the two numbers that all controls are compared by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.analyses.oracle.labels import Identities
from mosaicreid.retrieval.metrics import evaluate_scores


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Of each query, ``ap`` (Q,), its average precision, 0..1, and ``hit`` (Q,), 1 where the first image that counts is
    of the same person, else 0, whose mean is Rank-1. Both are NaN without a match."""

    ap: NDArray[np.float64]
    hit: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> "Answered":
        """The same, NaN but for the ``chosen`` (Q,)."""
        return Answered(ap=np.where(chosen, self.ap, np.nan), hit=np.where(chosen, self.hit, np.nan))


def answer(scores: Tensor, ids: Identities) -> Answered:
    """Every query answered by ``scores`` (Q, G)."""
    per_query = evaluate_scores(scores, *ids).per_query
    return answered(per_query["ap"].to_numpy(float), per_query["rank"].to_numpy(float))


def answered(ap: NDArray[np.float64], rank: NDArray[np.float64]) -> Answered:
    """From average precision and the rank of the first match, from 1; NaN, both, without a match."""
    return Answered(ap=ap, hit=np.where(np.isnan(ap), np.nan, rank == 1))
