"""The intervals that pages make of the per-query results of runs, on one simulated panel, beside what is true.

Every interval comes from the function that makes the printed one. A panel holds the rows of Table 3 and, on the same
people and seeds, more: labels added to the score of the baseline and of the model with all experts, that model trained
once more, and runs of random sets of attributes, which Table 3 does not have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.analyses.coverage.regimes import Regime
from mosaicreid.analyses.coverage.tally import Intervals
from mosaicreid.analyses.oracle.tables import Answers, control_table, split_table
from mosaicreid.analyses.robust.contrasts import contrast_weights
from mosaicreid.statistics import estimators
from mosaicreid.statistics.bootstrap import gains, paired_mean
from mosaicreid.statistics.caveats import t_against_z
from mosaicreid.statistics.contrasts import combine
from mosaicreid.statistics.mixed_effects import effects, fit, naive_effects
from mosaicreid.statistics.panel import Panel
from mosaicreid.statistics.simulation import PanelModel, expected_scores, simulate

LEVEL = 0.95
_SETS = 10
_SCORE = "score"


@dataclass(frozen=True, kw_only=True)
class Study:
    """One dataset's design and what is true of it.

    ``names`` (C,) and ``design`` (C, A): Table 3's rows, among them one without attributes and one with all.
    """

    regime: Regime
    names: tuple[str, ...]
    design: NDArray[np.float64]
    draws: int = 1000

    @property
    def empty(self) -> int:
        """Row of Table 3 without attributes."""
        return int(self.design.sum(axis=1).argmin())

    @property
    def full(self) -> int:
        """Row of Table 3 with most attributes."""
        return int(self.design.sum(axis=1).argmax())

    def rows(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """(C + 3 + sets, A + 2): Table 3, the baseline with labels, all with labels, all again, random sets."""
        chosen = generator.integers(0, 2, (_SETS, self.design.shape[1]))
        more = [self.design[self.empty], self.design[self.full], self.design[self.full], *chosen]
        added = np.zeros((len(self.design) + len(more), 2))
        added[len(self.design), 0] = added[len(self.design) + 1, 1] = 1
        return np.column_stack([np.vstack([self.design, *more]), added])

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Contrasts (rows) of attributes (columns)."""
        return contrast_weights(self.regime.dataset)

    def projection(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(A + 1,) least-squares effects on the ``scores`` (C,) of Table 3's rows, intercept first."""
        effects: NDArray[np.float64] = np.linalg.pinv(np.column_stack([np.ones(len(scores)), self.design])) @ scores
        return effects

    @property
    def beta(self) -> NDArray[np.float64]:
        """(A + 3,) latent effects of the columns of ``rows``, intercept first."""
        return np.array([*self.regime.beta, self.regime.labels, self.regime.given_labels])


def judge_panel(study: Study, world: PanelModel, generator: np.random.Generator) -> dict[tuple[str, str], Intervals]:
    """Every interval of one simulated panel, by analysis and metric."""
    rows = study.rows(generator)
    panel = simulate(world, rows, study.beta, generator)
    found = {}
    for metric, hit in {"mAP": None, "rank1": study.regime.hit}.items():
        scored = panel if hit is None else replace(panel, ap=(panel.ap > hit).astype(float))
        truth = expected_scores(world, rows, study.beta, hit=hit)
        for name, intervals in _judge(study, scored, truth, generator).items():
            found[name, metric] = intervals
        if hit is None and world.seeds > 1:
            found |= {(name, metric): intervals for name, intervals in _of_tables(study, scored, truth).items()}
    return found


def judge_models(study: Study, world: PanelModel, generator: np.random.Generator) -> dict[tuple[str, str], Intervals]:
    """Intervals of one seed, which speak of these very models: people are drawn anew, and nothing of training is."""
    still = replace(world, seeds=1, seed=0.0, seed_slopes=0.0, run=0.0)
    rows = study.rows(generator)
    panel = simulate(still, rows, study.beta, generator)
    return {("control-difference", "mAP"): _paired(study, panel, expected_scores(still, rows, study.beta))[1]}


def _judge(
    study: Study, panel: Panel, truth: NDArray[np.float64], generator: np.random.Generator
) -> dict[str, Intervals]:
    table = _only(panel, study)
    means = truth[: len(study.design)]
    target = study.projection(means)[1:]
    fitted = fit(table)
    single = effects(fitted, margin=None)
    kinds = effects(combine(fitted, study.weights), margin=None)
    gain = gains(table, baseline=study.names[study.empty], draws=study.draws, seed=int(generator.integers(2**31)))
    true_gain = np.delete(means - means[study.empty], study.empty)
    found = {
        "mixed-effects": _of(single, "effect", "ci_low", "ci_high", target),
        "contrasts": _of(kinds, "effect", "ci_low", "ci_high", study.weights.to_numpy() @ target),
        "bootstrap-pointwise": _of(gain, "gain", "ci_low", "ci_high", true_gain),
        "bootstrap-simultaneous": replace(_of(gain, "gain", "sim_low", "sim_high", true_gain), together=True),
    }
    naive = naive_effects(table)
    found["paper-glm"] = _of(naive, "effect", "ci_low", "ci_high", target)
    if len(panel.seeds) == 1:
        return found
    score, difference, split = _paired(study, panel, truth)
    found |= {"control-score": score, "control-difference": difference} | split
    found["rows-independent"] = rows_independent(table, target)
    return found


def _only(panel: Panel, study: Study) -> Panel:
    """Table 3's rows and attributes of the whole panel."""
    count, attributes = study.design.shape
    return replace(
        panel,
        ap=panel.ap[:count],
        design=panel.design[:count, :attributes],
        configurations=study.names,
        attributes=tuple(study.weights.columns),
    )


def _paired(
    study: Study, panel: Panel, truth: NDArray[np.float64]
) -> tuple[Intervals, Intervals, dict[str, Intervals]]:
    """What the oracle's tables say of scores, of differences to the baseline, and of how the gain divides; and what is
    said of a variant: here the model with all experts trained once more, against itself."""
    count = len(study.design)
    at = {"baseline": study.empty, "oracle": study.full, "fusion-crossfit": count, "oracle-fusion-crossfit": count + 1}
    answers = Answers(
        points={(name, 0.0): 100 * panel.ap[row] for name, row in at.items()},
        pids={(name, 0.0): panel.pids for name in at},
        seeds=panel.seeds,
    )
    controls = control_table(answers, metric=_SCORE)
    true = truth[controls["control"].map(at)]
    apart = controls["control"] != "baseline"
    split = split_table(answers)
    true_points = truth[split["minuend"].map(at)] - truth[split["subtrahend"].map(at)]
    given = split["split"] == "given-labels"
    again = paired_mean(100 * (panel.ap[count + 2] - panel.ap[study.full]), panel.pids)
    return (
        _of(controls, _SCORE, "ci_low", "ci_high", true),
        _of(controls[apart], "difference", "difference_low", "difference_high", true[apart] - truth[study.empty]),
        {
            "given-labels": _of(split[given], "points", "ci_low", "ci_high", true_points[given]),
            "variants": Intervals(
                estimate=np.array(again[:1]), low=np.array(again[1:2]), high=np.array(again[2:]), target=np.zeros(1)
            ),
        },
    )


def _of_tables(study: Study, panel: Panel, truth: NDArray[np.float64]) -> dict[str, Intervals]:
    """What the paper's estimator says of a table of scores: of the first seed's, as a paper prints it, and of the mean
    over seeds."""
    target = study.projection(truth[: len(study.design)])
    names, score = list(study.weights.columns), 100 * panel.ap.mean(axis=2)
    count = len(study.design)
    frames = [
        pd.DataFrame(study.design, columns=names).assign(**{_SCORE: scores})
        for scores in (score[:count, 0], score[:count].mean(axis=1))
    ]
    glm, of_means = (estimators.fit_glm(frame, names, _SCORE) for frame in frames)
    student = t_against_z(glm, count).join(glm["coef"]).loc[names]
    covariance = _square(estimators.glm_covariance(frames[0], names, _SCORE), list(glm.index))
    rest = estimators.glm_residual(frames[0], names, _SCORE)
    sets = np.column_stack([np.ones(_SETS), panel.design[count + 3 :, : len(names)]])
    predicted = sets @ glm["coef"].to_numpy()
    spread = np.sqrt(np.einsum("ij,jk,ik->i", sets, covariance, sets) + rest["residual_variance"])
    half = np.asarray(rest["t_quantile"] * spread, dtype=float)
    return {
        "paper-glm-t": _of(student, "coef", "t_low", "t_high", target[1:]),
        "glm-of-means": _of(of_means.loc[names], "coef", "ci_low", "ci_high", target[1:]),
        "glm-intercept": _of(glm.loc[["Intercept"]], "coef", "ci_low", "ci_high", target[:1]),
        **{
            name: Intervals(
                estimate=predicted, low=predicted - half, high=predicted + half, target=score[count + 3 :, seed]
            )
            for name, seed in {"prediction": 0, "prediction-other-seed": 1}.items()
        },
    }


def rows_independent(panel: Panel, target: NDArray[np.float64]) -> Intervals:
    """Ordinary least squares with every run and query as a row of its own, in mAP points: what no page prints."""
    configurations, seeds, queries = panel.ap.shape
    design = np.column_stack([np.ones(configurations), panel.design])
    inverse = np.linalg.pinv(design)
    ap = 100.0 * panel.ap
    beta = inverse @ ap.mean(axis=(1, 2))
    residual = ap - (design @ beta)[:, None, None]
    variance = (residual**2).sum() / (ap.size - len(beta))
    half = stats.norm.ppf(0.5 + LEVEL / 2) * np.sqrt(variance * np.diag(inverse @ inverse.T) / (seeds * queries))
    return Intervals(estimate=beta[1:], low=(beta - half)[1:], high=(beta + half)[1:], target=target)


def _square(covariance: pd.DataFrame, terms: list[str]) -> NDArray[np.float64]:
    wide = covariance.pivot_table(index="term", columns="other", values="covariance").loc[terms, terms].to_numpy()
    return np.where(np.isnan(wide), wide.T, wide)


def _of(
    table: pd.DataFrame | Mapping[str, object], estimate: str, low: str, high: str, target: NDArray[np.float64]
) -> Intervals:
    middle, ends = np.asarray(table[estimate], float), [np.asarray(table[name], float) for name in (low, high)]
    return Intervals(estimate=middle, low=ends[0], high=ends[1], target=target)
