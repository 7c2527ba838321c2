"""Designs beside ones that are known to be best, and beside the paper's."""

import itertools

import numpy as np
import pytest

from mosaicreid import published
from mosaicreid.analyses.recovery.designs import alone, balanced, d_optimal, log_determinant
from mosaicreid.errors import InputError


def test_the_determinant_is_that_of_the_information() -> None:
    design = np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]])
    terms = np.column_stack([np.ones(4), design])
    assert log_determinant(design) == pytest.approx(np.log(np.linalg.det(terms.T @ terms)))
    assert log_determinant(np.zeros((4, 2))) == -np.inf


def test_eight_rows_of_three_attributes_reach_hadamards_bound() -> None:
    # det(X'X) of 0/1 columns is at most rows^(A + 1) / 4^A, which an orthogonal array reaches.
    assert log_determinant(d_optimal(8, 3, seed=0)) == pytest.approx(np.log(8**4 / 4**3))


def test_the_exchange_finds_the_best_of_all_designs() -> None:
    rows = list(itertools.product((0, 1), repeat=3))
    every = (np.array([(0, 0, 0), *chosen], dtype=float) for chosen in itertools.combinations_with_replacement(rows, 4))
    best = max(map(log_determinant, every))
    assert log_determinant(d_optimal(5, 3, seed=0)) == pytest.approx(best)


@pytest.mark.parametrize("dataset", published.DATASETS)
def test_d_optimal_rows_beat_the_papers_and_the_balanced_ones(dataset: str) -> None:
    paper = published.load_table(3, dataset)[list(published.attributes(dataset))].to_numpy(float)
    rows, attributes = paper.shape
    best = d_optimal(rows, attributes, seed=0)
    random = balanced(rows, attributes, seed=0)
    assert log_determinant(best) > log_determinant(random) > log_determinant(paper)
    assert log_determinant(best) <= (attributes + 1) * np.log(rows) - attributes * np.log(4) + 1e-9
    assert best.shape == paper.shape
    assert set(np.unique(best)) == {0, 1}
    assert not best[0].any()
    assert (np.abs(random[1:].sum(axis=0) - (rows - 1) / 2) <= 0.5).all()


def test_alone_is_every_attribute_over_and_over() -> None:
    design = alone(8, 3)
    np.testing.assert_array_equal(design[:4], np.vstack([np.zeros(3), np.eye(3)]))
    assert design.sum(axis=0).tolist() == [3, 2, 2]
    assert log_determinant(design) > -np.inf


@pytest.mark.parametrize("make", [alone, lambda n, a: balanced(n, a, seed=0), lambda n, a: d_optimal(n, a, seed=0)])
def test_too_few_rows_are_refused(make) -> None:
    with pytest.raises(InputError, match="got 4 rows for 4 parameters"):
        make(4, 3)


def test_too_many_attributes_are_refused() -> None:
    with pytest.raises(InputError, match="got 17 attributes; expected at most 16"):
        d_optimal(30, 17, seed=0)
