import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.bootstrap import gains, paired_mean
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import PanelModel, simulate

DESIGN = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)


def panel(**changes: object) -> Panel:
    world = PanelModel(**{"identities": 40, "queries_per_identity": 3, **changes})  # type: ignore[arg-type]
    return simulate(world, DESIGN, np.array([0.5, 0.03, 0.0]), np.random.default_rng(0))


def table(data: Panel, **options: object):
    return gains(data, **{"baseline": "configuration 3", "draws": 4000, **options})  # type: ignore[arg-type]


def test_gain_is_the_mean_paired_difference() -> None:
    data = panel()
    expected = 100 * (data.ap[:3] - data.ap[3]).mean(axis=(1, 2))
    np.testing.assert_allclose(table(data)["gain"], expected)


def test_identity_intervals_agree_with_scipys_bootstrap_where_every_identity_has_one_query() -> None:
    data = panel(queries_per_identity=1, seeds=1)
    differences = 100 * (data.ap[0] - data.ap[3])[0]
    reference = stats.bootstrap(
        (differences,), np.mean, n_resamples=9999, method="basic", rng=np.random.default_rng(1)
    ).confidence_interval
    row = table(data, draws=10_000).iloc[0]
    width = reference.high - reference.low
    assert row["identities_only_low"] == pytest.approx(reference.low, abs=0.05 * width)
    assert row["identities_only_high"] == pytest.approx(reference.high, abs=0.05 * width)


def test_simultaneous_intervals_contain_the_pointwise_ones_and_training_noise_widens_them() -> None:
    rows = table(panel())
    assert (rows["sim_high"] - rows["sim_low"] > rows["ci_high"] - rows["ci_low"]).all()
    noisy = table(panel(run=0.05))
    assert (noisy["ci_high"] - noisy["ci_low"] > noisy["identities_only_high"] - noisy["identities_only_low"]).all()


def test_a_configuration_equal_to_the_baseline_has_no_gain() -> None:
    data = panel(run=0.0, rest=0.0, slopes=0.0)
    ap = data.ap.copy()
    ap[1] = ap[3]
    row = table(Panel(**{**data.__dict__, "ap": ap})).iloc[1]
    assert row["gain"] == 0
    assert row["p_simultaneous"] == 1


def test_equal_seeds_give_equal_tables() -> None:
    assert table(panel(), seed=3).equals(table(panel(), seed=3))
    assert not table(panel(), seed=3).equals(table(panel(), seed=4))


def test_paired_mean_of_independent_queries_is_the_t_interval() -> None:
    values = np.random.default_rng(0).normal(size=(1, 50))
    mean, low, high = paired_mean(values, np.arange(50))
    reference = stats.ttest_1samp(values[0], 0).confidence_interval()
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((reference.low, reference.high))


def test_paired_mean_counts_dependent_queries_and_seeds_once() -> None:
    values = np.random.default_rng(0).normal(size=(1, 50))
    alone = paired_mean(values, np.arange(50))
    repeated = paired_mean(np.repeat(values, 4, axis=1), np.repeat(np.arange(50), 4))
    assert repeated == pytest.approx(alone)
    shifted = paired_mean(np.concatenate([values - 1, values + 1]), np.arange(50))
    assert shifted[2] - shifted[1] > 2 * (alone[2] - alone[1])


@pytest.mark.parametrize("spread", [0.0, 0.05, 1.0])
def test_paired_mean_adds_the_variances_of_identities_and_seeds(spread: float) -> None:
    """Welch and Satterthwaite: degrees of freedom by which part of the variance weighs more."""
    random = np.random.default_rng(5)
    values = random.normal(size=(4, 12)) + spread * random.normal(size=(4, 1))
    pids = np.repeat([3, 5, 9, 11, 20], [2, 1, 4, 2, 3])
    average = values.mean(axis=0) - values.mean()
    identities = sum(average[pids == who].sum() ** 2 for who in set(pids.tolist())) / 12**2 * 5 / 4
    seeds = values.mean(axis=1).var(ddof=1) / 4
    df = (identities + seeds) ** 2 / (identities**2 / 4 + seeds**2 / 3)
    expected = stats.t(df, loc=values.mean(), scale=np.sqrt(identities + seeds)).interval(0.9)
    mean, low, high = paired_mean(values, pids, level=0.9)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(expected)


def test_paired_mean_of_equal_values_is_known() -> None:
    assert paired_mean(np.full((3, 4), 0.25), np.array([1, 1, 2, 2])) == (0.25, 0.25, 0.25)


def test_the_defaults_are_a_reports() -> None:
    assert gains(panel(), baseline="configuration 3").equals(table(panel(), draws=10_000, seed=0, level=0.95))


def test_paired_mean_covers_the_truth_of_several_seeds() -> None:
    generator = np.random.default_rng(0)
    design = np.array([[0.0], [1.0]])
    hits = []
    for _ in range(400):
        panel = simulate(PanelModel(seeds=3), design, np.array([0.5, 0.02]), generator)
        _, low, high = paired_mean(100 * (panel.ap[1] - panel.ap[0]), panel.pids)
        hits.append(low <= 2 <= high)
    # Noise of a run's own queries is in both parts of the variance, so the interval is a little wide.
    assert 0.93 <= np.mean(hits) <= 0.99


def test_a_gain_that_hangs_on_one_person_of_one_run_is_bounded_by_its_scale() -> None:
    """A third of all draws miss the person, and report a difference of zero without error."""
    hits = np.ones((4, 1, 20))
    hits[3, 0, 3] = 0
    rows = table(Panel(**{**panel().__dict__, "ap": hits, "pids": np.arange(20), "seeds": (0,)}), draws=1000)
    np.testing.assert_allclose(rows["gain"], 5)
    for low, high in (("ci_low", "ci_high"), ("sim_low", "sim_high"), ("identities_only_low", "identities_only_high")):
        assert (rows[low] == -100).all(), low
        assert (rows[high] == 100).all(), high


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="no runs of configuration 'baseline'"):
        gains(panel())
    with pytest.raises(InputError, match="got 10 bootstrap draws"):
        table(panel(), draws=10)
    with pytest.raises(InputError, match="got 2147483648 bootstrap draws, expected at most 100000"):
        table(panel(), draws=2**31)
    assert len(table(panel(), draws=100)) == 3
    for level in (0, 1, 95):
        with pytest.raises(InputError, match=f"between 0 and 1; got {level}"):
            table(panel(), level=level)
    with pytest.raises(InputError, match="got one query identity"):
        paired_mean(np.zeros((1, 3)), np.zeros(3))
    assert paired_mean(np.array([[1.0, 3.0]]), np.array([1, 2]))[0] == 2


def test_paired_mean_takes_lists_and_any_names_of_identities() -> None:
    values = np.random.default_rng(0).normal(size=(2, 6))
    expected = paired_mean(values, np.array([0, 0, 1, 1, 2, 2]))
    for pids in (list("aabbcc"), [0.5, 0.5, 1, 1, 2, 2], pd.Series([3, 3, 4, 4, 5, 5], index=[0] * 6)):
        assert paired_mean(values.tolist(), pids) == expected


@pytest.mark.parametrize(
    ("values", "pids", "message"),
    [
        (np.zeros(6), np.arange(6), r"got values per seed and query of shape \(6,\) .* with 2 axes"),
        (np.zeros((2, 6)), np.arange(5), r"got identities of shape \(5,\) for values of shape \(2, 6\)"),
        (np.zeros((0, 6)), np.arange(6), "for values of shape"),
        (np.zeros((2, 0)), [], "got one query identity"),
        (np.full((2, 6), np.nan), np.arange(6), "missing or infinite; expected numbers"),
        (np.full((2, 6), 1j), np.arange(6), "dtype complex128; expected an array of numbers"),
        (np.full((2, 6), "1"), np.arange(6), "expected an array of numbers"),
        ([[1.0], [1.0, 2.0]], np.arange(6), "rows of different lengths"),
        (np.zeros((2, 6)), [0, 1, 2, 3, np.nan, np.nan], "got query identities that are missing"),
    ],
)
def test_values_that_cannot_be_paired(values, pids, message: str) -> None:
    with pytest.raises(InputError, match=message):
        paired_mean(values, pids)


def test_nothing_beside_the_baseline() -> None:
    alone = panel().without("configuration 0").without("configuration 1").without("configuration 2")
    with pytest.raises(InputError, match="got no configuration beside 'configuration 3'"):
        table(alone)
