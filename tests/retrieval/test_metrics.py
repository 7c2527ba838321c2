"""Retrieval against a textbook implementation, CLIP-ReID's own numbers and random tie orders."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import textbook
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate, evaluate_scores
from mosaicreid.retrieval.ranking import Ids, count_by_sorting, rank_matches


def problem(seed, *, num_queries=12, num_gallery=40, num_pids=5, num_camids=3, levels=None):
    """Scores (integers when ``levels`` is given) and identities, junk and distractors among them."""
    rng = np.random.default_rng(seed)
    shape = (num_queries, num_gallery)
    scores = rng.standard_normal(shape) if levels is None else rng.integers(levels, size=shape)
    return (
        scores,
        rng.integers(1, num_pids + 1, num_queries),
        rng.integers(num_camids, size=num_queries),
        rng.integers(-1, num_pids + 1, num_gallery),
        rng.integers(num_camids, size=num_gallery),
    )


def assert_equals(retrieval, expected, tolerance=1e-12):
    mean_ap, cmc, mean_inp, ap = expected
    assert retrieval.mAP == pytest.approx(mean_ap, abs=tolerance)
    assert retrieval.cmc == pytest.approx(cmc, abs=tolerance)
    assert retrieval.mINP == pytest.approx(mean_inp, abs=tolerance)
    np.testing.assert_allclose(retrieval.per_query["ap"], ap, atol=tolerance)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    num_queries=st.integers(1, 12),
    num_gallery=st.integers(1, 60),
    num_pids=st.integers(1, 6),
    num_camids=st.integers(1, 4),
    block_rows=st.integers(1, 13),
)
def test_without_ties_equals_the_textbook(seed, num_queries, num_gallery, num_pids, num_camids, block_rows):
    case = problem(seed, num_queries=num_queries, num_gallery=num_gallery, num_pids=num_pids, num_camids=num_camids)
    rankings = [textbook.ranked_matches(row, pid, cam, *case[3:]) for row, pid, cam in zip(*case[:3], strict=True)]
    if not any(map(any, rankings)):
        with pytest.raises(InputError, match="has a match"):
            evaluate_scores(*case)
        return
    expected = textbook.evaluate(*case)
    for ties in ("expected", "optimistic", "pessimistic"):
        assert_equals(evaluate_scores(*case, ties=ties, block_rows=block_rows), expected)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    levels=st.integers(1, 6),
    dtype=st.sampled_from([np.uint8, np.int16, np.int64, np.float32]),
)
def test_bounds_with_ties_equal_the_textbook_after_moving_matches(seed, levels, dtype):
    scores, *ids = problem(seed, levels=levels)
    match = ids[0][:, None] == ids[2]
    for ties, shift in (("optimistic", 0.5), ("pessimistic", -0.5)):
        expected = textbook.evaluate(scores + shift * match, *ids)
        assert_equals(evaluate_scores(scores.astype(dtype), *ids, ties=ties), expected)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), levels=st.integers(1, 6))
def test_expectation_lies_within_its_bounds_and_ignores_gallery_order(seed, levels):
    scores, query_pids, query_camids, gallery_pids, gallery_camids = problem(seed, levels=levels)
    low, mid, high = (
        evaluate_scores(scores, query_pids, query_camids, gallery_pids, gallery_camids, ties=ties)
        for ties in ("pessimistic", "expected", "optimistic")
    )
    assert low.mAP <= mid.mAP + 1e-12 <= high.mAP + 2e-12
    assert low.mINP <= mid.mINP + 1e-12 <= high.mINP + 2e-12
    assert all(low.cmc[k] <= mid.cmc[k] + 1e-12 <= high.cmc[k] + 2e-12 for k in mid.cmc)
    order = np.random.default_rng(seed).permutation(len(gallery_pids))
    shuffled = evaluate_scores(scores[:, order], query_pids, query_camids, gallery_pids[order], gallery_camids[order])
    np.testing.assert_array_equal(shuffled.per_query, mid.per_query)


def test_expectation_is_the_mean_over_random_tie_orders():
    scores, *ids = problem(7, num_queries=6, num_gallery=30, levels=4)
    rng = np.random.default_rng(0)
    draws = [textbook.evaluate(scores + 0.5 * rng.random(scores.shape), *ids) for _ in range(2000)]
    retrieval = evaluate_scores(scores, *ids)
    for value, samples in [
        (retrieval.mAP, [draw[0] for draw in draws]),
        (retrieval.cmc[1], [draw[1][1] for draw in draws]),
        (retrieval.cmc[5], [draw[1][5] for draw in draws]),
        (retrieval.mINP, [draw[2] for draw in draws]),
    ]:
        assert abs(value - np.mean(samples)) < 4 * np.std(samples) / np.sqrt(len(samples))


def wave(rows, cols, a, b, c=0.0):
    return np.sin(a * np.arange(rows)[:, None] + b * np.arange(cols) + c)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_equals_clip_reid(reference_values, similarity):
    query, gallery = wave(12, 7, 0.37, 1.3), wave(60, 7, 0.53, 0.9, 0.4)
    if similarity == "euclidean":
        query, gallery = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (query, gallery))
    i, j = np.arange(12), np.arange(60)
    retrieval = evaluate(query, gallery, i % 6, i % 4, 5 * j % 7, j // 3 % 4, similarity=similarity)
    expected = reference_values["retrieval"]
    assert retrieval.mAP == pytest.approx(expected["mAP"], abs=1e-12)
    for k in (1, 5, 10):
        # The reference keeps these in single precision.
        assert retrieval.cmc[k] == pytest.approx(expected[f"rank{k}"], abs=1e-7)


@pytest.mark.parametrize(
    ("similarity", "score"),
    [
        ("dot", lambda q, g: q @ g.T),
        ("cosine", lambda q, g: (q / np.linalg.norm(q, axis=1)[:, None]) @ (g / np.linalg.norm(g, axis=1)[:, None]).T),
        ("euclidean", lambda q, g: -np.linalg.norm(q[:, None] - g, axis=2)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_similarities_are_what_their_names_say(similarity, score, dtype):
    _, *ids = problem(3)
    rng = np.random.default_rng(3)
    query = rng.standard_normal((12, 8)) * rng.uniform(0.1, 5, (12, 1))
    gallery = rng.standard_normal((40, 8)) * rng.uniform(0.1, 5, (40, 1))
    retrieval = evaluate(query.astype(dtype), gallery.astype(dtype), *ids, similarity=similarity, block_rows=5)
    assert_equals(retrieval, textbook.evaluate(score(query, gallery), *ids))


def test_half_precision_features_are_scored_in_float32():
    _, *ids = problem(4)
    query, gallery = torch.randn(12, 16).bfloat16(), torch.randn(40, 16).bfloat16()
    expected = evaluate(query.float(), gallery.float(), *ids)
    np.testing.assert_array_equal(evaluate(query, gallery, *ids).per_query, expected.per_query)


def test_per_query_table_reports_queries_without_a_match():
    # Query 1 has its identity in its own camera only, query 2 not at all.
    scores = np.array([[3, 2, 1, 0], [3, 2, 1, 0], [3, 2, 1, 0]])
    retrieval = evaluate_scores(scores, [4, 5, 6], [0, 1, 0], [0, 4, 5, 4], [0, 1, 1, 0])
    assert retrieval.unmatched == (1, 2)
    table = retrieval.per_query
    assert list(table) == ["query", "pid", "camid", "ap", "rank", "num_matches"]
    assert table["num_matches"].tolist() == [1, 0, 0]
    assert table["ap"].tolist()[0] == 0.5
    assert table["rank"].tolist()[0] == 2
    assert table[["ap", "rank"]].iloc[1:].isna().all(axis=None)
    assert (retrieval.mAP, retrieval.cmc[1], retrieval.cmc[5], retrieval.mINP) == (0.5, 0, 1, 0.5)


def test_junk_is_removed_and_distractors_compete():
    scores = np.array([[9, 8, 7]])
    assert evaluate_scores(scores, [1], [1], [-1, 0, 1], [2, 2, 2]).mAP == 0.5


def test_scores_may_come_in_blocks_and_are_never_modified():
    scores, *ids = problem(5, levels=9)
    matrix = torch.from_numpy(scores)
    expected = textbook.evaluate(scores + 0.5 * (ids[0][:, None] == ids[2]), *ids)
    assert_equals(evaluate_scores(lambda rows: matrix[rows], *ids, ties="optimistic", block_rows=5), expected)
    assert_equals(evaluate_scores(matrix.T.contiguous().T, *ids, ties="optimistic"), expected)
    np.testing.assert_array_equal(matrix, problem(5, levels=9)[0])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), levels=st.sampled_from([None, 1, 5]), spread=st.booleans())
def test_sorting_on_a_gpu_counts_what_the_cpu_counts(seed, levels, spread):
    scores, query_pids, _, gallery_pids, _ = problem(seed, num_gallery=50, num_pids=40, levels=levels)
    gallery_pids = np.abs(gallery_pids)
    # Matches at the top of the ranking, or all over it: the CPU has a way for each.
    match = query_pids[:, None] == gallery_pids
    block = torch.from_numpy(scores + (0 if spread else 9) * match)
    ids = Ids.check(query_pids, np.zeros(12, int), gallery_pids, np.ones(50, int))
    # Two blocks of 7 and 5 queries, each counted from its first.
    on_cpu = [
        (start + query, above, at_least)
        for start, part in zip((0, 7), rank_matches(lambda rows: block[rows].clone(), ids, block_rows=7), strict=True)
        for query, above, at_least in zip(part.query, part.above, part.at_least, strict=True)
    ]
    above, at_least = count_by_sorting(block, block)
    expected = zip(np.nonzero(match)[0], above[match], at_least[match], strict=True)
    assert sorted(on_cpu) == sorted(expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
@pytest.mark.parametrize("levels", [None, 5])
def test_gpu_equals_cpu(levels):
    scores, *ids = problem(6, levels=levels)
    on_gpu = evaluate_scores(torch.from_numpy(scores).cuda(), *ids)
    np.testing.assert_array_equal(on_gpu.per_query, evaluate_scores(scores, *ids).per_query)


def test_result_cannot_be_reassigned():
    scores, *ids = problem(8)
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluate_scores(scores, *ids).mAP = 1.0


FEATURES = np.eye(3, 4)
GOOD = {"query_pids": [1, 2, 3], "query_camids": [0, 0, 0], "gallery_pids": [1, 2, 3], "gallery_camids": [1, 1, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_features": np.eye(3, 5)}, "equal widths"),
        ({"query_features": np.eye(2, 4)}, "a row per identity"),
        ({"query_features": np.zeros(3)}, "query features have shape"),
        ({"gallery_features": np.ones((3, 4), dtype=int)}, "gallery features have shape .* floating point"),
        ({"gallery_features": np.full((3, 4), np.nan)}, "query 0 has scores that are not finite"),
        ({"gallery_features": np.diag([1, 1, np.inf, 1])[:3]}, "not finite"),
        ({"query_pids": [1.0, 2.0, 3.0]}, "query_pids has shape .* one integer per image"),
        ({"query_pids": [1, -1, 3]}, "query 1 has identity -1"),
        ({"query_camids": [0, 0]}, "3 identities and 2 cameras"),
        ({"gallery_pids": [7, 8, 9]}, "none of the 3 queries has a match"),
        ({"gallery_camids": [0, 0, 0]}, "none of the 3 queries has a match"),
        ({"ranks": (0, 1)}, "each 1 or more"),
        ({"ranks": ()}, "at least one"),
        ({"block_rows": 0}, "block_rows 0; expected 1 or more"),
        ({"ties": "best"}, "unknown ties 'best'"),
        ({"similarity": "l2"}, "unknown similarity 'l2'; expected one of: cosine, euclidean, dot"),
    ],
)
def test_bad_input_gives_one_clear_line(change, message):
    arguments = {"query_features": FEATURES, "gallery_features": FEATURES, **GOOD, **change}
    with pytest.raises(InputError, match=message) as caught:
        evaluate(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_scores_that_are_not_finite_are_refused(value, column):
    scores = np.zeros((3, 3))
    scores[1, column] = value
    with pytest.raises(InputError, match="query 1 has scores that are not finite"):
        evaluate_scores(scores, *GOOD.values())


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"shape \(3, 4\); expected \(queries, gallery\) \(3, 3\)"):
        evaluate_scores(FEATURES, *GOOD.values())
    with pytest.raises(InputError, match=r"shape \(3, 4\); expected \(queries, gallery\) \(3, 3\)"):
        evaluate_scores(lambda rows: torch.eye(3, 4)[rows], *GOOD.values())


def test_memory_does_not_grow_with_the_number_of_matches():
    # 400 queries with 5,000 matches each: a single number for each of these would be 16 MB, a block's are a fortieth.
    scores = torch.rand(400, 5000, generator=torch.Generator().manual_seed(0))
    ids = np.ones(400, int), np.zeros(400, int), np.ones(5000, int), np.ones(5000, int)
    tracemalloc.start()
    try:
        found = evaluate_scores(lambda rows: scores[rows], *ids, block_rows=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.mAP == 1
    assert peak < 16e6
