"""How many configurations, identities and seeds each claim needs."""

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid.statistics.inputs import share
from mosaicreid.statistics.mixed_effects import Fit


def power(fitted: Fit, *, alpha: float = 0.05, target: float = 0.8) -> pd.DataFrame:
    """Power of the present experiment for each attribute's estimated effect, and what ``target`` power would take.

    The variance of an effect is ``V_identities / f + V_runs / g`` when the experiment has f times the identities and g
    times the runs (more seeds, or the same configurations again). The normal approximation to a two-sided test of
    level ``alpha`` is used; effects are taken at their estimates, so this plans a study and does not judge one.

    Returns:
        attribute, effect, detectable (the smallest effect with ``target`` power now), power (at the estimate),
        runs_factor and identities_factor (multiples of today's needed if the other stays; infinite where the other
        part alone is too large), both_factor (multiple of both). Effects in mAP points.

    Raises:
        InputError: alpha or target outside (0, 1).
    """
    alpha, target = share(alpha, "alpha"), share(target, "target power")
    critical = stats.norm.isf(alpha / 2)
    needed = critical + stats.norm.ppf(target)
    effect, std_err = fitted.beta[1:], fitted.std_err[1:]
    identities = np.diag(fitted.covariance_identities)[1:]
    runs = np.diag(fitted.covariance_runs)[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        allowed = (effect / needed) ** 2
        shift = np.abs(effect) / std_err
        return pd.DataFrame(
            {
                "attribute": fitted.names[1:],
                "effect": effect,
                "detectable": needed * std_err,
                "power": stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift),
                "runs_factor": np.where(allowed > identities, runs / (allowed - identities), np.inf),
                "identities_factor": np.where(allowed > runs, identities / (allowed - runs), np.inf),
                "both_factor": (identities + runs) / allowed,
            }
        )
