"""Retrieval under the Market-1501 protocol: mAP, CMC, mINP and per-query AP; exact, blocked, aware of ties.

Only the matches are ranked (``ranking``), so memory is the features plus one block of scores.

Equal scores are ties, and results are expectations over every order within them (``ties``): they depend on neither the
order of the gallery nor a sorting algorithm. What counts as equal is the computed score, and equal features have equal
scores (``similarity``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.retrieval.inputs import choice, count, counts, feature_pair, tensor_of
from mosaicreid.retrieval.ranking import Ids, rank_matches
from mosaicreid.retrieval.similarity import Similarity, feature_scores
from mosaicreid.retrieval.ties import TieBlocks, Ties

RANKS = (1, 5, 10, 20)
# A block of scores has this many entries, 128 MiB in float32, within a number of rows that a matrix product likes.
_BLOCK_ENTRIES, _BLOCK_ROWS = 2**25, (64, 512)


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
    block_rows: int | None = None,
) -> Retrieval:
    """Rank the gallery for every query by the similarity of features.

    Args:
        query_features: (Q, D) floating point, arrays or tensors; the wider type of the two, at least float32, is
            computed in, and float64 where float32 would lose the products of very small or large features.
        gallery_features: (G, D).
        query_pids: (Q,) integer identities.
        query_camids: (Q,) integer cameras.
        gallery_pids: (G,) identities; -1 is junk and removed, one that no query has (0 in Market-1501) is a distractor.
        gallery_camids: (G,) cameras. A gallery item with a query's identity and camera is removed for that query.
        similarity: ``cosine`` (features L2-normalised; ranks like Euclidean distance between normalised features),
            ``euclidean`` (negative squared distance between features as they are) or ``dot``.
        ranks: the k of each Rank-k, whole numbers.
        ties: ``expected`` over every order of equal scores, or a bound: matches first among equals (``optimistic``) or
            last (``pessimistic``).
        device: where to compute; default: where ``gallery_features`` are.
        block_rows: how many queries are scored at a time; decides memory, never the result. Default: what 128 MiB of
            float32 hold, between 64 and 512.

    Raises:
        InputError: shapes, dtypes or names that do not fit, features that are not finite, or no query with a match.
    """
    queries, gallery = feature_pair(query_features, gallery_features, device)
    ids = Ids.check(query_pids, query_camids, gallery_pids, gallery_camids)
    options = _Options.check(ranks, ties, block_rows, len(ids.gallery_pids))
    choice("similarity", similarity, get_args(Similarity))
    expected = (len(ids.query_pids), len(ids.gallery_pids), gallery.shape[1])
    if (len(queries), len(gallery), queries.shape[1]) != expected:
        raise InputError(
            f"features are {tuple(queries.shape)} and {tuple(gallery.shape)} for {expected[0]} query and {expected[1]} "
            "gallery identities; expected a row per identity and equal widths"
        )
    return _evaluate(feature_scores(queries, gallery, similarity, options.block_rows), ids, options)


def evaluate_scores(
    scores: Tensor | NDArray[np.number] | Callable[[slice], Tensor],
    query_pids: ArrayLike,
    query_camids: ArrayLike,
    gallery_pids: ArrayLike,
    gallery_camids: ArrayLike,
    *,
    ranks: Sequence[int] = RANKS,
    ties: Ties = "expected",
    block_rows: int | None = None,
) -> Retrieval:
    """Rank by scores that exist already: integer or floating point, higher is better (negate distances).

    Args:
        scores: (Q, G), or a function from a slice of queries to their rows (B, G), on any device. Never modified.
            Integers must lie within int64, its two ends excluded.

    The other arguments, the result and the errors are those of ``evaluate``.
    """
    ids = Ids.check(query_pids, query_camids, gallery_pids, gallery_camids)
    options = _Options.check(ranks, ties, block_rows, len(ids.gallery_pids))
    if callable(scores):
        rows_of = scores
    else:
        matrix = tensor_of("scores", scores)
        if tuple(matrix.shape) != (len(ids.query_pids), len(ids.gallery_pids)):
            raise InputError(
                f"scores have shape {tuple(matrix.shape)}; expected (queries, gallery) "
                f"{len(ids.query_pids), len(ids.gallery_pids)}"
            )
        rows_of = matrix.__getitem__
    return _evaluate(lambda rows: _own(tensor_of("scores", rows_of(rows))), ids, options)


@dataclass(frozen=True)
class _Options:
    ranks: tuple[int, ...]
    ties: Ties
    block_rows: int

    @classmethod
    def check(cls, ranks: object, ties: Ties, block_rows: object, num_gallery: int) -> "_Options":
        choice("ties", ties, get_args(Ties))
        if block_rows is None:
            block_rows = int(np.clip(_BLOCK_ENTRIES // num_gallery, *_BLOCK_ROWS))
        return cls(counts("ranks", ranks), ties, count("block_rows", block_rows))


def _evaluate(score: Callable[[slice], Tensor], ids: Ids, options: _Options) -> Retrieval:
    num_queries, num_gallery = len(ids.query_pids), len(ids.gallery_pids)
    parts: list[dict[str | int, NDArray[Any]]] = []
    for matches in rank_matches(score, ids, block_rows=options.block_rows):
        blocks = TieBlocks.from_matches(matches.query, matches.above, matches.at_least).ordered(options.ties)
        parts.append(
            {
                "ap": blocks.average_precision(matches.queries),
                "rank": blocks.first_rank(matches.queries),
                "num_matches": blocks.num_matches(matches.queries),
                "inp": blocks.inverse_negative_penalty(matches.queries),
                **{k: blocks.hit_rate(matches.queries, min(k, num_gallery)) for k in options.ranks},
            }
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if not columns["num_matches"].any():
        raise InputError(
            f"none of the {num_queries} queries has a match: no gallery item has its identity and another camera; "
            "expected query and gallery of one dataset, numbered alike"
        )
    per_query = pd.DataFrame(
        {
            "query": np.arange(num_queries),
            "pid": ids.query_pids,
            "camid": ids.query_camids,
            **{name: columns[name] for name in ("ap", "rank", "num_matches")},
        }
    )
    return Retrieval(
        mAP=float(np.nanmean(per_query["ap"])),
        cmc={k: float(np.nanmean(columns[k])) for k in options.ranks},
        mINP=float(np.nanmean(columns["inp"])),
        per_query=per_query,
        unmatched=tuple(np.flatnonzero(per_query["num_matches"] == 0).tolist()),
    )


def _own(block: Tensor) -> Tensor:
    """A contiguous copy that may be overwritten, of a type that sorts: float32, float64 or int64."""
    floating = torch.float64 if block.dtype == torch.float64 else torch.float32
    dtype = floating if block.is_floating_point() else torch.int64
    own = block.to(dtype, copy=True, memory_format=torch.contiguous_format)
    if block.dtype == torch.uint64 and bool((own < 0).any()):
        raise InputError("scores reach 2^63 or more; expected integers that int64 holds")
    return own
