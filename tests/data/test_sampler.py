"""The samplers against the rules they must keep, on random datasets."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid.data.sampler import Indices, RandomIdentitySampler, ShuffleSampler, share
from mosaicreid.errors import InputError


def sampler(labels: Indices, identities: int = 3, instances: int = 4, seed: int = 0) -> RandomIdentitySampler:
    return RandomIdentitySampler(labels=labels, num_identities=identities, num_instances=instances, seed=seed)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 15), min_size=3, max_size=12),
    identities=st.integers(2, 3),
    instances=st.integers(2, 5),
    seed=st.integers(0, 2**31),
    epoch=st.integers(1, 200),
)
def test_every_batch_keeps_the_rules(counts: list[int], identities: int, instances: int, seed: int, epoch: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(10 * np.arange(len(counts)) + 7, counts))
    batches = sampler(labels, identities, instances, seed).batches(epoch)
    used: Counter[int] = Counter()
    groups: Counter[int] = Counter()
    for batch in batches:
        assert batch.shape == (identities * instances,)
        rows = labels[batch].reshape(identities, instances)
        assert (rows == rows[:, :1]).all()
        assert len(set(rows[:, 0].tolist())) == identities
        used.update(batch.tolist())
        groups.update(rows[:, 0].tolist())
    available = {10 * p + 7: max(1, count // instances) for p, count in enumerate(counts)}
    assert all(groups[p] <= available[p] for p in groups)
    assert sum(groups[p] < left for p, left in available.items()) < identities
    plenty = [index for index in used if np.count_nonzero(labels == labels[index]) >= instances]
    assert all(used[index] == 1 for index in plenty)


def test_an_epoch_uses_every_image_where_it_can() -> None:
    labels = np.repeat(np.arange(4), 8)
    batches = sampler(labels, identities=4).batches(1)
    assert len(batches) == 2
    assert sorted(np.concatenate(batches).tolist()) == list(range(32))


def test_an_identity_with_few_images_draws_with_replacement() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    drawn = [sampler(labels, identities=2).batches(epoch)[0] for epoch in range(300)]
    few = np.array([batch[labels[batch] == 0] for batch in drawn])
    assert few.shape == (300, 4)
    # Four draws from two images show one image alone in an eighth of the epochs.
    assert np.mean(few == 0) == pytest.approx(0.5, abs=0.05)
    assert np.mean((few == few[:, :1]).all(axis=1)) == pytest.approx(1 / 8, abs=0.06)


def test_identities_and_pairs_are_drawn_evenly() -> None:
    labels = np.repeat(np.arange(6), 4)
    first = [np.unique(labels[sampler(labels, identities=2).batches(epoch)[0]]) for epoch in range(600)]
    pairs = Counter(map(tuple, np.array(first).tolist()))
    assert len(pairs) == 15
    assert max(pairs.values()) < 75  # expected 40, standard deviation 6


def test_an_epoch_is_a_function_of_seed_and_epoch_alone() -> None:
    labels = np.repeat(np.arange(8), 6)
    one, two = sampler(labels), sampler(labels)
    for epoch in range(1, 4):
        one.batches(epoch)
    np.testing.assert_array_equal(one.batches(5), two.batches(5))
    assert not np.array_equal(one.batches(5)[0], one.batches(6)[0])
    assert not np.array_equal(one.batches(5)[0], sampler(labels, seed=1).batches(5)[0])


@pytest.mark.parametrize(("identities", "instances"), [(1, 4), (2, 1)])
def test_batches_without_triplets_are_refused(identities: int, instances: int) -> None:
    with pytest.raises(InputError, match="no positive or no negative"):
        sampler(np.arange(8), identities, instances)


def test_more_identities_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="takes 5 identities, but there are 3"):
        sampler(np.repeat(np.arange(3), 4), 5)


@given(images=st.integers(1, 50), size=st.integers(1, 50), epoch=st.integers(0, 5))
def test_shuffled_batches_take_every_image_at_most_once(images: int, size: int, epoch: int) -> None:
    if size > images:
        with pytest.raises(InputError, match=f"batches of {size} from {images} images"):
            ShuffleSampler(num_images=images, batch_size=size, seed=0)
        return
    batches = ShuffleSampler(num_images=images, batch_size=size, seed=0).batches(epoch)
    assert len(batches) == images // size
    assert all(batch.shape == (size,) for batch in batches)
    indices = np.concatenate(batches)
    assert len(np.unique(indices)) == len(indices)
    assert set(indices.tolist()) <= set(range(images))
    again = ShuffleSampler(num_images=images, batch_size=size, seed=0).batches(epoch)
    np.testing.assert_array_equal(np.concatenate(again), indices)


def test_shuffled_epochs_differ() -> None:
    shuffled = ShuffleSampler(num_images=50, batch_size=50, seed=3)
    assert not np.array_equal(shuffled.batches(1)[0], shuffled.batches(2)[0])


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
def test_shares_make_up_the_batch(processes: int) -> None:
    batch = np.arange(12)
    parts = [batch[share(12, rank, processes)] for rank in range(processes)]
    np.testing.assert_array_equal(np.concatenate(parts), batch)
    assert {len(part) for part in parts} == {12 // processes}


def test_an_uneven_share_is_refused() -> None:
    with pytest.raises(InputError, match="batch of 10 does not divide among 4"):
        share(10, 0, 4)
