"""Permuted labels: who gets whose, and what stays as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaicreid.errors import InputError
from mosaicreid.labels import permuted as labels


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


def test_bad_input_is_named() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="got 1 labelled identities"):
        labels.permute_between_people(np.array([[1], [0]]), np.array([3, 4]), generator)
    with pytest.raises(InputError, match="different labels"):
        labels.permute_between_people(np.array([[1], [2], [1]]), np.array([3, 3, 4]), generator)
