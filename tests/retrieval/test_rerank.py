"""k-reciprocal re-ranking against a plain implementation with sets and loops, after the paper's equations."""

import numpy as np
import pytest
import torch

from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate, evaluate_scores
from mosaicreid.retrieval.rerank import rerank


def rerank_plainly(features, num_queries, k1, k2, original_weight):
    """(Q, G) mixed distances; Zhong et al. 2017, sections 3.2 to 3.5, with distances scaled by each row's maximum."""
    num_images = len(features)
    distance = ((features[:, None] - features) ** 2).sum(axis=2)
    distance /= distance.max(axis=1, keepdims=True)
    ranking = [sorted(range(num_images), key=lambda other, n=n: distance[n, other]) for n in range(num_images)]

    def reciprocal(image, k):
        return {other for other in ranking[image][: k + 1] if image in ranking[other][: k + 1]}

    vectors = np.zeros((num_images, num_images))
    for image in range(num_images):
        base = reciprocal(image, k1)
        expanded = set(base)
        for member in base:
            candidate = reciprocal(member, round(k1 / 2))
            if len(candidate & base) > 2 / 3 * len(candidate):
                expanded |= candidate
        for other in expanded:
            vectors[image, other] = np.exp(-distance[image, other])
        vectors[image] /= vectors[image].sum()
    vectors = np.stack([vectors[ranking[image][:k2]].mean(axis=0) for image in range(num_images)])
    result = np.zeros((num_queries, num_images - num_queries))
    for query in range(num_queries):
        for item in range(num_images - num_queries):
            one, other = vectors[query], vectors[num_queries + item]
            jaccard = 1 - np.minimum(one, other).sum() / np.maximum(one, other).sum()
            plain = distance[query, num_queries + item]
            result[query, item] = original_weight * plain + (1 - original_weight) * jaccard
    return result


def clustered(seed, num_queries=9, num_gallery=50, num_pids=7, noise=0.7):
    """Features that cluster by identity, and their identities."""
    rng = np.random.default_rng(seed)
    pids = rng.integers(num_pids, size=num_queries + num_gallery)
    features = rng.normal(size=(num_pids, 6))[pids] + noise * rng.normal(size=(len(pids), 6))
    return features, pids


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("k1", "k2", "original_weight"), [(20, 6, 0.3), (5, 1, 0.0), (3, 3, 0.5), (9, 2, 1.0)])
def test_equals_the_plain_implementation(seed, k1, k2, original_weight):
    features, _ = clustered(seed)
    expected = rerank_plainly(features, 9, k1, k2, original_weight)
    tensor = torch.from_numpy(features)
    scores = rerank(tensor[:9], tensor[9:], k1=k1, k2=k2, original_weight=original_weight)
    np.testing.assert_allclose(-scores(slice(0, 9)), expected, atol=1e-12)
    np.testing.assert_allclose(-scores(slice(4, 7)), expected[4:7], atol=1e-12)


def test_single_precision_is_close():
    features, _ = clustered(1)
    tensor = torch.from_numpy(features)
    double, single = (rerank(part[:9], part[9:])(slice(0, 9)) for part in (tensor, tensor.float()))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, double, atol=1e-4)


def test_raises_map_where_identities_cluster():
    features, pids = clustered(3, num_queries=30, num_gallery=300, num_pids=12, noise=0.9)
    ids = pids[:30], np.zeros(30, dtype=int), pids[30:], np.ones(300, dtype=int)
    tensor = torch.from_numpy(features)
    plain = evaluate(tensor[:30], tensor[30:], *ids, similarity="euclidean")
    better = evaluate_scores(rerank(tensor[:30], tensor[30:]), *ids, block_rows=7)
    assert better.mAP > plain.mAP + 0.05
    # The plain distance alone, scaled per query, ranks as before.
    same = evaluate_scores(rerank(tensor[:30], tensor[30:], original_weight=1.0), *ids)
    assert same.mAP == pytest.approx(plain.mAP)


@pytest.mark.parametrize(
    ("query", "gallery", "options", "message"),
    [
        (torch.ones(2, 3), torch.ones(30, 4), {}, "equally wide"),
        (torch.ones(3), torch.ones(30, 3), {}, "equally wide"),
        (torch.ones(2, 3), torch.ones(5, 3), {}, "k1 20, k2 6, .* for 7 images"),
        (torch.ones(2, 3), torch.ones(30, 3), {"k1": 4}, "expected 1 <= k2 <= k1"),
        (torch.ones(2, 3), torch.ones(30, 3), {"k2": 0}, "expected 1 <= k2 <= k1"),
        (torch.ones(2, 3), torch.ones(30, 3), {"original_weight": 1.5}, "a weight in 0..1"),
    ],
)
def test_bad_input_gives_one_clear_line(query, gallery, options, message):
    with pytest.raises(InputError, match=message):
        rerank(query, gallery, **options)


@pytest.mark.parametrize(("rows", "number"), [(16, 70), (256, 300)])
def test_more_images_than_a_block_are_reranked_the_same(rows, number, monkeypatch):
    """Every image is its own nearest, in every block."""
    monkeypatch.setattr("mosaicreid.retrieval.rerank._ROWS", rows)
    features, _ = clustered(5, num_queries=20, num_gallery=number - 20, num_pids=number // 8)
    expected = rerank_plainly(features, 20, 10, 4, 0.3)
    tensor = torch.from_numpy(features)
    scores = rerank(tensor[:20], tensor[20:], k1=10, k2=4)(slice(0, 20))
    np.testing.assert_allclose(-scores, expected, atol=1e-12)


def test_the_weights_of_many_pairs_are_found_in_portions(monkeypatch):
    features, _ = clustered(2)
    tensor = torch.from_numpy(features)
    whole = rerank(tensor[:9], tensor[9:])(slice(0, 9))
    monkeypatch.setattr("mosaicreid.retrieval.rerank._PAIRS", 7)
    assert torch.equal(rerank(tensor[:9], tensor[9:])(slice(0, 9)), whole)


def test_the_defaults_are_the_papers():
    features, _ = clustered(4)
    tensor = torch.from_numpy(features)
    np.testing.assert_allclose(
        -rerank(tensor[:9], tensor[9:])(slice(0, 9)), rerank_plainly(features, 9, 20, 6, 0.3), atol=1e-12
    )


QUERY, GALLERY = (np.random.default_rng(0).normal(size=(count, 5)) for count in (7, 31))


@pytest.mark.parametrize("change", [np.asarray, lambda array: array[::-1].copy()[::-1], torch.from_numpy])
def test_reranking_takes_what_evaluation_takes(change):
    expected = rerank(torch.from_numpy(QUERY), torch.from_numpy(GALLERY), k1=6)(slice(0, 7))
    assert torch.equal(rerank(change(QUERY), change(GALLERY), k1=6)(slice(0, 7)), expected)


def test_reranking_computes_half_precision_in_single():
    half = torch.randn(40, 8, generator=torch.Generator().manual_seed(0)).half()
    found, expected = (rerank(rows[:5], rows[5:], k1=6)(slice(0, 5)) for rows in (half, half.float()))
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("query", "gallery", "options", "message"),
    [
        (QUERY.astype(complex), GALLERY, {}, "expected real numbers"),
        (QUERY.astype(int), GALLERY, {}, "expected floating point"),
        (QUERY[:0], GALLERY, {}, "at least one image of each"),
        (QUERY, GALLERY[:0], {}, "at least one image of each"),
        (QUERY[:, :4], GALLERY, {}, "equally wide"),
        (np.where(QUERY[0, 0] == QUERY, np.nan, QUERY), GALLERY, {}, "features are not finite"),
        (QUERY, np.where(GALLERY[0, 0] == GALLERY, np.inf, GALLERY), {}, "features are not finite"),
        (QUERY, GALLERY, {"k1": 20.0}, "got k1 20.0, k2 6, .*; expected 1 <= k2 <= k1 < images, whole numbers"),
        (QUERY, GALLERY, {"k1": "20"}, "got k1 '20'"),
        (QUERY, GALLERY, {"k2": np.array([1, 2])}, r"k2 array\(\[1, 2\]\)"),
        (QUERY, GALLERY, {"original_weight": np.nan}, "a weight in 0..1"),
        (QUERY, GALLERY, {"original_weight": "0.3"}, "original_weight '0.3'"),
        (QUERY, GALLERY, {"original_weight": -0.1}, "a weight in 0..1"),
    ],
)
def test_bad_input_of_reranking_gives_one_line(query, gallery, options, message):
    with pytest.raises(InputError, match=message) as caught:
        rerank(query, gallery, **options)
    assert "\n" not in str(caught.value)
