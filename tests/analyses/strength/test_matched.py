"""Labels made worse until an oracle gains a share: against an oracle whose gain is known at every level."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from mosaicreid.analyses.strength.matched import match
from mosaicreid.analyses.strength.scoring import Score, score
from mosaicreid.datasets import get_schema

SCHEMA = get_schema("dukemtmc")
PEOPLE, CAMERAS = 40, 2


@dataclass
class Oracle:
    """In place of a trained model: as similar as labels agree, beside noise."""

    query: SimpleNamespace
    gallery: SimpleNamespace
    noise: np.ndarray
    calls: int = 0

    def similarities(self, query: np.ndarray, gallery: np.ndarray) -> Tensor:
        self.calls += 1
        return torch.from_numpy(self.noise + ((query[:, None] & gallery[None]) != 0).mean(axis=2))


@pytest.fixture
def oracle() -> Oracle:
    generator = np.random.default_rng(0)
    codes = np.stack([1 << generator.integers(len(group.values), size=PEOPLE) for group in SCHEMA.groups], axis=1)
    noise = generator.normal(0, 0.1, (PEOPLE, PEOPLE)) + 0.05 * np.eye(PEOPLE)
    return Oracle(query=SimpleNamespace(codes=codes), gallery=SimpleNamespace(codes=codes.copy()), noise=noise)


IDS = (np.arange(PEOPLE), np.full(PEOPLE, 1), np.arange(PEOPLE), np.full(PEOPLE, 2))


@pytest.fixture
def baseline(oracle: Oracle) -> Score:
    return score(torch.from_numpy(oracle.noise), IDS)


def test_each_way_comes_near_the_share_and_says_how_much_worse(oracle: Oracle, baseline: Score) -> None:
    found = match(oracle, baseline, IDS, SCHEMA, shares=(0.2, 0.5), seed=3)  # type: ignore[arg-type]
    assert list(found) == [0.2, 0.5]
    for share, ways in found.items():
        assert [worse.kind for worse in ways] == ["corrupted", "coarsened"]
        for worse in ways:
            again = score(oracle.similarities(worse.query, worse.gallery), IDS)
            assert again.mAP == pytest.approx(worse.oracle.mAP)
            removed = (worse.oracle.mAP - baseline.mAP) / (100 - baseline.mAP)
            assert removed == pytest.approx(share, abs=0.06 if worse.kind == "corrupted" else 0.2)
    # Less is left to a smaller share.
    for small, large in zip(found[0.2], found[0.5], strict=True):
        assert small.level > large.level > 0
    # Few levels are tried, and none twice.
    assert oracle.calls - 4 <= 2 * (2 + 6 + 4)


def test_worse_is_what_it_says(oracle: Oracle, baseline: Score) -> None:
    corrupted, coarsened = match(oracle, baseline, IDS, SCHEMA, shares=(0.4,), seed=3)[0.4]  # type: ignore[arg-type]
    wrong = (corrupted.query != oracle.query.codes).mean()
    assert wrong == pytest.approx(corrupted.level, abs=0.08)
    lost = (coarsened.query == 0).all(axis=0)
    assert lost.sum() == coarsened.level
    np.testing.assert_array_equal(lost, (coarsened.gallery == 0).all(axis=0))
    np.testing.assert_array_equal(coarsened.query[:, ~lost], oracle.query.codes[:, ~lost])


def test_a_share_out_of_reach_has_no_entries(oracle: Oracle, baseline: Score) -> None:
    oracle.query.codes = np.zeros_like(oracle.query.codes)
    assert match(oracle, baseline, IDS, SCHEMA, shares=(0.2,), seed=3) == {0.2: []}  # type: ignore[arg-type]
