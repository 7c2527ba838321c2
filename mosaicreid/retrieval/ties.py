"""Rankings with ties: average precision, first match and hardest match over random order within equal scores.

A ranking is reduced to its *tie blocks*: runs of items with one score that hold at least one match. With ``above``
items before the block (``matches_above`` of them matches), ``size`` items in it and ``matches`` of those matches, every
order of the items within is equally likely. Position ``above + j`` then holds a match with probability
``matches / size``, and given that it does, ``(j - 1)(matches - 1)/(size - 1)`` matches are expected before it in the
block. With ``c = (matches - 1)/(size - 1)`` and harmonic numbers ``H`` the expected sum of precisions at its matches
is::

      matches/size * sum_j (matches_above + 1 + c (j - 1)) / (above + j)
    = matches/size * (c size + (matches_above + 1 - c (above + 1)) (H[above + size] - H[above])).

Average precision with expected ties as in McSherry and Najork (2008), "Computing information retrieval performance
measures efficiently in the presence of tied scores".
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from mosaicreid.errors import one_of

Ties = Literal["expected", "optimistic", "pessimistic"]


@dataclass(frozen=True)
class TieBlocks:
    """The tie blocks of many rankings, ordered by query and rank; all fields (T,) int64, one entry per block.

    Blocks without a match are left out: they only shift the ``above`` of later ones. A query without any match has no
    block.
    """

    query: NDArray[np.int64]
    above: NDArray[np.int64]
    matches_above: NDArray[np.int64]
    size: NDArray[np.int64]
    matches: NDArray[np.int64]

    @classmethod
    def from_matches(cls, query: NDArray[np.int64], above: NDArray[np.int64], at_least: NDArray[np.int64]) -> Self:
        """Gather matches (one entry each, any order) into blocks.

        Args:
            query: (M,) the query that each match belongs to.
            above: (M,) how many items of its ranking score higher than it.
            at_least: (M,) how many score as high or higher, itself included.
        """
        order = np.lexsort((above, query))
        query, above, at_least = query[order], above[order], at_least[order]
        starts = np.ones(len(query), dtype=bool)
        starts[1:] = (query[1:] != query[:-1]) | (above[1:] != above[:-1])
        start = np.flatnonzero(starts)
        matches = np.diff(start, append=len(query))
        first_of_query = np.searchsorted(query, query[start])
        return cls(query[start], above[start], start - first_of_query, (at_least - above)[start], matches)

    def ordered(self, ties: Ties) -> Self:
        """The blocks that remain once ties are decided: unchanged for ``expected``; with the matches of every block
        first (``optimistic``) or last (``pessimistic``). Matches next to each other need no order among themselves, so
        each remains a block, of matches alone.

        Raises:
            InputError: ``ties`` is none of the three.
        """
        if ties == "expected":
            return self
        if ties == "optimistic":
            return replace(self, size=self.matches)
        if ties == "pessimistic":
            return replace(self, above=self.above + self.size - self.matches, size=self.matches)
        raise one_of("ties", ties, get_args(Ties))

    def average_precision(self, num_queries: int) -> NDArray[np.float64]:
        """(Q,) expected average precision per query; NaN where a query has no match."""
        precision_sum = np.bincount(self.query, weights=expected_precision_sum(self), minlength=num_queries)
        with np.errstate(invalid="ignore"):
            return precision_sum / self.num_matches(num_queries)

    def num_matches(self, num_queries: int) -> NDArray[np.int64]:
        """(Q,) matches per query."""
        return np.bincount(self.query, weights=self.matches, minlength=num_queries).astype(np.int64)

    def first_rank(self, num_queries: int) -> NDArray[np.float64]:
        """(Q,) expected rank, from 1, of the first match: ``above + (size + 1)/(matches + 1)``; NaN without a match."""
        first = self._first()
        rank = np.full(num_queries, np.nan)
        rank[self.query[first]] = self.above[first] + (self.size[first] + 1) / (self.matches[first] + 1)
        return rank

    def hit_rate(self, num_queries: int, k: int) -> NDArray[np.float64]:
        """(Q,) probability that a match is among the first ``k``; NaN without a match.

        One minus the chance that the first block's items within the first ``k`` are all non-matches, drawn without
        replacement.
        """
        first = self._first()
        size, matches = self.size[first], self.matches[first]
        drawn = np.clip(k - self.above[first], 0, size)
        miss = np.ones(len(first))
        for i in range(int(drawn.max(initial=0))):
            live = i < drawn
            miss[live] *= np.maximum(size - matches - i, 0)[live] / (size - i)[live]
        rate = np.full(num_queries, np.nan)
        rate[self.query[first]] = 1 - miss
        return rate

    def inverse_negative_penalty(self, num_queries: int) -> NDArray[np.float64]:
        """(Q,) expected INP: matches over the rank of the last match (Ye et al. 2022, mINP); NaN without a match."""
        last = np.flatnonzero(np.append(self.query[1:] != self.query[:-1], True)[: len(self.query)])
        inverse = np.full(num_queries, np.nan)
        inverse[self.query[last]] = [
            _expected_inverse_last(above, size, matches)
            for above, size, matches in zip(self.above[last], self.size[last], self.matches[last], strict=True)
        ]
        return self.num_matches(num_queries) * inverse

    def _first(self) -> NDArray[np.int64]:
        return np.flatnonzero(np.append(True, self.query[1:] != self.query[:-1])[: len(self.query)])


def expected_precision_sum(blocks: TieBlocks) -> NDArray[np.float64]:
    """(T,) expected sum of the precisions at each block's matches; the closed form at the top of this file."""
    above, size, matches = blocks.above, blocks.size, blocks.matches
    slope = (matches - 1) / np.maximum(size - 1, 1)
    harmonic = digamma(above + size + 1.0) - digamma(above + 1.0)
    tied = matches / size * (slope * size + (blocks.matches_above + 1 - slope * (above + 1)) * harmonic)
    # A difference of harmonic numbers would cost the untied case digits that plain division keeps.
    return np.where(size == 1, (blocks.matches_above + 1) / (above + 1), tied)


def _expected_inverse_last(above: int, size: int, matches: int) -> float:
    """Expected 1/rank of a block's last match: its l-th item with probability C(l-1, matches-1) / C(size, matches).

    Summed over l as it stands, from the end; recursions over ``matches`` exist but cancel catastrophically.
    """
    if size == matches:
        return 1 / (above + size)
    last = np.arange(size, matches - 1, -1)
    probability = matches / size * np.append(1, np.cumprod((last[:-1] - matches) / (last[:-1] - 1)))
    return float(probability @ (1 / (above + last)))
