"""Attribute effects from per-query results, with intervals that respect what the measurements share.

All configurations are scored on the same queries, queries of one person resemble each other, and every number also
depends on a training seed. The paper's GLM (Sec. 4.4) treats its rows as independent and names dependent measurements
as future work; this module models them:

    ap[c, s, q] = x_c' (beta + b_p(q)) + u_q + v_s + w_cs + e_csq

with fixed attribute effects beta, and random effects of query (u), identity (slopes b), seed (v), training run (w) and
rest (e, correlated within an identity). In a balanced panel the generalised least-squares estimate of beta is ordinary
least squares on the run means, and its variance splits into a part that more identities shrink and a part that more
runs shrink; both have closed-form (ANOVA) estimates, so nothing iterates and no matrix of observations is built.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.caveats import benjamini_hochberg, holm
from mosaicreid.statistics.inputs import share, shown
from mosaicreid.statistics.panel import Panel


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted panel; effects are in mAP points (percent).

    Attributes:
        names: K = A + 1 terms, Intercept first.
        beta: (K,) estimates.
        by_seed: (S, K) estimates from each seed alone; their mean is ``beta``.
        covariance_identities, covariance_runs: (K, K) parts of the covariance of beta.
        identity_count: number of identities behind the first part.
        run_df: degrees of freedom of the run variance behind the second part.
        run_variance: variance of one run's mAP around its configuration's and its seed's, in squared mAP points.
        run_variance_source: ``seeds`` (pure error between seeds of a configuration), ``lack of fit`` (one seed: the
            residual of the additive model stands in, which assumes that model) or ``contrast`` (between seeds of each
            contrast itself, see ``contrasts.combine``).
    """

    names: tuple[str, ...]
    beta: np.ndarray
    by_seed: np.ndarray
    covariance_identities: np.ndarray
    covariance_runs: np.ndarray
    identity_count: int
    run_df: int
    run_variance: float
    run_variance_source: str

    @property
    def std_err(self) -> np.ndarray:
        """(K,) standard errors in mAP points."""
        return np.sqrt(np.diag(self.covariance_identities) + np.diag(self.covariance_runs))

    @property
    def df(self) -> np.ndarray:
        """(K,) Satterthwaite degrees of freedom of the two variance parts together."""
        first, second = np.diag(self.covariance_identities), np.diag(self.covariance_runs)
        return (first + second) ** 2 / (first**2 / (self.identity_count - 1) + second**2 / self.run_df)


def fit(panel: Panel) -> Fit:
    """Estimate attribute effects and both parts of their covariance.

    Raises:
        InputError: the attributes are collinear in these configurations, or one seed leaves no degree of freedom.
    """
    design = np.column_stack([np.ones(len(panel.design)), panel.design])
    terms = design.shape[1]
    rank = int(np.linalg.matrix_rank(design))
    if rank < terms:
        raise InputError(
            f"{len(design)} configurations determine {rank} of {terms} effects; "
            "an attribute is constant or a combination of others: leave it out or add configurations"
        )
    configurations, seeds, _ = panel.ap.shape
    ap = 100.0 * panel.ap
    pseudo_inverse = np.linalg.pinv(design)
    per_query = pseudo_inverse @ ap.mean(axis=1)
    beta = per_query.mean(axis=1)
    _, labels = np.unique(panel.pids, return_inverse=True)

    deviations = ap - ap.mean(axis=1, keepdims=True)
    by_seed = deviations.mean(axis=0)
    if seeds > 1:
        run_df, source = (configurations - 1) * (seeds - 1), "seeds"
        deviations = deviations - by_seed
    else:
        run_df, source = configurations - terms, "lack of fit"
        if run_df < 1:
            raise InputError(
                f"one seed of {configurations} configurations leaves {run_df} degrees of freedom for {terms} effects; "
                "add seeds or configurations"
            )
        deviations = (ap[:, 0] - design @ (pseudo_inverse @ ap[:, 0]))[:, None]
    run_variance = variance_of_means(deviations.reshape(configurations * seeds, -1), labels, run_df)
    covariance_runs = run_variance / seeds * pseudo_inverse @ pseudo_inverse.T
    if seeds > 1:
        # What a seed adds to every configuration moves the intercept and no attribute's effect.
        covariance_runs[0, 0] += variance_of_means(by_seed, labels, seeds - 1) / seeds
    return Fit(
        names=("Intercept", *panel.attributes),
        beta=beta,
        by_seed=(pseudo_inverse @ ap.mean(axis=2)).T,
        covariance_identities=cluster_covariance(per_query, labels),
        covariance_runs=covariance_runs,
        identity_count=int(labels.max()) + 1,
        run_df=run_df,
        run_variance=run_variance,
        run_variance_source=source,
    )


def variance_of_means(deviations: np.ndarray, labels: np.ndarray, df: int) -> float:
    """Variance of the row means of ``deviations`` (rows, Q) beyond what the noise of their own queries explains."""
    total = float((deviations.mean(axis=1) ** 2).sum() / df)
    noise = float(np.trace(cluster_covariance(deviations, labels)) / df)
    return max(0.0, total - noise)


def cluster_covariance(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Covariance (K, K) of the mean over queries of ``values`` (K, Q), queries of one label being dependent.

    The sandwich estimator for a mean with the finite-sample factor P / (P - 1) for P clusters (Liang and Zeger 1986).
    """
    clusters = int(labels.max()) + 1
    centred = values - values.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(labels, weights=row, minlength=clusters) for row in centred])
    return sums @ sums.T / values.shape[1] ** 2 * clusters / (clusters - 1)


def effects(fitted: Fit, *, margin: float | None, level: float = 0.95) -> pd.DataFrame:
    """Attribute effects with intervals, corrected p-values and an equivalence test.

    Args:
        fitted: what ``fit`` returned.
        margin: effects within +-margin mAP points count as none (two one-sided tests, Schuirmann 1987); None where
            nothing says what would count as none.
        level: level of the intervals.

    Returns:
        One row per attribute: attribute, effect, std_err, df, ci_low, ci_high, p_value, p_holm, p_bh, p_equivalence
        (smaller than 1 - level: the effect is shown to be within the margin; NaN without one), share_identities (the
        part of the variance that more identities would shrink). Effects in mAP points.

    Raises:
        InputError: margin is not positive or level is not in (0, 1).
    """
    known = isinstance(margin, int | float | np.integer | np.floating)
    if margin is not None and not (known and 0 < margin < np.inf):
        raise InputError(f"the equivalence margin must be a positive number of mAP points; got {shown(margin)}")
    level = share(level, "the level of an interval")
    beta, std_err, df = fitted.beta[1:], fitted.std_err[1:], fitted.df[1:]
    half = stats.t.ppf(0.5 + level / 2, df) * std_err
    p_value = np.asarray(2 * stats.t.sf(np.abs(beta) / std_err, df))
    p_equivalence = np.nan if margin is None else equivalence_p(beta, std_err, df, margin)
    return pd.DataFrame(
        {
            "attribute": fitted.names[1:],
            "effect": beta,
            "std_err": std_err,
            "df": df,
            "ci_low": beta - half,
            "ci_high": beta + half,
            "p_value": p_value,
            "p_holm": holm(p_value),
            "p_bh": benjamini_hochberg(p_value),
            "p_equivalence": p_equivalence,
            "share_identities": np.diag(fitted.covariance_identities)[1:] / std_err**2,
        }
    )


def equivalence_p(
    effect: NDArray[np.float64], std_err: NDArray[np.float64], df: NDArray[np.float64], margin: float
) -> NDArray[np.float64]:
    """p-values of two one-sided tests that effects lie within +-margin (Schuirmann 1987), by Student's t."""
    return np.asarray(stats.t.sf((margin - np.abs(effect)) / std_err, df))


def variance_components(panel: Panel) -> pd.DataFrame:
    """ANOVA (for balanced data: REML, where none is negative) variance components of AP around its configuration.

    Model: ap[c, s, q] = mu_c + u_q + a_cq + v_s + b_sq + w_cs + e_csq. Returns component (query; query_configuration:
    a; seed; query_seed: b; run: w; rest: e), variance in squared mAP points and its square root; negative estimates are
    shown as zero. One seed tells only query from rest, which then holds a; all others are NaN.
    """
    configurations, seeds, queries = panel.ap.shape
    ap = 100.0 * panel.ap
    ap = ap - ap.mean(axis=(1, 2), keepdims=True)
    of_query, of_seed = ap.mean(axis=(0, 1)), ap.mean(axis=(0, 2))[:, None]
    of_query_in_configuration = ap.mean(axis=1, keepdims=True) - of_query
    between = {"configuration": configurations - 1, "seed": seeds - 1, "query": queries - 1}

    def mean_square(deviations: np.ndarray, *factors: str) -> float:
        whole = np.broadcast_to(deviations, ap.shape)
        return float((whole**2).sum() / np.prod([between[factor] for factor in factors]))

    query = mean_square(of_query, "query")
    query_configuration = mean_square(of_query_in_configuration, "query", "configuration")
    variance = dict.fromkeys(("query", "query_configuration", "seed", "query_seed", "run", "rest"), np.nan)
    if seeds == 1:
        variance |= {"query": (query - query_configuration) / configurations, "rest": query_configuration}
    else:
        of_run = ap.mean(axis=2, keepdims=True) - of_seed
        of_query_in_seed = ap.mean(axis=0) - of_query - of_seed
        rest = mean_square(
            ap - of_query - of_seed - of_query_in_configuration - of_run - of_query_in_seed,
            *between,
        )
        seed, run = mean_square(of_seed, "seed"), mean_square(of_run, "configuration", "seed")
        query_seed = mean_square(of_query_in_seed, "query", "seed")
        variance = {
            "query": (query - query_configuration - query_seed + rest) / (configurations * seeds),
            "query_configuration": (query_configuration - rest) / seeds,
            "seed": (seed - run - query_seed + rest) / (configurations * queries),
            "query_seed": (query_seed - rest) / configurations,
            # Queries differ between configurations alike in all seeds, so only the rest is in a run's mean.
            "run": (run - rest) / queries,
            "rest": rest,
        }
    table = pd.DataFrame({"component": list(variance), "variance": list(variance.values())})
    table["variance"] = table["variance"].clip(lower=0.0)
    return table.assign(std_dev=np.sqrt(table["variance"]))


def leave_one_configuration_out(panel: Panel) -> pd.DataFrame:
    """Every attribute effect without each configuration in turn.

    Returns left_out, attribute, effect (mAP points), change (against all configurations); effect is NaN where the
    remaining configurations no longer determine the effects.
    """
    full = fit(panel)
    rows = []
    for name in panel.configurations:
        try:
            beta = fit(panel.without(name)).beta[1:]
        except InputError:
            beta = np.full(len(panel.attributes), np.nan)
        rows += [
            {"left_out": name, "attribute": attribute, "effect": value, "change": value - whole}
            for attribute, value, whole in zip(panel.attributes, beta, full.beta[1:], strict=True)
        ]
    return pd.DataFrame(rows)


def naive_effects(panel: Panel, *, level: float = 0.95) -> pd.DataFrame:
    """The paper's analysis of the same data: a Gaussian GLM with z intervals on the table of the first seed's mAP.

    Returns attribute, effect, std_err, ci_low, ci_high in mAP points; no error (NaN) where no configuration is spare.

    Raises:
        InputError: level is not in (0, 1).
    """
    level = share(level, "the level of an interval")
    design = np.column_stack([np.ones(len(panel.design)), panel.design])
    scores = 100.0 * panel.ap[:, 0].mean(axis=1)
    inverse = np.linalg.pinv(design)
    beta = inverse @ scores
    residual = scores - design @ beta
    spare = len(scores) - design.shape[1]
    variance = residual @ residual / spare if spare else np.nan
    std_err = np.sqrt(variance * np.diag(inverse @ inverse.T))
    half = stats.norm.ppf(0.5 + level / 2) * std_err
    table = {"effect": beta, "std_err": std_err, "ci_low": beta - half, "ci_high": beta + half}
    return pd.DataFrame({"attribute": panel.attributes, **{name: column[1:] for name, column in table.items()}})
