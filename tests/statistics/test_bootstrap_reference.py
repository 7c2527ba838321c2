"""The intervals of the gains against plain loops over draws, Dunnett's test, and simulated coverage."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from mosaicreid.statistics.bootstrap import gains
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import PanelModel, simulate

DESIGN = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], float)
BASELINE, LEVEL, DRAWS, SEED = 3, 0.9, 150, 11


def made(seeds: int) -> Panel:
    world = PanelModel(identities=9, queries_per_identity=3, seeds=seeds, run=0.06)
    data = simulate(world, DESIGN, np.array([0.5, 0.03, 0.0]), np.random.default_rng(4))
    # Identities with unequal numbers of queries, in no order.
    kept = np.random.default_rng(1).permutation(27)[:20]
    return Panel(**{**data.__dict__, "ap": data.ap[:, :, kept], "pids": data.pids[kept] + 5})


def run_variance_plainly(panel: Panel) -> tuple[float, int]:
    """Variance of a run's mAP beyond its seed's and configuration's, less what its own queries explain; and its df."""
    ap = 100 * panel.ap
    configurations, seeds = ap.shape[:2]
    people = sorted(set(panel.pids.tolist()))
    df = (configurations - 1) * (seeds - 1)
    total = noise = 0.0
    for c in range(configurations):
        for s in range(seeds):
            rest = ap[c, s] - ap[c].mean(axis=0) - ap[:, s].mean(axis=0) + ap.mean(axis=(0, 1))
            total += rest.mean() ** 2
            noise += clustered_variance(rest, panel.pids, people)
    return max(0.0, (total - noise) / df), df


def clustered_variance(values: np.ndarray, pids: np.ndarray, people: list[int]) -> float:
    """Of the mean of ``values``, queries of a person together, with P / (P - 1)."""
    sums = [sum(value - values.mean() for value in values[pids == who]) for who in people]
    return sum(each**2 for each in sums) / len(values) ** 2 * len(people) / (len(people) - 1)


def gains_plainly(panel: Panel) -> pd.DataFrame:
    """Every draw by itself: resampled people, a noisy run for every configuration, and its own standard error."""
    scores = 100 * panel.ap.mean(axis=1)
    others = [c for c in range(len(DESIGN)) if c != BASELINE]
    people = sorted(set(panel.pids.tolist()))
    difference = {c: scores[c] - scores[BASELINE] for c in others}
    variance, df = run_variance_plainly(panel)
    of_a_mean = variance / len(panel.seeds)
    identity = {c: clustered_variance(difference[c], panel.pids, people) for c in others}
    error = {c: np.sqrt(identity[c] + of_a_mean + of_a_mean) for c in others}
    random = np.random.default_rng(SEED)
    picks = random.multinomial(len(people), [1 / len(people)] * len(people), size=DRAWS)
    factors = random.chisquare(df, size=DRAWS) / df
    noise = np.sqrt(of_a_mean) * random.standard_normal((DRAWS, len(DESIGN)))
    whole, people_only = ({c: [] for c in others} for _ in range(2))
    for pick, factor, shift in zip(picks, factors, noise, strict=True):
        for c in others:
            values, names = [], []
            for position, (who, times) in enumerate(zip(people, pick, strict=True)):
                for copy in range(times):
                    own = difference[c][panel.pids == who]
                    values.extend(own)
                    names.extend([100 * position + copy] * len(own))
            values, names = np.array(values), np.array(names)
            deviation = values.mean() - difference[c].mean()
            own_error = clustered_variance(values, names, sorted(set(names.tolist())))
            people_only[c].append(abs(deviation) / np.sqrt(own_error))
            noisy = deviation + shift[c] - shift[BASELINE]
            whole[c].append(abs(noisy) / np.sqrt(own_error + 2 * of_a_mean * factor))
    largest = [max(whole[c][draw] for c in others) for draw in range(DRAWS)]
    rows = []
    for c in others:
        gain, half = difference[c].mean(), np.quantile(whole[c], LEVEL) * error[c]
        together, alone = (
            np.quantile(largest, LEVEL) * error[c],
            np.quantile(people_only[c], LEVEL) * np.sqrt(identity[c]),
        )
        as_large = sum(each >= abs(gain) / error[c] for each in largest)
        rows.append(
            {
                "gain": gain,
                "std_err": error[c],
                "ci_low": gain - half,
                "ci_high": gain + half,
                "sim_low": gain - together,
                "sim_high": gain + together,
                "p_simultaneous": (1 + as_large) / (1 + DRAWS),
                "identities_only_low": gain - alone,
                "identities_only_high": gain + alone,
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seeds", [2, 5])
def test_every_number_is_that_of_plain_loops(seeds: int) -> None:
    panel = made(seeds)
    assert run_variance_plainly(panel)[0] > 0
    found = gains(panel, baseline="configuration 3", draws=DRAWS, seed=SEED, level=LEVEL)
    assert found["configuration"].tolist() == ["configuration 0", "configuration 1", "configuration 2"]
    expected = gains_plainly(panel)
    assert set(found) == {"configuration", *expected}
    pd.testing.assert_frame_equal(found[list(expected)], expected, rtol=1e-9)


def dunnett(level: float, comparisons: int, df: int) -> float:
    """Two-sided critical value of many comparisons with one control, all groups of one size (Dunnett 1955)."""
    correlation = np.full((comparisons, comparisons), 0.5) + 0.5 * np.eye(comparisons)

    def excess(limit: float) -> float:
        bounds = np.full(comparisons, limit)
        inside = stats.multivariate_t(shape=correlation, df=df).cdf(bounds, lower_limit=-bounds, random_state=0)
        return inside - level

    return optimize.brentq(excess, 0.1, 30, xtol=1e-3)


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("seeds", [2, 4])
def test_where_runs_alone_differ_the_intervals_are_students_and_dunnetts(level: float, seeds: int) -> None:
    """All queries alike: what is left is an analysis of variance of the runs, whose critical values are known."""
    random = np.random.default_rng(2)
    runs = 0.5 + 0.05 * random.standard_normal((4, seeds))
    panel = Panel(
        ap=np.repeat(runs[:, :, None], 12, axis=2),
        design=DESIGN,
        configurations=("a", "b", "c", "baseline"),
        attributes=("x", "y"),
        seeds=tuple(range(seeds)),
        pids=np.arange(12) // 2,
    )
    table = gains(panel, draws=100_000, level=level)
    scores, df = 100 * runs, 3 * (seeds - 1)
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    error = np.sqrt(2 * (rest**2).sum() / df / seeds)
    np.testing.assert_allclose(table["std_err"], error)
    np.testing.assert_allclose(table["gain"], (scores[:3] - scores[3]).mean(axis=1))
    pointwise = (table["ci_high"] - table["ci_low"]) / 2 / error
    np.testing.assert_allclose(pointwise, stats.t.ppf(0.5 + level / 2, df), rtol=0.025)
    together = (table["sim_high"] - table["sim_low"]) / 2 / error
    np.testing.assert_allclose(together, dunnett(level, 3, df), rtol=0.02)
    # These very models have no uncertainty where all people give the same difference.
    np.testing.assert_allclose(table["identities_only_high"] - table["identities_only_low"], 0, atol=1e-6)


def test_a_p_value_agrees_with_the_interval_at_its_level() -> None:
    panel = made(3)
    table = gains(panel, baseline="configuration 3", draws=4000, seed=1)
    for row in table.itertuples():
        level = 1 - row.p_simultaneous
        again = gains(panel, baseline="configuration 3", draws=4000, seed=1, level=min(max(level, 0.001), 0.999))
        same = again.set_index("configuration").loc[row.configuration]
        edge = min(abs(same["sim_low"]), abs(same["sim_high"]))
        assert edge < 0.02 * (same["sim_high"] - same["sim_low"])


def test_gains_cover_the_truth_as_often_as_they_say() -> None:
    world = PanelModel(identities=30, queries_per_identity=2, seeds=3, run=0.03, rest=0.02)
    generator, beta = np.random.default_rng(2), np.array([0.5, 0.02, -0.01])
    truth = 100 * (DESIGN @ beta[1:])[:BASELINE]
    pointwise, together = [], []
    for number in range(400):
        panel = simulate(world, DESIGN, beta, generator)
        table = gains(panel, baseline="configuration 3", draws=300, seed=number, level=0.8)
        pointwise.append(((table["ci_low"] <= truth) & (truth <= table["ci_high"])).mean())
        together.append(((table["sim_low"] <= truth) & (truth <= table["sim_high"])).all())
    # Four standard errors of a share of 400 panels.
    for covered in (pointwise, together):
        assert np.mean(covered) == pytest.approx(0.8, abs=4 * np.std(covered) / 20)
