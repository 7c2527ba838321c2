"""Retrieval under the Market-1501 protocol: mAP, CMC, mINP and per-query AP; exact, blocked, aware of ties.

Only the matches are ranked (``ranking``), so memory is the features plus one block of scores.

Equal scores are ties, and results are expectations over every order within them (``ties``): they depend on neither the
order of the gallery nor a sorting algorithm. What counts as equal is the computed score. Integer and
precomputed scores tie exactly; scores of equal feature rows may differ in their last bit, because a matrix product may
sum different columns in different orders.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mosaicreid.errors import InputError, one_of
from mosaicreid.retrieval.ranking import Ids, rank_matches
from mosaicreid.retrieval.ties import TieBlocks, Ties

Similarity = Literal["cosine", "euclidean", "dot"]
RANKS = (1, 5, 10, 20)
BLOCK_ROWS = 256


@dataclass(frozen=True)
class Retrieval:
    """What a set of rankings is worth; every figure is a fraction in 0..1, a mean over the queries that have a match.

    Attributes:
        mAP: mean average precision.
        cmc: Rank-k by k: the share of queries with a match among their first k (with ties: its expectation).
        mINP: mean inverse negative penalty, matches over the rank of the last match (Ye et al. 2022).
        per_query: one row per query, in their order: query (index), pid, camid, ap, rank (of the first match, from 1;
            with ties its expectation), num_matches. Without a match: num_matches 0, ap and rank NaN.
        unmatched: indices of the queries without a match, which no mean includes.
    """

    mAP: float
    cmc: dict[int, float]
    mINP: float
    per_query: pd.DataFrame
    unmatched: tuple[int, ...]


def evaluate(
    query_features: Tensor | NDArray[np.floating],
    gallery_features: Tensor | NDArray[np.floating],
    query_pids: ArrayLike,
    query_camids: ArrayLike,
    gallery_pids: ArrayLike,
    gallery_camids: ArrayLike,
    *,
    similarity: Similarity = "cosine",
    ranks: Sequence[int] = RANKS,
    ties: Ties = "expected",
    device: torch.device | str | None = None,
    block_rows: int = BLOCK_ROWS,
) -> Retrieval:
    """Rank the gallery for every query by the similarity of features.

    Args:
        query_features: (Q, D) floating point; half precision is scored in float32.
        gallery_features: (G, D).
        query_pids: (Q,) integer identities.
        query_camids: (Q,) integer cameras.
        gallery_pids: (G,) identities; -1 is junk and removed, one that no query has (0 in Market-1501) is a distractor.
        gallery_camids: (G,) cameras. A gallery item with a query's identity and camera is removed for that query.
        similarity: ``cosine`` (features L2-normalised; ranks like Euclidean distance between normalised features),
            ``euclidean`` (negative squared distance between features as they are) or ``dot``.
        ranks: the k of each Rank-k.
        ties: ``expected`` over every order of equal scores, or a bound: matches first among equals (``optimistic``) or
            last (``pessimistic``).
        device: where to compute; default: where ``gallery_features`` are.
        block_rows: how many queries are scored at a time; decides memory, never the result.

    Raises:
        InputError: shapes, dtypes or names that do not fit, features that are not finite, or no query with a match.
    """
    gallery = _features("gallery", gallery_features, device)
    queries = _features("query", query_features, device).to(gallery)
    ids = Ids.check(query_pids, query_camids, gallery_pids, gallery_camids)
    _check_options(ranks, ties, block_rows)
    expected = (len(ids.query_pids), len(ids.gallery_pids), gallery.shape[1])
    if (len(queries), len(gallery), queries.shape[1]) != expected:
        raise InputError(
            f"features are {tuple(queries.shape)} and {tuple(gallery.shape)} for {expected[0]} query and {expected[1]} "
            "gallery identities; expected a row per identity and equal widths"
        )
    score = _feature_scores(queries, gallery, similarity, block_rows)
    return _evaluate(score, ids, ranks, ties, block_rows)


def evaluate_scores(
    scores: Tensor | NDArray[np.number] | Callable[[slice], Tensor],
    query_pids: ArrayLike,
    query_camids: ArrayLike,
    gallery_pids: ArrayLike,
    gallery_camids: ArrayLike,
    *,
    ranks: Sequence[int] = RANKS,
    ties: Ties = "expected",
    block_rows: int = BLOCK_ROWS,
) -> Retrieval:
    """Rank by scores that exist already: integer or floating point, higher is better (negate distances).

    Args:
        scores: (Q, G), or a function from a slice of queries to their rows (B, G), on any device. Never modified.

    The other arguments, the result and the errors are those of ``evaluate``.
    """
    ids = Ids.check(query_pids, query_camids, gallery_pids, gallery_camids)
    _check_options(ranks, ties, block_rows)
    if callable(scores):
        rows_of = scores
    else:
        matrix = torch.as_tensor(scores)
        if tuple(matrix.shape) != (len(ids.query_pids), len(ids.gallery_pids)):
            raise InputError(
                f"scores have shape {tuple(matrix.shape)}; expected (queries, gallery) "
                f"{len(ids.query_pids), len(ids.gallery_pids)}"
            )
        rows_of = matrix.__getitem__
    return _evaluate(lambda rows: _own(rows_of(rows)), ids, ranks, ties, block_rows)


def _evaluate(
    score: Callable[[slice], Tensor], ids: Ids, ranks: Sequence[int], ties: Ties, block_rows: int
) -> Retrieval:
    num_queries = len(ids.query_pids)
    matches = rank_matches(score, ids, block_rows=block_rows)
    if not len(matches.query):
        raise InputError(
            f"none of the {num_queries} queries has a match: no gallery item has its identity and another camera; "
            "expected query and gallery of one dataset, numbered alike"
        )
    blocks = TieBlocks.from_matches(matches.query, matches.above, matches.at_least).ordered(ties)
    per_query = pd.DataFrame(
        {
            "query": np.arange(num_queries),
            "pid": ids.query_pids,
            "camid": ids.query_camids,
            "ap": blocks.average_precision(num_queries),
            "rank": blocks.first_rank(num_queries),
            "num_matches": blocks.num_matches(num_queries),
        }
    )
    return Retrieval(
        mAP=float(np.nanmean(per_query["ap"])),
        cmc={int(k): float(np.nanmean(blocks.hit_rate(num_queries, k))) for k in ranks},
        mINP=float(np.nanmean(blocks.inverse_negative_penalty(num_queries))),
        per_query=per_query,
        unmatched=tuple(np.flatnonzero(per_query["num_matches"] == 0).tolist()),
    )


def _feature_scores(
    queries: Tensor, gallery: Tensor, similarity: Similarity, block_rows: int
) -> Callable[[slice], Tensor]:
    """A function from a slice of queries to their scores (B, G), in one buffer that every call overwrites; what depends
    on the query alone cannot change its ranking and is left out."""
    buffer = gallery.new_empty((min(block_rows, len(queries)), len(gallery)))
    norm = torch.linalg.vector_norm(gallery, dim=1)

    def dot(rows: slice) -> Tensor:
        block = queries[rows]
        return torch.mm(block, gallery.T, out=buffer[: len(block)])

    def cosine(rows: slice) -> Tensor:
        # Scaling the scores spares a normalised copy of the gallery; the floor keeps rows of zeros at score zero.
        return dot(rows).div_(norm.clamp(min=torch.finfo(norm.dtype).tiny ** 0.5))

    def euclidean(rows: slice) -> Tensor:
        return dot(rows).sub_(norm.square() / 2)

    functions = {"cosine": cosine, "euclidean": euclidean, "dot": dot}
    if similarity not in functions:
        raise one_of("similarity", similarity, functions)
    return functions[similarity]


def _features(name: str, features: Tensor | NDArray[np.floating], device: torch.device | str | None) -> Tensor:
    tensor = torch.as_tensor(features, device=device).detach()
    if tensor.ndim != 2 or not tensor.is_floating_point():
        raise InputError(
            f"{name} features have shape {tuple(tensor.shape)} and dtype {tensor.dtype}; expected floating point and "
            "(images, width)"
        )
    return tensor.float() if tensor.element_size() < torch.float32.itemsize else tensor


def _check_options(ranks: Sequence[int], ties: Ties, block_rows: int) -> None:
    if not ranks or min(ranks) < 1:
        raise InputError(f"got ranks {list(ranks)}; expected at least one, each 1 or more")
    if ties not in get_args(Ties):
        raise one_of("ties", ties, get_args(Ties))
    if block_rows < 1:
        raise InputError(f"got block_rows {block_rows}; expected 1 or more")


def _own(block: Tensor) -> Tensor:
    """A contiguous copy that may be overwritten, of a type that sorts and has room for a value below every score."""
    if block.element_size() < torch.float32.itemsize:
        return block.detach().to(torch.float32 if block.is_floating_point() else torch.int32).contiguous()
    return block.detach().clone(memory_format=torch.contiguous_format)
