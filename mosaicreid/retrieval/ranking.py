"""Where the matches of a query stand: how many gallery items score higher than each, without sorting an index.

The Market-1501 protocol (Zheng et al. 2015) is applied here: a match has the query's identity and another camera; items
with the query's identity and camera are removed for that query, junk (identity -1) for all; everything else competes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.retrieval.counting import count_by_sorting, count_on_cpu
from mosaicreid.retrieval.inputs import integers

JUNK = -1


@dataclass(frozen=True, kw_only=True)
class Ids:
    """Identities and cameras of queries, (Q,), and gallery, (G,): int64 arrays that have been checked."""

    query_pids: NDArray[np.int64]
    query_camids: NDArray[np.int64]
    gallery_pids: NDArray[np.int64]
    gallery_camids: NDArray[np.int64]

    @classmethod
    def check(
        cls, query_pids: ArrayLike, query_camids: ArrayLike, gallery_pids: ArrayLike, gallery_camids: ArrayLike
    ) -> "Ids":
        """Take integers of any kind.

        Raises:
            InputError: not one integer per image, no query or gallery at all, or a query that is junk.
        """
        ids = cls(
            query_pids=integers("query_pids", query_pids),
            query_camids=integers("query_camids", query_camids),
            gallery_pids=integers("gallery_pids", gallery_pids),
            gallery_camids=integers("gallery_camids", gallery_camids),
        )
        for side, pids, camids in (
            ("query", ids.query_pids, ids.query_camids),
            ("gallery", ids.gallery_pids, ids.gallery_camids),
        ):
            if not len(pids) or len(pids) != len(camids):
                raise InputError(
                    f"{side} has {len(pids)} identities and {len(camids)} cameras; expected one of each per image, "
                    "and at least one image"
                )
        if (ids.query_pids == JUNK).any():
            index = int(np.argmax(ids.query_pids == JUNK))
            raise InputError(f"query {index} has identity {JUNK}, which marks junk; expected queries to be people")
        return ids


@dataclass(frozen=True)
class MatchRanks:
    """For every match of a block of queries, in no particular order, (M,) int64: its query, counted within the block,
    how many gallery items score higher than it (``above``), and how many score as high or higher, itself included
    (``at_least``). ``queries`` is the number of queries in the block."""

    queries: int
    query: NDArray[np.int64]
    above: NDArray[np.int64]
    at_least: NDArray[np.int64]


def rank_matches(score: Callable[[slice], Tensor], ids: Ids, *, block_rows: int) -> Iterator[MatchRanks]:
    """Rank the matches of all queries, ``block_rows`` queries at a time; a large gallery has millions of matches, and
    only a block's are ever held.

    Args:
        score: returns the scores (B, G) of a slice of queries, higher is better, as a contiguous tensor on any device.
            It will be overwritten, and is done with when the next is asked for.
        ids: of the queries and the gallery.
        block_rows: B; decides memory, never the result.

    Raises:
        InputError: scores of another shape, or not finite.
    """
    by_pid = np.argsort(ids.gallery_pids, kind="stable")
    sorted_pids = ids.gallery_pids[by_pid]
    junk = np.flatnonzero(ids.gallery_pids == JUNK)
    num_queries = len(ids.query_pids)
    # One pool for all blocks: every new thread may keep memory of its own.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for start in range(0, num_queries, block_rows):
            rows = slice(start, min(start + block_rows, num_queries))
            yield _rank_block(score(rows), rows, ids, by_pid, sorted_pids, junk, pool)


def _rank_block(
    block: Tensor,
    rows: slice,
    ids: Ids,
    by_pid: NDArray[np.int64],
    sorted_pids: NDArray[np.int64],
    junk: NDArray[np.int64],
    pool: ThreadPoolExecutor,
) -> MatchRanks:
    pids, num_gallery = ids.query_pids[rows], len(ids.gallery_pids)
    if tuple(block.shape) != (len(pids), num_gallery):
        raise InputError(
            f"scores have shape {tuple(block.shape)}; expected (queries, gallery) {len(pids), num_gallery}"
        )

    start = np.searchsorted(sorted_pids, pids)
    num_same_pid = np.searchsorted(sorted_pids, pids, side="right") - start
    slots = np.arange(max(num_same_pid.max(), 1))
    column = by_pid[np.minimum(start[:, None] + slots, num_gallery - 1)]
    same_pid = slots < num_same_pid[:, None]
    same_camera = ids.gallery_camids[column] == ids.query_camids[rows, None]
    match, removed = same_pid & ~same_camera, same_pid & same_camera

    lowest = _check_scores(block, rows.start)
    match_score = block.gather(1, _index(column, block))
    # What is removed drops below every score, so that it outranks no match.
    block[_index(np.nonzero(removed)[0], block), _index(column[removed], block)] = lowest
    if len(junk):
        block[:, _index(junk, block)] = lowest
    if block.device.type == "cpu":
        above, at_least = count_on_cpu(block, match_score, torch.from_numpy(match), pool)
    else:
        above, at_least = count_by_sorting(block, match_score)
    return MatchRanks(len(pids), np.nonzero(match)[0], above[match], at_least[match])


def _check_scores(block: Tensor, first_query: int) -> float:
    """The value that stands below every score; InputError where a score is this, or the largest of its type."""
    if block.is_floating_point():
        lowest, highest = -torch.inf, torch.inf
        fault, expected = "not finite", "finite features and scores (a diverged training run gives others)"
    else:
        lowest, highest = torch.iinfo(block.dtype).min, torch.iinfo(block.dtype).max
        fault, expected = f"{lowest} or {highest}", "scores between, because these two stand for what is removed"
    if not all(lowest < value.item() < highest for value in block.aminmax()):
        bad = ~((block > lowest) & (block < highest)).all(dim=1)
        raise InputError(
            f"query {first_query + int(bad.nonzero()[0])} has scores that are {fault}; expected {expected}"
        )
    return lowest


def _index(values: NDArray[np.int64], like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device)
