"""The head of a query's ranking, for looking at: which gallery images come first, and which of them are right."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.retrieval.inputs import count, feature_pair
from mosaicreid.retrieval.ranking import JUNK


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
    similarity under the Market-1501 protocol: junk, and a gallery image of the query's identity and camera, are left
    out; a list is shorter than ``depth`` where no more images are left.

    Raises:
        InputError: features of another number than the images, or of different widths; queries of ``per_query`` that
            are not there; numbers below 1.
    """
    queries, depth = count("queries", queries), count("depth", depth)
    if not isinstance(per_query, pd.DataFrame):
        raise InputError(f"per_query is of type {type(per_query).__name__}; expected evaluate's table")
    query_rows, gallery_rows = feature_pair(query_features, gallery_features)
    expected = ((len(query.pids), gallery_rows.shape[1]), (len(gallery.pids), query_rows.shape[1]))
    known = (
        {"query", "ap"} <= set(per_query)
        and per_query["query"].isin(range(len(query.pids))).all()
        and pd.api.types.is_float_dtype(per_query["ap"])
    )
    if (tuple(query_rows.shape), tuple(gallery_rows.shape)) != expected or not known:
        raise InputError(
            f"got features {tuple(query_rows.shape)} and {tuple(gallery_rows.shape)} and {len(per_query)} evaluated "
            f"queries for {len(query.pids)} query and {len(gallery.pids)} gallery images; expected a row per image, "
            "equally wide, and what evaluate returned for them"
        )
    ranked = per_query.dropna(subset="ap").sort_values(["ap", "query"], kind="stable")
    gallery_unit = _unit(gallery_rows)

    def head(row: pd.Series) -> RankedList:
        index = int(row["query"])
        scores = gallery_unit @ _unit(query_rows[index])
        same = gallery.pids == query.pids[index]
        removed = (same & (gallery.camids == query.camids[index])) | (gallery.pids == JUNK)
        scores[torch.from_numpy(removed).to(scores.device)] = -torch.inf
        order = scores.topk(min(depth, int((~removed).sum()))).indices.cpu().numpy()
        return RankedList(query=index, gallery=order, correct=same[order], ap=float(row["ap"]))

    worst = [head(row) for _, row in ranked.head(queries).iterrows()]
    best = [head(row) for _, row in ranked.tail(queries).iloc[::-1].iterrows()]
    return best, worst


def _unit(rows: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows / norm.clamp(min=torch.finfo(rows.dtype).tiny ** 0.5)
