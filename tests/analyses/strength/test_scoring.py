"""Scores with labels added against a computation by hand, and differences with their errors against plain numpy."""

import numpy as np
import pytest
import torch

from mosaicreid.analyses.oracle.labels import WEIGHTS
from mosaicreid.analyses.strength.scoring import Score, Sheet, beside, score, score_with_labels
from mosaicreid.errors import InputError

QUERIES, GALLERY, PEOPLE = 12, 40, 6


@pytest.fixture
def world() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    query_pids = np.arange(QUERIES) % PEOPLE + 1
    gallery_pids = np.concatenate([np.arange(36) % PEOPLE + 1, np.zeros(4, dtype=int)])
    codes = np.concatenate([np.zeros((1, 3), dtype=int), 1 << generator.integers(2, size=(PEOPLE, 3))])
    similar = generator.normal(0, 0.2, (QUERIES, GALLERY)) + 0.15 * (query_pids[:, None] == gallery_pids)
    return {
        "similar": similar,
        "query_pids": query_pids,
        "gallery_pids": gallery_pids,
        "query_codes": codes[query_pids],
        "gallery_codes": codes[gallery_pids],
    }


def by_hand(scores: np.ndarray, query_pids: np.ndarray, gallery_pids: np.ndarray) -> tuple[np.ndarray, float]:
    """Average precision of every query and Rank-1, from sorted lists (no two scores are equal, cameras differ)."""
    ap, first = [], []
    for row, pid in zip(scores, query_pids, strict=True):
        hits = gallery_pids[np.argsort(-row)] == pid
        ap.append(np.mean([hits[: rank + 1].mean() for rank in np.flatnonzero(hits)]))
        first.append(hits[0])
    return np.array(ap), float(np.mean(first))


def ids(world: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    return (
        world["query_pids"],
        np.full(QUERIES, 1),
        world["gallery_pids"],
        np.full(GALLERY, 2),
    )


def test_a_score_is_retrieval_by_hand(world: dict[str, np.ndarray]) -> None:
    ap, first = by_hand(world["similar"], world["query_pids"], world["gallery_pids"])
    found = score(torch.from_numpy(world["similar"]), ids(world))
    np.testing.assert_allclose(found.ap, 100 * ap)
    assert (found.mAP, found.rank1) == (pytest.approx(100 * ap.mean()), pytest.approx(100 * first))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_weight_of_a_query_is_the_best_for_the_other_half_of_the_people(
    world: dict[str, np.ndarray], seed: int
) -> None:
    agreeing = (world["query_codes"][:, None] & world["gallery_codes"][None] != 0).mean(axis=2)
    every = [
        by_hand(world["similar"] + weight * agreeing, world["query_pids"], world["gallery_pids"])[0]
        for weight in WEIGHTS
    ]
    ap = np.stack(every)
    half = np.random.default_rng([seed, 3]).permutation(np.arange(1, PEOPLE + 1))[: PEOPLE // 2]
    first = np.isin(world["query_pids"], half)
    expected = np.where(first, ap[ap[:, ~first].mean(axis=1).argmax()], ap[ap[:, first].mean(axis=1).argmax()])
    found = score_with_labels(
        torch.from_numpy(world["similar"]), world["query_codes"], world["gallery_codes"], ids(world), seed=seed
    )
    np.testing.assert_allclose(found.ap, 100 * expected)
    assert found.mAP == pytest.approx(100 * expected.mean())


def test_a_difference_has_the_error_of_its_people() -> None:
    generator = np.random.default_rng(4)
    pids = np.array([1, 1, 2, 2, 2, 3, 4, 4])
    first, second = 100 * generator.random((2, 8))
    first[3] = second[3] = np.nan
    kept = ~np.isnan(first)
    difference = (first - second)[kept]
    # Linearised mean of clusters, with P / (P - 1).
    sums = np.array([(difference - difference.mean())[pids[kept] == pid].sum() for pid in (1, 2, 3, 4)])
    error = np.sqrt((sums**2).sum() * 4 / 3) / kept.sum()
    found = beside(Score(mAP=0, rank1=0, ap=first), Score(mAP=0, rank1=0, ap=second), pids)
    assert found == (pytest.approx(difference.mean()), pytest.approx(error))


def test_a_sheet_has_a_row_a_scoring() -> None:
    pids = np.array([1, 2, 3])
    baseline, labels, both = (
        Score(mAP=ap.mean(), rank1=50.0, ap=ap)
        for ap in (np.array([10.0, 20, 30]), np.array([30.0, 30, 60]), np.array([31.0, 33, 62]))
    )
    sheet = Sheet(baseline, pids)
    sheet.row(labels, arm="baseline", kind="true", added=True)
    sheet.row(both, arm="experts", kind="true", added=True, epochs=4, labels=labels)
    table = sheet.table()
    assert table["gain"].tolist() == pytest.approx([20.0, 22.0])
    assert table["given_labels"].tolist()[1] == pytest.approx(2.0)
    assert np.isnan(table["given_labels"][0])
    assert table[["epochs", "added"]].to_numpy().tolist() == [[0, 1], [4, 1]]


def test_those_who_have_an_attribute_have_a_score_of_their_own() -> None:
    pids = np.array([1, 1, 2, 3])
    of = Score(mAP=20.0, rank1=50.0, ap=np.array([10.0, np.nan, 20, 30]))
    holders = {"hat": np.array([True, True, False, True]), "bag": np.array([False, True, False, False])}
    sheet = Sheet(of, pids, holders=holders)
    sheet.row(of, arm="baseline", kind="none", added=False)
    row = sheet.table().iloc[0]
    assert row["holders_hat"] == 20.0
    # Nobody with a bag has a query with a match.
    assert np.isnan(row["holders_bag"])


def test_groups_are_of_people_with_a_match_and_each_in_one() -> None:
    pids = np.repeat(np.arange(8), 3)
    ap = np.random.default_rng(0).uniform(0, 100, len(pids))
    ap[pids == 7] = np.nan
    of = Score(mAP=float(np.nanmean(ap)), rank1=50.0, ap=ap)
    sheet = Sheet(of, pids, groups=3, seed=4)
    sheet.row(of, arm="baseline", kind="none", added=False)
    row = sheet.table().iloc[0]
    people = [ap[pids == person].mean() for person in range(7)]
    # Seven people are dealt to groups of three, two and two; all have as many queries.
    assert 3 * row["group01"] + 2 * row["group02"] + 2 * row["group03"] == pytest.approx(sum(people))
    again = Sheet(of, pids, groups=3, seed=4)
    again.row(of, arm="baseline", kind="none", added=False)
    assert again.table()["group01"].iloc[0] == row["group01"]
    assert row["took"] >= 0
    with pytest.raises(InputError, match="7 people have a query with a match; expected at least 8"):
        Sheet(of, pids, groups=8)
