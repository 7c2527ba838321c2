"""Do the intervals hold what they say? Data whose truth is known, with dependence like the real one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from mosaicreid.errors import InputError
from mosaicreid.statistics.bootstrap import gains
from mosaicreid.statistics.inputs import array, seed_of, share, shown, whole_number
from mosaicreid.statistics.mixed_effects import effects, fit, naive_effects
from mosaicreid.statistics.panel import Panel


@dataclass(frozen=True, kw_only=True)
class PanelModel:
    """How much each part of the model in ``mixed_effects`` spreads, in units of AP (0..1); defaults as in tiny runs.

    ``slopes``: of attribute effects between identities; ``query``: of query difficulty; ``seed``: of what a seed adds
    to all runs; ``run``: of one training run; ``rest``: of one query in one run, half of its variance shared by the
    queries of an identity.

    Raises:
        InputError: fewer than two identities, no query or seed, or a spread that is not a number of 0 or more.
    """

    identities: int = 60
    queries_per_identity: int = 4
    seeds: int = 3
    slopes: float = 0.05
    query: float = 0.2
    seed: float = 0.01
    run: float = 0.006
    rest: float = 0.08

    def __post_init__(self) -> None:
        whole_number(self.identities, "identities", least=2)
        whole_number(self.queries_per_identity, "queries per identity", least=1)
        whole_number(self.seeds, "seeds", least=1)
        for name in ("slopes", "query", "seed", "run", "rest"):
            spread = getattr(self, name)
            if not isinstance(spread, int | float | np.integer | np.floating) or not 0 <= spread < np.inf:
                raise InputError(f"got the spread {name} {shown(spread)}; expected a number of 0 or more")


def simulate(world: PanelModel, design: np.ndarray, beta: np.ndarray, generator: np.random.Generator) -> Panel:
    """One panel with known effects: ``design`` (C, A) in {0, 1}, ``beta`` (A + 1,) in units of AP, intercept first.

    AP is not clipped to 0..1, since clipping would move the truth.

    Raises:
        InputError: not one effect per column and an intercept, or something else than numbers.
    """
    design, beta = _truth(design, beta)
    configurations, attributes = design.shape
    labels = np.repeat(np.arange(world.identities), world.queries_per_identity)
    shape = (configurations, world.seeds, len(labels))
    slopes = beta[1:] + world.slopes * generator.standard_normal((world.identities, attributes))
    shared = np.sqrt(0.5) * generator.standard_normal((*shape[:2], world.identities))
    of_query = np.sqrt(0.5) * generator.standard_normal(shape)
    # Query difficulty is skewed in real retrieval: many easy queries, few hard ones.
    difficulty = world.query * (1 - generator.exponential(size=len(labels)))
    ap = (
        beta[0]
        + (design @ slopes.T)[:, None, labels]
        + difficulty
        + world.seed * generator.standard_normal((1, world.seeds, 1))
        + world.run * generator.standard_normal((configurations, world.seeds, 1))
        + world.rest * (shared[..., labels] + of_query)
    )
    return Panel(
        ap=ap,
        design=design,
        configurations=tuple(f"configuration {index}" for index in range(configurations)),
        attributes=tuple(f"attribute {index}" for index in range(attributes)),
        seeds=tuple(range(world.seeds)),
        pids=labels,
    )


def coverage(
    world: PanelModel, design: np.ndarray, beta: np.ndarray, *, replications: int, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Share of simulated panels whose intervals contain the truth.

    ``design`` must hold a row without any attribute, the baseline of the gains. Analyses: ``mixed-effects`` (an
    attribute's effect, ``mixed_effects.effects``), ``paper-glm`` (the same effects from one seed's table,
    ``mixed_effects.naive_effects``), ``rows-independent`` (ordinary least squares on every run and query),
    ``bootstrap-pointwise`` and ``bootstrap-simultaneous`` (gains over the baseline; simultaneous counts a panel as
    covered only where all its intervals are).

    Returns:
        analysis, intervals (number judged), covered (share), std_err of the share, mean_width in mAP points.

    Raises:
        InputError: fewer than 10 replications, a seed or level out of range, no row without attributes, or as
            ``simulate``.
    """
    replications = whole_number(replications, "replications", least=10, most=1_000_000, hint=" (1,000 for a report)")
    level = share(level, "the level of an interval")
    design, beta = _truth(design, beta)
    empty = np.flatnonzero(design.sum(axis=1) == 0)
    if not len(empty):
        raise InputError("the design has no configuration without attributes; the gains need it as their baseline")
    truth = 100.0 * beta[1:]
    true_gains = np.delete(design @ truth, empty[0])
    generator = np.random.default_rng(seed_of(seed))
    hits: dict[str, list[np.ndarray]] = {}
    widths: dict[str, list[float]] = {}

    def judge(analysis: str, low: np.ndarray, high: np.ndarray, target: np.ndarray, *, together: bool = False) -> None:
        inside = (low <= target) & (target <= high)
        hits.setdefault(analysis, []).append(np.atleast_1d(inside.all()) if together else inside)
        widths.setdefault(analysis, []).append(float((high - low).mean()))

    for _ in tqdm(range(replications), desc="coverage", unit="panel", disable=None):
        panel = simulate(world, design, beta, generator)
        robust = effects(fit(panel), margin=1.0, level=level)
        judge("mixed-effects", robust["ci_low"].to_numpy(), robust["ci_high"].to_numpy(), truth)
        naive = naive_effects(panel, level=level)
        judge("paper-glm", naive["ci_low"].to_numpy(), naive["ci_high"].to_numpy(), truth)
        judge("rows-independent", *rows_independent(panel, level), truth)
        name = panel.configurations[empty[0]]
        gain = gains(panel, baseline=name, draws=1000, seed=int(generator.integers(2**31)), level=level)
        judge("bootstrap-pointwise", gain["ci_low"].to_numpy(), gain["ci_high"].to_numpy(), true_gains)
        judge(
            "bootstrap-simultaneous",
            gain["sim_low"].to_numpy(),
            gain["sim_high"].to_numpy(),
            true_gains,
            together=True,
        )
    rows = []
    for analysis, inside in hits.items():
        shares = np.array([panel_hits.mean() for panel_hits in inside])
        rows.append(
            {
                "analysis": analysis,
                "intervals": int(sum(map(len, inside))),
                "covered": shares.mean(),
                # Panels are independent, the intervals within one are not.
                "std_err": shares.std(ddof=1) / np.sqrt(len(shares)),
                "mean_width": float(np.mean(widths[analysis])),
            }
        )
    return pd.DataFrame(rows)


def rows_independent(panel: Panel, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Intervals (A,), (A,) in mAP points of ordinary least squares with every run and query as a row of its own."""
    configurations, seeds, queries = panel.ap.shape
    design = np.column_stack([np.ones(configurations), panel.design])
    inverse = np.linalg.pinv(design)
    ap = 100.0 * panel.ap
    beta = inverse @ ap.mean(axis=(1, 2))
    residual = ap - (design @ beta)[:, None, None]
    variance = (residual**2).sum() / (ap.size - len(beta))
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance * np.diag(inverse @ inverse.T) / (seeds * queries))
    return (beta - half)[1:], (beta + half)[1:]


def _truth(design: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    design, beta = array(design, "a design", axes=2), array(beta, "effects", axes=1)
    if len(beta) != design.shape[1] + 1:
        raise InputError(
            f"got {len(beta)} effects for {design.shape[1]} attributes; expected an intercept and one of each"
        )
    return design, beta
