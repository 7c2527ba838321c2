import numpy as np
import pytest

from mosaicreid.analyses.coverage import labels_alone
from mosaicreid.analyses.coverage.labels_alone import LabelStudy, judge_labels, label_values
from mosaicreid.datasets import get_schema


@pytest.fixture(scope="module")
def study() -> LabelStudy:
    return LabelStudy.of("dukemtmc", people=12, cameras=2)


def test_the_attributes_of_most_values_are_drawn(study: LabelStudy) -> None:
    counts = [len(group.values) for group in get_schema("dukemtmc").groups]
    assert [len(group.values) for group in study.schema.groups] == sorted(counts, reverse=True)[:6]


def test_values_add_up_to_what_labels_bring_over_chance(study: LabelStudy) -> None:
    """All labels together and none: the second is the expected precision of a random order, the same for everybody."""
    value, low, high = label_values(study, np.random.default_rng(0))
    assert value.shape == low.shape == high.shape == (6,)
    assert (low <= value).all()
    assert (value <= high).all()
    # One match among 23 images that count (24 less the query's own): the mean of 1/rank.
    chance = 100 * np.mean(1 / np.arange(1, 24))
    assert 0 < value.sum() <= 100 - chance + 1e-9


def test_the_target_leaves_out_what_is_judged(study: LabelStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(np.arange(12.0).reshape(4, 3, 1))

    def next_values(*_: object) -> tuple[np.ndarray, ...]:
        return tuple(next(drawn))

    monkeypatch.setattr(labels_alone, "label_values", next_values)
    found = judge_labels(study, 4, np.random.default_rng(0))
    estimates = np.array([0.0, 3.0, 6.0, 9.0])
    for k, intervals in enumerate(found):
        assert intervals.estimate.tolist() == [estimates[k]]
        assert intervals.target[0] == pytest.approx(np.delete(estimates, k).mean())
        assert (intervals.low[0], intervals.high[0]) == (3 * k + 1, 3 * k + 2)
