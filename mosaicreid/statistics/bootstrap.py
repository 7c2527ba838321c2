"""Paired bootstrap of every configuration against the baseline, over identities and training runs at once."""

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import array, seed_of, share, whole_number
from mosaicreid.statistics.mixed_effects import cluster_covariance, fit
from mosaicreid.statistics.panel import Panel

# Of a thousand people, each draw has a weight for everyone in memory.
_MOST_DRAWS = 100_000
# The largest difference that two means of average precision, or of hits, can have, in points.
_SCALE = 100.0


def gains(
    panel: Panel, *, baseline: str = "baseline", draws: int = 10_000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Gain of each configuration over the baseline on the same queries, with simultaneous intervals.

    Identities, not queries, are resampled (queries of a person are dependent), for all configurations together, so the
    pairing over queries is kept. Training noise cannot be resampled from a handful of seeds; it enters each draw as a
    normal variate of the run variance that ``mixed_effects.fit`` estimates, the baseline's being shared by all gains.
    Every draw is divided by the standard error that it would itself report (bootstrap-t; Efron 1979, Hall 1988), for
    symmetric intervals. Where a gain hangs on so few people that many draws have none of them, and so report no error,
    nothing but the scale bounds it: no interval goes beyond -100 or 100 points. The simultaneous ones hold for all
    configurations at once: they use the ``level`` quantile of the largest of a draw's values (max-t; Westfall and
    Young 1993).

    Args:
        panel: C configurations, among them ``baseline``.
        draws: bootstrap draws. seed: of the generator. level: of the intervals.

    Returns:
        One row per other configuration: configuration, gain, std_err, ci_low, ci_high (pointwise), sim_low, sim_high
        (simultaneous), p_simultaneous, identities_only_low, identities_only_high (pointwise, for these very models).
        In mAP points.

    Raises:
        InputError: no such baseline or nothing beside it, fewer than 100 or more than 100,000 draws, a seed below 0,
            or a level outside (0, 1).
    """
    draws = whole_number(draws, "bootstrap draws", least=100, most=_MOST_DRAWS, hint=" (10,000 for a report)")
    level = share(level, "the level of an interval")
    generator = np.random.default_rng(seed_of(seed))
    reference = panel.index(baseline)
    others = np.arange(len(panel.configurations)) != reference
    if not others.any():
        raise InputError(f"got no configuration beside {baseline!r}; expected at least one to compare with it")
    scores = 100.0 * panel.ap.mean(axis=1)
    differences = scores[others] - scores[reference]
    gain = differences.mean(axis=1)
    _, labels = np.unique(panel.pids, return_inverse=True)
    fitted = fit(panel)
    run_error = np.sqrt(fitted.run_variance / len(panel.seeds))
    identity_error = np.sqrt(np.diag(cluster_covariance(differences, labels)))
    std_err = np.sqrt(identity_error**2 + 2 * run_error**2)

    clusters = int(labels.max()) + 1
    sums = np.stack([np.bincount(labels, weights=row, minlength=clusters) for row in differences], axis=1)
    sizes = np.bincount(labels, minlength=clusters).astype(float)
    weights = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(float)
    drawn = (weights @ sizes)[:, None]
    means = weights @ sums / drawn
    # The sum over clusters of weight * (sum - size * mean) ** 2, expanded into matrix products.
    squares = (
        weights @ sums**2 - 2 * means * (weights @ (sums * sizes[:, None])) + means**2 * (weights @ sizes**2)[:, None]
    )
    drawn_identity_error = np.sqrt(np.maximum(squares, 0) * clusters / (clusters - 1)) / drawn
    drawn_run_error = run_error * np.sqrt(generator.chisquare(fitted.run_df, size=draws) / fitted.run_df)[:, None]
    noise = run_error * generator.standard_normal((draws, len(panel.configurations)))
    deviations = means - gain + noise[:, others] - noise[:, [reference]]

    whole = studentise(deviations, np.hypot(drawn_identity_error, np.sqrt(2) * drawn_run_error))
    identities_only = studentise(means - gain, drawn_identity_error)
    half = np.quantile(whole, level, axis=0) * std_err
    half_identities = np.quantile(identities_only, level, axis=0) * identity_error
    largest = whole.max(axis=1)
    half_simultaneous = np.quantile(largest, level) * std_err
    observed = studentise(gain, std_err)
    return pd.DataFrame(
        {
            "configuration": np.array(panel.configurations)[others],
            "gain": gain,
            "std_err": std_err,
            "ci_low": (gain - half).clip(-_SCALE),
            "ci_high": (gain + half).clip(max=_SCALE),
            "sim_low": (gain - half_simultaneous).clip(-_SCALE),
            "sim_high": (gain + half_simultaneous).clip(max=_SCALE),
            # One is added above and below so that no p-value is zero (Phipson and Smyth 2010).
            "p_simultaneous": (1 + (largest[:, None] >= observed).sum(axis=0)) / (draws + 1),
            "identities_only_low": (gain - half_identities).clip(-_SCALE),
            "identities_only_high": (gain + half_identities).clip(max=_SCALE),
        }
    )


def studentise(deviation: np.ndarray, std_err: np.ndarray) -> np.ndarray:
    """Deviation without sign / std_err; below a billionth of an mAP point an error is rounding, and the floor."""
    return np.abs(deviation) / np.maximum(std_err, 1e-9)


def paired_mean(values: np.ndarray, pids: np.ndarray, *, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of per-query values (S, Q) with an interval over identities and seeds: mean, low, high.

    The variance adds the identity-clustered variance of the seeds' average and the variance between seeds; the
    degrees of freedom follow Satterthwaite. With one seed the interval is for that very model.

    Raises:
        InputError: fewer than two identities, another shape, values that are missing or infinite, or a level outside
            (0, 1).
    """
    values, level = array(values, "values per seed and query", axes=2), share(level, "the level of an interval")
    if np.shape(pids) != values.shape[1:] or not len(values):
        raise InputError(
            f"got identities of shape {np.shape(pids)} for values of shape {values.shape}; expected one a query"
        )
    if pd.isna(pids).any():
        raise InputError("got query identities that are missing; expected one of every query")
    _, labels = np.unique(pids, return_inverse=True)
    if labels.max(initial=0) < 1:
        raise InputError("got one query identity, expected at least 2: an interval over people needs several")
    average = values.mean(axis=0)
    first = float(cluster_covariance(average[None], labels)[0, 0])
    seeds = len(values)
    df = float(labels.max())
    second = 0.0
    if seeds > 1:
        second = float(values.mean(axis=1).var(ddof=1)) / seeds
        total = first + second
        df = total**2 / (first**2 / df + second**2 / (seeds - 1)) if total > 0 else df
    half = stats.t.ppf(0.5 + level / 2, df) * np.sqrt(first + second)
    mean = float(average.mean())
    return mean, mean - half, mean + half
