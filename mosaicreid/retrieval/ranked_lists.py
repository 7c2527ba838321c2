"""The head of a query's ranking, for looking at: which gallery images come first, and which of them are right."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F


class Images(Protocol):
    """What is ranked: identities and cameras of N images, both (N,) int64."""

    @property
    def pids(self) -> npt.NDArray[np.int64]: ...

    @property
    def camids(self) -> npt.NDArray[np.int64]: ...


@dataclass(frozen=True, eq=False)
class RankedList:
    """One query and the first ``len(gallery)`` images of its ranking.

    ``query`` and ``gallery`` are indices into the two sets, ``correct`` says which of the latter show the same person,
    ``ap`` is the query's average precision over its whole ranking (0..1).
    """

    query: int
    gallery: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]
    ap: float


def best_and_worst(
    per_query: pd.DataFrame,
    query: Images,
    gallery: Images,
    query_features: Tensor,
    gallery_features: Tensor,
    *,
    queries: int = 3,
    depth: int = 8,
) -> tuple[list[RankedList], list[RankedList]]:
    """The ranked lists of the ``queries`` queries of highest average precision, and of lowest (the lowest first).

    ``per_query`` is ``evaluate``'s table; ``query_features`` (Q, D) and ``gallery_features`` (G, D). Ranked by cosine
    similarity under the Market-1501 protocol: a gallery image of the query's identity and camera is left out.
    """
    ranked = per_query.dropna(subset="ap").sort_values(["ap", "query"], kind="stable")
    gallery_unit = F.normalize(gallery_features, dim=1)

    def head(row: pd.Series) -> RankedList:
        index = int(row["query"])
        scores = gallery_unit @ F.normalize(query_features[index], dim=0)
        same = gallery.pids == query.pids[index]
        scores[torch.from_numpy(same & (gallery.camids == query.camids[index]))] = -torch.inf
        order = scores.topk(min(depth, len(scores))).indices.numpy()
        return RankedList(query=index, gallery=order, correct=same[order], ap=float(row["ap"]))

    worst = [head(row) for _, row in ranked.head(queries).iterrows()]
    best = [head(row) for _, row in ranked.tail(queries).iloc[::-1].iterrows()]
    return best, worst
