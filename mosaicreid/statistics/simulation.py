"""Per-query results whose truth is known, with dependence like that of real runs: what intervals are judged on.

A latent score adds up, and average precision is that score, cut to 0..1 where a world is bounded:

    z[c, s, q] = x_c' (beta + b_p(q) + g_s) + a_p(q) + u_q + v_s + h_sq + w_cs + e_csq

over configurations c, seeds s, and queries q of identities p; every random part is normal, so what a configuration is
expected to score has a closed form. Where AP is bounded, most queries can be at 1 and cannot gain: effects do not add,
and what a seed adds is less where the score is high.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.errors import InputError
from mosaicreid.statistics.inputs import array, shown, whole_number
from mosaicreid.statistics.panel import Panel

_COUNTS = {"identities": 2, "queries_per_identity": 1, "seeds": 1}


@dataclass(frozen=True, kw_only=True)
class PanelModel:
    """How much each part of the latent score spreads, in units of AP (0..1).

    ``identity`` (a) and ``query`` (u): of difficulty; ``slopes`` (b) and ``seed_slopes`` (g): of attribute effects
    between identities and between seeds; ``seed`` (v): of what a seed adds to all runs; ``query_seed`` (h): of what it
    adds to one query in all runs; ``run`` (w): of one training run; ``rest`` (e): of one query in one run. Of h and e,
    half of the variance is shared by the queries of an identity. ``bounded``: AP is the score cut to 0..1.

    Raises:
        InputError: fewer than two identities, no query or seed, or a spread that is not a number of 0 or more.
    """

    identities: int = 60
    queries_per_identity: int = 4
    seeds: int = 3
    identity: float = 0.0
    query: float = 0.2
    slopes: float = 0.05
    seed_slopes: float = 0.0
    seed: float = 0.01
    query_seed: float = 0.0
    run: float = 0.006
    rest: float = 0.08
    bounded: bool = False

    def __post_init__(self) -> None:
        """Refuse what nothing can be drawn from."""
        for name, least in _COUNTS.items():
            whole_number(getattr(self, name), name.replace("_", " "), least=least)
        for name in [field.name for field in fields(self) if field.name not in (*_COUNTS, "bounded")]:
            spread = getattr(self, name)
            if not isinstance(spread, int | float | np.integer | np.floating) or not 0 <= spread < np.inf:
                raise InputError(f"got the spread {name} {shown(spread)}; expected a number of 0 or more")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One draw of people and seeds.

    ``without`` (S, Q): the latent score without attributes; ``effects`` (S, Q, A): what each attribute adds to it;
    ``of_seed`` (S,) and ``slopes_of_seed`` (S, A): the parts of these that are the seed's own; ``pids`` (Q,).
    """

    without: NDArray[np.float64]
    effects: NDArray[np.float64]
    of_seed: NDArray[np.float64]
    slopes_of_seed: NDArray[np.float64]
    pids: NDArray[np.int64]


def draw(world: PanelModel, beta: NDArray[np.float64], generator: np.random.Generator) -> Drawn:
    """People, their queries and seeds of a world; ``beta`` (A + 1,) in units of AP, intercept first."""
    beta = array(beta, "effects", axes=1)
    pids = np.repeat(np.arange(world.identities), world.queries_per_identity)
    attributes = len(beta) - 1
    of_seed = world.seed * generator.standard_normal(world.seeds)
    slopes_of_seed = world.seed_slopes * generator.standard_normal((world.seeds, attributes))
    difficulty = (
        world.identity * generator.standard_normal(world.identities)[pids]
        + world.query * generator.standard_normal(len(pids))
        + _shared(world.query_seed, (world.seeds,), world, pids, generator)
    )
    slopes = world.slopes * generator.standard_normal((world.identities, attributes))
    return Drawn(
        without=beta[0] + of_seed[:, None] + difficulty,
        effects=beta[1:] + slopes[pids] + slopes_of_seed[:, None],
        of_seed=of_seed,
        slopes_of_seed=slopes_of_seed,
        pids=pids,
    )


def simulate(
    world: PanelModel, design: NDArray[np.float64], beta: NDArray[np.float64], generator: np.random.Generator
) -> Panel:
    """One panel with known effects: ``design`` (C, A) in {0, 1}, ``beta`` (A + 1,) in units of AP, intercept first.

    Raises:
        InputError: not one effect per column and an intercept, or something else than numbers.
    """
    design, beta = checked_truth(design, beta)
    drawn = draw(world, beta, generator)
    configurations, attributes = design.shape
    ap = (
        drawn.without
        + np.moveaxis(drawn.effects @ design.T, -1, 0)
        + world.run * generator.standard_normal((configurations, world.seeds, 1))
        + _shared(world.rest, (configurations, world.seeds), world, drawn.pids, generator)
    )
    return Panel(
        ap=ap.clip(0, 1) if world.bounded else ap,
        design=design,
        configurations=tuple(f"configuration {index}" for index in range(configurations)),
        attributes=tuple(f"attribute {index}" for index in range(attributes)),
        seeds=tuple(range(world.seeds)),
        pids=drawn.pids,
    )


def expected_scores(
    world: PanelModel, design: NDArray[np.float64], beta: NDArray[np.float64], *, hit: float | None = None
) -> NDArray[np.float64]:
    """(C,) what each configuration scores in expectation over people, queries, seeds and runs, percent.

    mAP; or, where ``hit`` is given, Rank-1 of queries that count as hit where the latent score is above ``hit``.

    Raises:
        InputError: as ``simulate``.
    """
    design, beta = checked_truth(design, beta)
    mean = beta[0] + design @ beta[1:]
    fixed = (world.identity, world.query, world.seed, world.query_seed, world.run, world.rest)
    variance = sum(spread**2 for spread in fixed) + (design**2).sum(axis=1) * (world.slopes**2 + world.seed_slopes**2)
    spread = np.sqrt(variance)
    if hit is not None:
        return 100 * stats.norm.sf(hit, mean, spread)
    return 100 * (_cut_mean(mean, spread) if world.bounded else mean)


def expected_game(world: PanelModel, chosen: NDArray[np.float64], beta: NDArray[np.float64]) -> NDArray[np.float64]:
    """``expected_scores`` of one trained model whose experts are switched on by ``chosen`` (V, A).

    Nothing is trained for a set, so sets differ neither by a run nor by the rest.
    """
    return expected_scores(replace(world, run=0.0, rest=0.0), chosen, beta)


def checked_truth(
    design: NDArray[np.float64], beta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A design (C, A) and effects (A + 1,) that fit each other; InputError where they do not."""
    design, beta = array(design, "a design", axes=2), array(beta, "effects", axes=1)
    if len(beta) != design.shape[1] + 1:
        raise InputError(
            f"got {len(beta)} effects for {design.shape[1]} attributes; expected an intercept and one of each"
        )
    return design, beta


def _shared(
    spread: float,
    shape: tuple[int, ...],
    world: PanelModel,
    pids: NDArray[np.int64],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """(*shape, Q) normal with that standard deviation, half of its variance shared by the queries of an identity."""
    of_identity = generator.standard_normal((*shape, world.identities))
    of_query = generator.standard_normal((*shape, len(pids)))
    return spread * np.sqrt(0.5) * (of_identity[..., pids] + of_query)


def _cut_mean(mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a normal variable that is cut to 0..1."""
    spread = np.maximum(spread, 1e-12)
    low, high = -mean / spread, (1 - mean) / spread
    inside = stats.norm.cdf(high) - stats.norm.cdf(low)
    cut: NDArray[np.float64] = (
        mean * inside - spread * (stats.norm.pdf(high) - stats.norm.pdf(low)) + stats.norm.sf(high)
    )
    return cut
