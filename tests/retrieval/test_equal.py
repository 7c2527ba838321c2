"""What is equal in exact arithmetic is a tie, and what is small or large is ranked like anything else."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate, evaluate_scores
from mosaicreid.retrieval.rerank import rerank
from mosaicreid.retrieval.similarity import Copies


def identities(seed, num_queries, num_gallery, num_pids=4):
    rng = np.random.default_rng(seed)
    queries = np.arange(num_queries) % num_pids + 1
    gallery = np.concatenate([np.arange(num_pids) + 1, rng.integers(-1, num_pids + 1, num_gallery - num_pids)])
    return (
        queries,
        np.zeros(num_queries, int),
        gallery,
        np.append(np.ones(num_pids, int), rng.integers(2, size=num_gallery - num_pids)),
    )


def exact_scores(similarity, queries, gallery):
    """(Q, G) places of the scores among those of their query, from exact arithmetic: equal scores share a place."""

    def score(query, item):
        dot, square = int(query @ item), int(item @ item)
        if similarity == "euclidean":
            return Fraction(2 * dot - square)
        # The order of cosines without a root.
        return Fraction(dot) if similarity == "dot" else Fraction(dot * abs(dot), max(square, 1))

    rows = [[score(query, item) for item in gallery] for query in queries]
    return np.array([[sorted(set(row)).index(value) for value in row] for row in rows])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    similarity=st.sampled_from(["euclidean", "cosine", "dot"]),
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]),
    top=st.integers(1, 4),
    width=st.integers(1, 30),
    ties=st.sampled_from(["expected", "optimistic", "pessimistic"]),
)
def test_whole_features_tie_as_they_do_in_fractions(seed, similarity, dtype, top, width, ties):
    rng = np.random.default_rng(seed)
    queries, gallery = (rng.integers(1 - top if top > 1 else 0, top + 1, (rows, width)) for rows in (5, 23))
    ids = identities(seed, 5, 23)
    found = evaluate(
        *(torch.from_numpy(rows).to(dtype) for rows in (queries, gallery)), *ids, similarity=similarity, ties=ties
    )
    expected = evaluate_scores(exact_scores(similarity, queries, gallery), *ids, ties=ties)
    np.testing.assert_array_equal(found.per_query, expected.per_query)
    assert found.cmc == expected.cmc


def test_cosines_that_are_equal_though_their_roots_round_apart():
    # 3 / sqrt(18) and 1 / sqrt(2) are the same number, and differ by a bit when computed so.
    query = np.zeros((1, 24), dtype=np.float32)
    query[0, :3] = 1
    gallery = np.zeros((2, 24), dtype=np.float32)
    gallery[0, :18] = 1
    gallery[1, [0, 23]] = 1
    assert np.float32(3) / np.sqrt(np.float32(18)) != np.float32(1) / np.sqrt(np.float32(2))
    assert evaluate(query, gallery, [1], [0], [1, 2], [1, 1]).mAP == 0.75


@pytest.mark.parametrize("similarity", ["cosine", "euclidean", "dot"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distinct", [1, 9])
@pytest.mark.parametrize("num_gallery", [37, 263])
def test_equal_rows_of_the_gallery_tie(similarity, dtype, distinct, num_gallery):
    generator = torch.Generator().manual_seed(distinct)
    queries, rows = (torch.randn(count, 130, generator=generator, dtype=dtype) for count in (11, distinct))
    which = np.random.default_rng(0).integers(distinct, size=num_gallery)
    ids = identities(0, 11, num_gallery)
    product = queries.double() @ rows.double().T
    scores = {
        "dot": product,
        "euclidean": product - rows.double().square().sum(1) / 2,
        "cosine": product / rows.double().norm(dim=1),
    }[similarity]
    expected = evaluate_scores(scores[:, which], *ids)
    assert (expected.per_query["rank"] % 1 != 0).any()
    np.testing.assert_array_equal(
        evaluate(queries, rows[which], *ids, similarity=similarity).per_query, expected.per_query
    )


def test_copies_are_found_whatever_the_layout_and_the_sign_of_zero():
    features = torch.tensor([[0.0, 1.0], [2.0, 3.0], [-0.0, 1.0], [2.0, 3.5], [2.0, 3.0], [2.0, 3.0]])
    for rows in (features, features.T.contiguous().T, features.double(), torch.cat([features, features], 1)[:, 1:3]):
        copies = Copies.find(rows)
        pairs = dict(zip(copies.rows.tolist(), copies.first.tolist(), strict=True))
        equal = (rows[:, None] == rows).all(dim=2)
        assert pairs == {row: int(equal[row].nonzero()[0]) for row in range(6) if equal[row, :row].any()}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), width=st.integers(1, 70), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_copies_are_found_among_rows_that_differ_in_any_one_column(seed, width, dtype):
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.integers(2, size=(3, width))).to(dtype)[rng.integers(3, size=40)]
    changed = rng.integers(40, size=15)
    rows[changed, rng.integers(width, size=15)] += 2.0**-20
    copies = Copies.find(rows)
    pairs = dict(zip(copies.rows.tolist(), copies.first.tolist(), strict=True))
    equal = (rows[:, None] == rows).all(dim=2)
    assert pairs == {row: int(equal[row].nonzero()[0]) for row in range(40) if equal[row, :row].any()}


@pytest.mark.parametrize("similarity", ["cosine", "euclidean", "dot"])
@pytest.mark.parametrize("exponent", [-140, -100, -70, -50, 50, 60, 100])
@pytest.mark.parametrize("which", ["query", "gallery", "both"])
def test_the_scale_of_features_changes_no_ranking(similarity, exponent, which):
    generator = torch.Generator().manual_seed(0)
    queries, gallery = (torch.randint(-9, 10, (count, 6), generator=generator).double() for count in (8, 60))
    queries, gallery = (rows + 0.5 for rows in (queries, gallery))
    if which in ("query", "both"):
        queries *= 2.0**exponent
    if which in ("gallery", "both"):
        gallery *= 2.0**exponent
    ids = identities(0, 8, 60)
    # In double precision the textbook's way is right at all of these scales.
    product = queries @ gallery.T
    scores = {
        "dot": product,
        "euclidean": product - gallery.square().sum(1) / 2,
        "cosine": product / gallery.norm(dim=1),
    }[similarity]
    single = evaluate(queries.float(), gallery.float(), *ids, similarity=similarity)
    assert single.per_query["ap"].to_numpy() == pytest.approx(evaluate_scores(scores, *ids).per_query["ap"], abs=1e-12)


def test_one_tiny_image_and_one_of_zeros_leave_the_others_where_they_are():
    gallery = torch.tensor([[4.0, 1.0], [3.0, 1.0], [2.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    gallery[2] *= 1e-30
    found = evaluate(torch.tensor([[1.0, 0.0]]), gallery, [7], [0], [1, 2, 7, 3, 7], [1] * 5)
    assert found.per_query["ap"].tolist() == [pytest.approx((1 / 3 + 2 / 5) / 2)]


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scales_beyond_double_precision_are_refused(scale):
    with pytest.raises(
        InputError, match=r"the largest of gallery features 0 is 1e[+-]200; expected 3.*e-145 to 3.*e\+144"
    ):
        evaluate(np.eye(3), np.eye(3) * scale, [1], [0], [1, 2, 3], [1, 1, 1])


def test_features_of_two_types_are_compared_in_the_wider():
    queries = np.array([[1.0, 1e-9]])
    gallery = np.array([[1, 0], [1, 1]], dtype=np.float32)
    for query, items in ((queries, gallery), (queries, gallery.astype(float))):
        assert evaluate(query, items, [1], [0], [0, 1], [1, 1], similarity="dot").mAP == 1
    assert evaluate(queries.astype(np.float32), gallery * np.float32(2), [1], [0], [1, 0], [1, 1]).mAP == 1


@pytest.mark.parametrize("original_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_reranked_scores_of_equal_images_are_equal(seed, original_weight):
    rng = np.random.default_rng(seed)
    # Everyone three times, so that 6 and 3 nearest images end between people.
    features = torch.from_numpy(np.tile(rng.normal(size=(20, 33)), (3, 1)))
    order = torch.from_numpy(rng.permutation(57))
    scores = rerank(features[:3], features[3:][order], k1=5, k2=3, original_weight=original_weight)(slice(0, 3))
    person = (torch.arange(3, 60) % 20)[order]
    for each in range(20):
        same = scores[:, person == each]
        assert (same == same[:, :1]).all()


def test_jaccard_distances_that_are_equal_in_fractions_are_equal():
    # Corners of a cube, 3 at each of two distances and 1 at the third: 3 and 6 nearest are the same in every direction.
    corners = torch.tensor([[bit >> axis & 1 for axis in range(3)] for bit in range(8)], dtype=torch.float64)
    for scale in (1.0, 0.1, 1 / 3, 0.7):
        rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[
            0
        ]
        features = corners * scale @ rotation
        scores = rerank(features[:1], features[1:], k1=6, k2=1, original_weight=0.0)(slice(0, 1))[0]
        for distance in (1, 2, 3):
            same = scores[corners[1:].sum(dim=1) == distance]
            assert (same == same[0]).all()


def test_images_that_are_all_equal_have_finite_scores():
    scores = rerank(torch.ones(2, 3), torch.ones(30, 3), k1=4, k2=2)(slice(0, 2))
    assert scores.isfinite().all()
