"""A quantity of worlds as a curve over the strength of their baseline, by route, with a simultaneous band.

    y[w, c] = sum_r [route(c) = r] * f_r(m[w, c]) + d_dataset(w) + s(m[w, c]) * (u_w + e[w, c])

over worlds w and cells c: f_r is a spline in the baseline's mAP m, d a fixed effect of the dataset (curves are its mean
over datasets), u the random effect of a world (its people and cameras are the same in every cell), e the rest: what
training and the cell's own pictures do. What a strong baseline leaves is little, and so is what varies of it:
s(m) = (shortfall / 50)^gamma, shortfall = 100 - m, with the gamma of largest likelihood among a few. Fitted by
restricted maximum likelihood (statsmodels). The band holds the curves of all routes over the whole grid at once: its
factor is the 95 % quantile of the largest absolute t over the grid under the fitted covariance, with the fewest degrees
of freedom that any point has after Satterthwaite, from the worlds' and the rest's.

``scaled`` is a variant that was thought of after results had been seen: the datasets' difference shrinks with the
shortfall too, d_dataset(w) * (shortfall / 50), and gamma may be larger.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ModelWarning

from mosaicreid.errors import InputError
from mosaicreid.statistics.panel import require_columns

_KNOTS = (0.0, 60.0, 100.0)
_GAMMAS = (0.0, 0.5, 1.0)
_MORE_GAMMAS = (*_GAMMAS, 1.5, 2.0)
_DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Band:
    """``curve``: route, baseline (percent), estimate, std_err, low, high, in the unit of y; ``world_sd`` and
    ``rest_sd`` likewise, at a shortfall of 50 points; ``gamma``; ``factor`` of the band and its ``df``; ``expected``
    (rows,), curve and dataset at each row of the table; ``worlds`` and ``rows`` that were fitted."""

    curve: pd.DataFrame
    world_sd: float
    rest_sd: float
    gamma: float
    factor: float
    df: float
    expected: NDArray[np.float64]
    worlds: int
    rows: int


def fit_band(
    table: pd.DataFrame,
    value: str,
    grid: Sequence[float],
    *,
    level: float = 0.95,
    seed: int = 0,
    scaled: bool = False,
) -> Band:
    """Fit the column ``value`` of a table with a row per world and cell.

    Args:
        table: columns dataset, world, route, baseline (percent) and ``value``.
        grid: baselines to give the band at, percent; those outside a route's own baselines are left out for it.
        seed: of the draws for the band's factor.
        scaled: the variant of this module's docstring.

    Raises:
        InputError: a column is missing or holds no number; one world only; values that are equal in all rows; too few
            rows, or baselines too much alike, for the curves.
    """
    columns = ["dataset", "world", "route", "baseline", value]
    require_columns(table, columns, "table of worlds")
    y, m = table[value].to_numpy(float), table["baseline"].to_numpy(float)
    if not len(table) or not np.isfinite(y).all() or not np.isfinite(m).all():
        raise InputError(
            f"{value} of {len(table)} rows has missing or infinite values; expected a number in every world"
        )
    groups = table["dataset"].astype(str) + " " + table["world"].astype(str)
    if groups.nunique() < 2:
        raise InputError(f"got {groups.nunique()} world; expected at least 2 (4 or more for a useful band)")
    if np.ptp(y) < 1e-9:
        raise InputError(f"{value} is {y[0]:.4g} in every world; there is nothing to fit")
    routes, datasets = sorted(set(table["route"])), sorted(set(table["dataset"]))
    design = _design(table["route"].to_numpy(), m, routes)
    deviations = _deviations(table["dataset"].to_numpy(), datasets)
    design = np.column_stack([design, deviations * scale_of(m, 1.0)[:, None] if scaled else deviations])
    rank = int(np.linalg.matrix_rank(design))
    if len(design) <= design.shape[1] or rank < design.shape[1]:
        raise InputError(
            f"{len(design)} rows determine {rank} of {design.shape[1]} coefficients of the curves; expected more cells "
            "of different strength, or more worlds"
        )
    if m.max() >= 100:
        raise InputError(f"a baseline of {m.max():g} mAP leaves nothing; expected all of them below 100")
    world = groups.to_numpy()
    gamma, fitted = max(
        ((gamma, _fit(y, design, world, scale_of(m, gamma))) for gamma in (_MORE_GAMMAS if scaled else _GAMMAS)),
        key=lambda found: found[1].llf - np.log(scale_of(m, found[0])).sum(),
    )
    variances = max(0.0, float(np.asarray(fitted.cov_re).item())), float(fitted.scale)
    weighted = design / scale_of(m, gamma)[:, None]
    covariance, rest_alone = (_covariance(weighted, world, part, variances[1]) for part in (variances[0], 0.0))
    points = [(route, at) for route in routes for at in grid if _within(m[table["route"] == route], at)]
    if not points:
        raise InputError(f"no baseline of the grid lies within those of the worlds, {m.min():.1f} to {m.max():.1f} mAP")
    at = _design(np.array([route for route, _ in points]), np.array([x for _, x in points]), routes)
    at = np.column_stack([at, np.zeros((len(at), len(datasets) - 1))])
    estimate = at @ np.asarray(fitted.fe_params)
    spread = at @ covariance @ at.T
    std_err = np.sqrt(np.diag(spread))
    of_rest = np.minimum(np.einsum("ij,jk,ik->i", at, rest_alone, at), std_err**2)
    between, rest = groups.nunique() - len(datasets), len(design) - design.shape[1]
    df = float((std_err**4 / ((std_err**2 - of_rest) ** 2 / max(1, between) + of_rest**2 / rest)).min())
    factor = _factor(spread, df, level=level, seed=seed)
    curve = pd.DataFrame(
        {
            "route": [route for route, _ in points],
            "baseline": [x for _, x in points],
            "estimate": estimate,
            "std_err": std_err,
            "low": estimate - factor * std_err,
            "high": estimate + factor * std_err,
        }
    )
    return Band(
        curve=curve,
        world_sd=float(np.sqrt(variances[0])),
        rest_sd=float(np.sqrt(variances[1])),
        gamma=gamma,
        factor=factor,
        df=df,
        expected=design @ np.asarray(fitted.fe_params),
        worlds=groups.nunique(),
        rows=len(table),
    )


def scale_of(baseline: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    """s(m): how much less there is of worlds and rest where little is left; ``baseline`` in percent."""
    return ((100 - baseline) / 50) ** gamma


def _fit(y: NDArray[np.float64], design: NDArray[np.float64], world: NDArray, scale: NDArray[np.float64]) -> Any:
    with warnings.catch_warnings():
        # A variance at zero, the edge of what is possible, is an answer too.
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        # One variance is searched for. Methods that follow a gradient get lost where it is zero.
        return MixedLM(y / scale, design / scale[:, None], groups=world).fit(reml=True, method="powell")


def _design(route: NDArray, baseline: NDArray[np.float64], routes: Sequence[str]) -> NDArray[np.float64]:
    """An intercept and a quadratic spline with one inner knot for every route, (rows, 4 * routes)."""
    spline = SplineTransformer(degree=2, knots=np.array(_KNOTS)[:, None], include_bias=False)
    basis = np.column_stack([np.ones(len(baseline)), spline.fit_transform(np.asarray(baseline)[:, None])])
    return np.column_stack([basis * (route == name)[:, None] for name in routes])


def _deviations(values: NDArray, levels: Sequence[str]) -> NDArray[np.float64]:
    """Deviation coding: columns for all but the last level, whose rows have -1 in each."""
    columns = [(values == level).astype(float) - (values == levels[-1]) for level in levels[:-1]]
    return np.column_stack(columns) if columns else np.empty((len(values), 0))


def _covariance(
    design: NDArray[np.float64], groups: NDArray, world_variance: float, rest_variance: float
) -> NDArray[np.floating]:
    """Of the fixed effects: (X' V^-1 X)^-1 with V block diagonal, a block per world."""
    information = np.zeros((design.shape[1], design.shape[1]))
    for group in np.unique(groups):
        x = design[groups == group]
        v = rest_variance * np.eye(len(x)) + world_variance
        information += x.T @ np.linalg.solve(v, x)
    inverse: NDArray[np.floating] = np.linalg.inv(information)
    return inverse


def _within(baselines: NDArray[np.float64], at: float) -> bool:
    return bool(baselines.min() <= at <= baselines.max())


def _factor(spread: NDArray[np.float64], df: float, *, level: float, seed: int) -> float:
    """The quantile of the largest |t| of the points, whose estimates have the covariance ``spread``."""
    generator = np.random.default_rng(seed)
    scale = np.sqrt(np.diag(spread))
    values, vectors = np.linalg.eigh(spread / np.outer(scale, scale))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    draws = generator.standard_normal((_DRAWS, len(scale))) @ root.T
    largest = np.abs(draws).max(axis=1) / np.sqrt(generator.chisquare(df, _DRAWS) / df)
    return float(np.quantile(largest, level))
