"""How many scores of a row exceed, and how many reach, each of a few of them: exact counts without an index.

On a CPU, scores are dropped into bins of equal width. Counts of the bins place every score but those that share a bin
with a match and differ from it; only these few are sorted. This takes a quarter of the time of sorting the row, ties
included.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MAX_BINS = 2**14

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


def count_by_sorting(block: Tensor, match_score: Tensor) -> Counts:
    """How many entries of each row (B, G) exceed, and how many reach, each score of that row (B, M): (B, M) int64."""
    ascending = block.sort(dim=1).values
    above = block.shape[1] - torch.searchsorted(ascending, match_score, right=True)
    at_least = block.shape[1] - torch.searchsorted(ascending, match_score)
    return above.cpu().numpy(), at_least.cpu().numpy()


def count_on_cpu(block: Tensor, match_score: Tensor, match: Tensor, pool: ThreadPoolExecutor) -> Counts:
    """As ``count_by_sorting`` where ``match`` (B, M) is set, and zero elsewhere.

    Args:
        block: (B, G) float32, float64 or int64, without NaN; minus infinity stands for what is removed.
        match_score: (B, M) of the same type; entries that ``match`` sets are among their row of ``block`` and finite.
        match: (B, M) bool.
        pool: its threads share the rows.
    """
    above, at_least = torch.zeros_like(match, dtype=torch.int64), torch.zeros_like(match, dtype=torch.int64)
    arrays = [tensor.numpy() for tensor in (block, match_score, match, above, at_least)]
    chunks = [np.array_split(array, torch.get_num_threads()) for array in arrays]
    list(pool.map(_count_rows, *chunks))
    return above.numpy(), at_least.numpy()


@np.errstate(over="ignore", divide="ignore")
def _count_rows(
    block: NDArray[np.number],
    match_score: NDArray[np.number],
    match: NDArray[np.bool_],
    above: NDArray[np.int64],
    at_least: NDArray[np.int64],
) -> None:
    """Fill ``above`` and ``at_least``."""
    bins = Bins(block.shape[1], block.dtype)
    for query in np.flatnonzero(match.any(axis=1)):
        row, chosen = block[query], match[query]
        scores = match_score[query, chosen]
        reach = row >= scores.min()
        # Where matches come first, as with trained features, sorting what reaches the worst of them is cheaper.
        few = 8 * np.count_nonzero(reach) < len(row)
        counts = _count_sorted(row[reach], scores) if few or row.dtype.kind == "i" else bins.count(row, scores)
        above[query, chosen], at_least[query, chosen] = counts


def _count_sorted(row: NDArray[np.number], scores: NDArray[np.number]) -> Counts:
    ascending = np.sort(row)
    return len(row) - ascending.searchsorted(scores, side="right"), len(row) - ascending.searchsorted(scores)


class Bins:
    """Counting through bins, in buffers that every row overwrites."""

    def __init__(self, width: int, dtype: np.dtype) -> None:
        self._number = min(width // 4 + 3, _MAX_BINS)
        self._place = np.empty(width, dtype)
        self._bin = np.empty(width, np.intp)
        self._differs = np.empty((2, width), bool)

    def count(self, row: NDArray[np.floating], scores: NDArray[np.floating]) -> Counts:
        """How many entries of ``row`` (G,) exceed, and how many reach, each of ``scores`` (M,), which are among them
        and finite; of one floating type, without NaN or plus infinity."""
        floor = scores.min()
        scale = (self._number - 2) / (row.max() - floor)
        if not 0 < scale < np.inf:
            return _count_sorted(row, scores)
        # Every step keeps the order. Bin 0 is for what is below all scores, of which only some may round into bin 1.
        place = np.subtract(row, floor, out=self._place)
        place *= scale
        place += 1
        np.copyto(self._bin, np.clip(place, 0, self._number - 1, out=place), casting="unsafe")
        of_score = np.clip((scores - floor) * scale + 1, 0, self._number - 1).astype(np.intp)
        # One score stands for all of its bin. NaN, in a bin without any, is neither less nor greater.
        chosen = np.full(self._number, np.nan, row.dtype)
        chosen[of_score] = scores
        chosen.take(self._bin, out=place, mode="clip")
        less, greater = np.less(row, place, out=self._differs[0]), np.greater(row, place, out=self._differs[1])
        others = np.flatnonzero(np.logical_or(less, greater, out=less))
        same = self._counts(self._bin) - self._counts(self._bin[others])
        higher = same.sum() - same.cumsum()
        above, at_least = _count_sorted(row[others], scores)
        same, higher, chosen = same[of_score], higher[of_score], chosen[of_score]
        return above + higher + same * (chosen > scores), at_least + higher + same * (chosen >= scores)

    def _counts(self, bins: NDArray[np.intp]) -> NDArray[np.int64]:
        return np.bincount(bins, minlength=self._number)
