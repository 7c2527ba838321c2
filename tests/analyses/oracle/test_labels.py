import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mosaicreid.analyses.oracle import labels
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import evaluate_scores

SCHEMA = get_schema("dukemtmc")


def random_codes(images: int, generator: np.random.Generator) -> np.ndarray:
    return np.stack([1 << generator.integers(0, len(group.values), images) for group in SCHEMA.groups], axis=1)


@given(
    hnp.arrays(np.int64, (4, 3), elements=st.integers(0, 7)), hnp.arrays(np.int64, (5, 3), elements=st.integers(0, 7))
)
def test_agreement_counts_shared_values(query: np.ndarray, gallery: np.ndarray) -> None:
    scores = labels.label_agreement(query, gallery)
    for q, one in enumerate(query):
        for g, other in enumerate(gallery):
            assert scores[q, g] == pytest.approx(sum((a & b) > 0 for a, b in zip(one, other, strict=True)) / 3)


@given(st.integers(2, 12), st.integers(0, 100))
def test_permutation_between_people_moves_every_label_and_keeps_their_distribution(people: int, seed: int) -> None:
    # One distinct code per person shows who got whose labels.
    pids = np.repeat(np.arange(people) + 5, 3)
    codes = (1 + pids - 5)[:, None] * np.ones((1, 2), dtype=np.int64)
    codes = np.concatenate([codes, np.zeros((2, 2), dtype=np.int64)])
    pids = np.concatenate([pids, [0, 0]])
    permuted = labels.permute_between_people(codes, pids, np.random.default_rng(seed))
    assert (permuted[:-2] != codes[:-2]).all()
    assert (permuted[-2:] == 0).all()
    assert sorted(permuted[:, 0]) == sorted(codes[:, 0])
    assert (permuted[:-2].reshape(people, 3, 2) == permuted[:-2:3, None]).all()


def test_permutation_between_images_keeps_the_labels_and_breaks_people_apart() -> None:
    pids = np.repeat(np.arange(50), 4)
    codes = np.concatenate([(1 + pids)[:, None], np.zeros((3, 1), dtype=np.int64)])
    permuted = labels.permute_between_images(codes, np.random.default_rng(0))
    assert sorted(permuted[:, 0]) == sorted(codes[:, 0])
    assert (permuted[-3:] == 0).all()
    assert len({tuple(row) for row in permuted[:-3].reshape(50, 4)}) == 50
    assert (np.ptp(permuted[:-3].reshape(50, 4), axis=1) > 0).mean() > 0.9


@settings(max_examples=25)
@given(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 1000))
def test_corruption_hits_its_share_and_always_errs(probability: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    codes = random_codes(2000, generator)
    codes[:10] = 0
    wrong = labels.corrupt(codes, SCHEMA, probability, generator)
    assert (wrong[:10] == 0).all()
    changed = (wrong[10:] != codes[10:]).mean(axis=0)
    np.testing.assert_allclose(changed, probability, atol=0.06)
    for column, group in enumerate(SCHEMA.groups):
        assert set(wrong[10:, column]) <= {1 << value for value in range(len(group.values))}


def test_retrieval_among_look_alikes_ignores_everybody_else() -> None:
    query_codes = np.array([[1, 2], [1, 4]])
    gallery_codes = np.array([[1, 2], [1, 2], [1, 4], [2, 2]])
    scores = torch.tensor([[0.1, 0.9, 0.99, 0.98], [0.5, 0.6, 0.1, 0.9]])
    restricted, annotated = labels.among_look_alikes(scores, query_codes, gallery_codes)
    assert restricted.tolist()[0] == [pytest.approx(0.1), pytest.approx(0.9), pytest.approx(-0.9), pytest.approx(-0.9)]
    assert annotated.all()
    # Query 0 (pid 7) matches gallery 0; only gallery 1 looks like it, and ranks above: AP 1/2.
    result = evaluate_scores(restricted, [7, 8], [1, 1], [7, 9, 8, 3], [2, 2, 2, 2])
    assert result.per_query["ap"].tolist() == [0.5, 1.0]
    alike = labels.has_look_alike(query_codes, np.array([7, 8]), gallery_codes, np.array([7, 9, 8, 3]))
    assert alike.tolist() == [True, False]


def test_bad_input_is_named() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"in 0\.\.1; got 50"):
        labels.corrupt(random_codes(3, generator), SCHEMA, 50, generator)
    with pytest.raises(InputError, match="got 1 labelled identities"):
        labels.permute_between_people(np.array([[1], [0]]), np.array([3, 4]), generator)
    with pytest.raises(InputError, match="different labels"):
        labels.permute_between_people(np.array([[1], [2], [1]]), np.array([3, 3, 4]), generator)
