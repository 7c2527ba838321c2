"""The closed forms against enumeration of every order, in exact arithmetic."""

from itertools import chain, combinations, product

import numpy as np
import pytest
import textbook

from mosaicreid.errors import InputError
from mosaicreid.retrieval.ties import TieBlocks


def orders(levels):
    """Every distinguishable order of a ranking given as levels of (matches, others), best level first. All are equally
    likely: each stands for the same number of permutations."""
    arrangements = []
    for matches, others in levels:
        places = range(matches + others)
        arrangements.append([[place in chosen for place in places] for chosen in combinations(places, matches)])
    return [list(chain(*choice)) for choice in product(*arrangements)]


def blocks_of(levels):
    query, above, at_least, before = [], [], [], 0
    for matches, others in levels:
        query += [0] * matches
        above += [before] * matches
        before += matches + others
        at_least += [before] * matches
    return TieBlocks.from_matches(np.array(query), np.array(above), np.array(at_least))


LEVELS = [
    [(1, 0)],
    [(1, 4)],
    [(3, 0)],
    [(3, 4)],
    [(0, 3), (2, 2)],
    [(0, 1), (1, 0), (0, 2), (1, 3)],
    [(2, 1), (0, 2), (1, 1), (3, 2)],
    [(1, 2), (2, 2), (2, 0), (0, 5)],
    [(0, 7), (4, 5)],
]


@pytest.mark.parametrize("levels", LEVELS)
def test_expectations_equal_the_mean_over_every_order(levels):
    rankings, blocks = orders(levels), blocks_of(levels)

    def mean(metric):
        return float(sum(metric(ranking) for ranking in rankings)) / len(rankings)

    assert blocks.average_precision(1)[0] == pytest.approx(mean(textbook.average_precision), abs=1e-14)
    assert blocks.first_rank(1)[0] == pytest.approx(mean(textbook.first_rank), abs=1e-14)
    assert blocks.inverse_negative_penalty(1)[0] == pytest.approx(mean(textbook.inverse_negative_penalty), abs=1e-14)
    for k in range(1, len(rankings[0]) + 2):
        hit = mean(lambda ranking, k=k: any(ranking[:k]))
        assert blocks.hit_rate(1, k)[0] == pytest.approx(hit, abs=1e-14), k


@pytest.mark.parametrize("levels", LEVELS)
def test_bounds_are_the_extremes_over_every_order(levels):
    rankings, blocks = orders(levels), blocks_of(levels)
    for ties, extreme in (("optimistic", max), ("pessimistic", min)):
        bound = blocks.ordered(ties)
        assert bound.average_precision(1)[0] == pytest.approx(float(extreme(map(textbook.average_precision, rankings))))
        inp = float(extreme(map(textbook.inverse_negative_penalty, rankings)))
        assert bound.inverse_negative_penalty(1)[0] == pytest.approx(inp)
        for k in range(1, len(rankings[0]) + 1):
            assert bound.hit_rate(1, k)[0] == extreme(any(ranking[:k]) for ranking in rankings)
    assert blocks.ordered("optimistic").first_rank(1)[0] == min(map(textbook.first_rank, rankings))
    assert blocks.ordered("pessimistic").first_rank(1)[0] == max(map(textbook.first_rank, rankings))


def test_large_blocks_keep_their_digits():
    # One match among 20,000 equals after 100,000 others: the mean of 1/position over the block.
    blocks = TieBlocks.from_matches(np.array([0]), np.array([100_000]), np.array([120_000]))
    exact = float(np.mean(1 / np.arange(100_001, 120_001, dtype=np.longdouble)))
    assert blocks.average_precision(1)[0] == pytest.approx(exact, rel=1e-9)
    assert blocks.inverse_negative_penalty(1)[0] == pytest.approx(exact, rel=1e-12)


def test_a_query_without_a_match_has_no_value():
    blocks = TieBlocks.from_matches(np.array([1]), np.array([0]), np.array([1]))
    for values in (
        blocks.average_precision(2),
        blocks.first_rank(2),
        blocks.inverse_negative_penalty(2),
        blocks.hit_rate(2, 1),
    ):
        assert np.isnan(values[0])
        assert values[1] == 1


def test_unknown_ties_are_refused():
    with pytest.raises(InputError, match="unknown ties 'random'; expected one of: expected, optimistic, pessimistic"):
        blocks_of([(1, 1)]).ordered("random")
