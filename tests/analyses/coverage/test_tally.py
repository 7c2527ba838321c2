import numpy as np
import pytest
from scipy import stats

from mosaicreid.analyses.coverage.tally import Intervals, summary, tabulate
from mosaicreid.errors import InputError


def intervals(low: list[float], high: list[float], target: list[float], **options: bool) -> Intervals:
    ends = np.array(low, float), np.array(high, float)
    return Intervals(estimate=sum(ends) / 2, low=ends[0], high=ends[1], target=np.array(target, float), **options)


def test_an_interval_holds_what_lies_between_its_ends() -> None:
    assert intervals([0, 0, 0], [1, 1, 1], [0, 1.5, 0.5]).held.tolist() == [True, False, True]
    assert intervals([0, 0], [1, 1], [0.5, 2], together=True).held.tolist() == [False]
    assert intervals([0, 0], [1, 1], [0.5, 1], together=True).held.tolist() == [True]


def test_an_interval_without_ends_holds_nothing() -> None:
    assert intervals([np.nan, 0], [np.nan, 1], [0, 0]).held.tolist() == [False, True]


def test_counts_of_a_few_data_sets_by_hand() -> None:
    found = summary(
        [intervals([0, 0], [2, 4], [1, 5]), intervals([0, 2], [2, 4], [1, 5]), intervals([4, 3], [6, 7], [1, 5])]
    )
    assert found["intervals"] == 6
    assert found["covered"] == pytest.approx(3 / 6)
    # Per data set 1/2, 1/2 and 1/2 would have no error; here two hold one of two and one holds one of two.
    assert found["std_err"] == pytest.approx(np.std([0.5, 0.5, 0.5], ddof=1) / np.sqrt(3))
    assert found["least"] == pytest.approx(1 / 3)
    errors = np.array([[0, -3], [0, -2], [4, 0]])
    assert found["bias"] == pytest.approx(errors.mean())
    assert found["bias_std_err"] == pytest.approx(errors.mean(axis=1).std(ddof=1) / np.sqrt(3))
    assert found["largest_bias"] == pytest.approx(-5 / 3)
    assert found["mean_width"] == pytest.approx((2 + 4 + 2 + 2 + 2 + 4) / 6)


@pytest.mark.parametrize(("factor", "expected"), [(stats.t.ppf(0.975, 4), 0.95), (1.96, 2 * stats.t.cdf(1.96, 4) - 1)])
def test_means_of_five_are_covered_as_students_t_says(factor: float, expected: float) -> None:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        sample = generator.normal(3.0, 2.0, size=(2, 5))
        mean, half = sample.mean(axis=1), factor * sample.std(axis=1, ddof=1) / np.sqrt(5)
        found.append(Intervals(estimate=mean, low=mean - half, high=mean + half, target=np.full(2, 3.0)))
    counted = summary(found)
    assert counted["covered"] == pytest.approx(expected, abs=4 * counted["std_err"])
    assert counted["std_err"] == pytest.approx(np.sqrt(expected * (1 - expected) / 8000), rel=0.1)
    assert counted["bias"] == pytest.approx(0, abs=4 * counted["bias_std_err"])
    assert counted["bias_std_err"] == pytest.approx(2 / np.sqrt(5 * 8000), rel=0.1)


def test_methods_become_rows() -> None:
    same = intervals([0], [1], [0.5])
    table = tabulate({("market", "x"): [same, same], ("duke", "x"): [same, same]}, keys=("dataset", "analysis"))
    assert table["dataset"].tolist() == ["market", "duke"]
    assert table["covered"].tolist() == [1, 1]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="expected one row of each, equally long"):
        intervals([0, 0], [1, 1], [0.5])
    with pytest.raises(InputError, match="expected one row of each, equally long"):
        intervals([], [], [])
    with pytest.raises(InputError, match="got 1 simulated data sets; expected 2 at least"):
        summary([intervals([0], [1], [0.5])])
