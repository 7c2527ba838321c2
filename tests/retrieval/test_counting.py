"""Counts of higher and equal scores, whatever lies between and however the scores are spread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid.retrieval.counting import Bins, count_by_sorting, count_on_cpu

SPREADS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "few values": lambda rng, shape: rng.integers(0, 4, shape),
    "one value": lambda rng, shape: np.full(shape, 0.7),
    "neighbouring numbers": lambda rng, shape: 1 + rng.integers(0, 5, shape) * 2.0**-23,
    "a tail": lambda rng, shape: rng.standard_cauchy(shape) ** 3,
    "tiny": lambda rng, shape: rng.integers(-3, 4, shape) * 1e-45,
    "subnormal and normal": lambda rng, shape: rng.choice([0, 1e-42, 1e-38, 1.0, -1e-45], shape),
    "largest numbers": lambda rng, shape: rng.choice([-3e38, 0, 1, 3e38], shape),
    "far below": lambda rng, shape: np.where(rng.random(shape) < 0.2, -3e38, rng.normal(size=shape)),
}


def brute_force(row, scores):
    return (row[None] > scores[:, None]).sum(axis=1), (row[None] >= scores[:, None]).sum(axis=1)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    spread=st.sampled_from(sorted(SPREADS)),
    dtype=st.sampled_from([np.float32, np.float64]),
    width=st.integers(1, 300),
    removed=st.booleans(),
)
def test_bins_count_what_comparison_counts(seed, spread, dtype, width, removed):
    rng = np.random.default_rng(seed)
    row = SPREADS[spread](rng, width).astype(dtype)
    scores = rng.choice(row, rng.integers(1, width + 1))
    if removed:
        row[rng.random(width) < 0.3] = -np.inf
        scores = scores[np.isin(scores, row)]
        if not len(scores):
            return
    bins = Bins(width, row.dtype)
    # Twice, because the second time its buffers are used.
    for _ in range(2):
        with np.errstate(over="ignore", divide="ignore"):
            above, at_least = bins.count(row, scores)
        expected = brute_force(row, scores)
        np.testing.assert_array_equal(above, expected[0])
        np.testing.assert_array_equal(at_least, expected[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("first", [True, False])
def test_a_block_is_counted_where_there_is_a_match_and_left_as_it_is(dtype, first):
    rng = np.random.default_rng(0)
    block = torch.from_numpy(rng.integers(-50, 50, (9, 400))).to(dtype)
    if dtype.is_floating_point:
        block[:, ::7] = -torch.inf
        block[:, 1::3] /= 8
    columns = block.argsort(dim=1, descending=True)[:, :5] if first else torch.from_numpy(rng.integers(1, 6, (9, 5)))
    score = block.gather(1, columns)
    match = torch.from_numpy(rng.random((9, 5)) < 0.6)
    match &= score.isfinite() if dtype.is_floating_point else True
    match[4] = False
    before = block.clone()
    with ThreadPoolExecutor(2) as pool:
        above, at_least = count_on_cpu(block, score, match, pool)
    assert torch.equal(block, before)
    by_sorting = count_by_sorting(block, score)
    for counts, expected, compare in ((above, by_sorting[0], torch.gt), (at_least, by_sorting[1], torch.ge)):
        reference = compare(block[:, None], score[:, :, None]).sum(dim=2).numpy()
        np.testing.assert_array_equal(expected, reference)
        np.testing.assert_array_equal(counts, reference * match.numpy())
