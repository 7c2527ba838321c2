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
