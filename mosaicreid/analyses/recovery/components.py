"""What the scores of a world are made of: a curve in the hidden bits, and the noise of people and of training runs.

    score(x) = base + S * (1 - exp(-k * bits(x))) + x' eta + run

for a configuration x whose attributes hide ``bits(x)`` in all: S is what there is to gain at most, k how fast; eta the
error of the attributes' effects that comes from having these test people and no others, with the covariance that the
mixed model estimates, which neither more rows nor more seeds make smaller; ``run`` the error of one training,
independent between rows and seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from mosaicreid.analyses.recovery.estimates import mixed_effects
from mosaicreid.analyses.recovery.worlds import Training
from mosaicreid.errors import InputError

METHOD = "retrain"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """``base`` percent, ``most`` points (S), ``speed`` per bit (k); ``r2`` of the configurations' scores, ``rest_sd``
    of what it leaves of them, points, by the degrees of freedom that three parameters leave."""

    base: float
    most: float
    speed: float
    r2: float
    rest_sd: float

    def __call__(self, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores in percent at hidden bits of any shape."""
        return self.base - self.most * np.expm1(-self.speed * bits)


def fit_curve(bits: NDArray[np.float64], scores: NDArray[np.float64]) -> Curve:
    """The saturating curve nearest to scores (C,) in percent at hidden bits (C,).

    It never exceeds 100, and never falls. Scores that do not saturate at all have a large ``most`` and a small
    ``speed``.

    Raises:
        InputError: fewer than four scores.
    """
    if len(scores) < 4:
        raise InputError(f"got {len(scores)} scores for a curve of three parameters; expected at least four")
    reach = float(bits.max()) or 1.0
    start = np.array([scores.min(), max(float(np.ptp(scores)), 1e-3), 1 / reach])

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        base, share, speed = parameters
        left: NDArray[np.float64] = scores - (base - share * (100 - base) * np.expm1(-speed * bits))
        return left

    # By the share of the shortfall, so that the curve ends at 100 at most wherever it begins.
    start[1] = min(0.99, start[1] / max(100 - start[0], 1e-3))
    lower, upper = np.array([0.0, 0.0, 1e-4 / reach]), np.array([100.0, 1.0, 50 / reach])
    found = optimize.least_squares(residual, np.clip(start, lower + 1e-9, upper - 1e-9), bounds=(lower, upper))
    base, share, speed = found.x.tolist()
    left = residual(found.x)
    total = float(((scores - scores.mean()) ** 2).sum())
    return Curve(
        base=base,
        most=share * (100 - base),
        speed=speed,
        r2=1 - float(left @ left) / total if total > 0 else float("nan"),
        rest_sd=float(np.sqrt(left @ left / (len(scores) - 3))),
    )


@dataclass(frozen=True, kw_only=True)
class Model:
    """One world as it is simulated: ``truth`` (A,) bits, its curve, ``people`` (A, A) the covariance of effects that
    comes from the test people, and the SD of one run, both in points of mAP."""

    truth: NDArray[np.float64]
    curve: Curve
    people: NDArray[np.float64]
    run_sd: float

    @property
    def people_root(self) -> NDArray[np.float64]:
        """A root (A, A) of ``people``: times standard normal numbers, it gives errors of that covariance."""
        values, vectors = np.linalg.eigh(self.people)
        root: NDArray[np.float64] = vectors * np.sqrt(np.clip(values, 0, None))
        return root


def model_of(training: Training, *, run_sd: float) -> Model:
    """The model of one world.

    Raises:
        InputError: as ``fit_curve`` and ``mixed_effects.fit``.
    """
    return Model(
        truth=training.truth,
        curve=fit_curve(training.design @ training.truth, training.scores[METHOD]),
        people=mixed_effects(training, METHOD).covariance_identities[1:, 1:],
        run_sd=run_sd,
    )


def run_sds(trainings: Sequence[Training]) -> dict[str, float]:
    """SD of one run's score by dataset, in points of mAP, from worlds that were trained more than once.

    Configurations times seeds of one world, less the means of both; what a seed does to all configurations alike moves
    no effect and is left out. It holds what the baseline's training does to single attributes, too.

    Raises:
        InputError: a dataset without a world that was trained twice with two configurations in common.
    """
    sums: dict[str, tuple[float, int]] = {}
    worlds: dict[tuple[str, int], list[Training]] = {}
    for training in trainings:
        sums.setdefault(training.cell.dataset, (0.0, 0))
        worlds.setdefault((training.cell.dataset, training.draw.world), []).append(training)
    for (dataset, _), runs in worlds.items():
        common = [name for name in runs[0].configurations if all(name in run.configurations for run in runs)]
        if len(runs) < 2 or len(common) < 2:
            continue
        scores = pd.DataFrame(
            [dict(zip(run.configurations, run.scores[METHOD], strict=True)) for run in runs], columns=common
        ).to_numpy()
        left = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
        square, df = sums[dataset]
        sums[dataset] = square + float((left**2).sum()), df + (len(runs) - 1) * (len(common) - 1)
    for dataset, (_, df) in sums.items():
        if not df:
            raise InputError(
                f"no world of {dataset} was trained twice; expected one at least (a cell with first_seed = 1): "
                "what a run's score varies by is not known without"
            )
    return {dataset: float(np.sqrt(square / df)) for dataset, (square, df) in sums.items()}


def component_table(trainings: Sequence[Training], sds: dict[str, float]) -> pd.DataFrame:
    """What scores are made of, a row per world.

    Returns:
        dataset, cell, world, base, most, speed, r2, rest_sd (see ``Curve``), gain_sd (SD over attributes of the GLM's
        effects), people_se (root mean square standard error of effects that comes from test people), run_sd (of its
        dataset), run_se (root mean square standard error of effects that comes from runs).
    """
    rows = []
    for training in trainings:
        fitted = mixed_effects(training, METHOD)
        curve = fit_curve(training.design @ training.truth, training.scores[METHOD])
        run_sd = sds[training.cell.dataset]
        inverse = np.linalg.pinv(np.column_stack([np.ones(len(training.design)), training.design]))
        rows.append(
            {
                "dataset": training.cell.dataset,
                "cell": training.cell.name,
                "world": training.draw.world,
                "base": curve.base,
                "most": curve.most,
                "speed": curve.speed,
                "r2": curve.r2,
                "rest_sd": curve.rest_sd,
                "gain_sd": float(fitted.beta[1:].std(ddof=1)),
                "people_se": float(np.sqrt(np.diag(fitted.covariance_identities)[1:].mean())),
                "run_sd": run_sd,
                "run_se": run_sd * float(np.sqrt((inverse[1:] ** 2).sum(axis=1).mean())),
            }
        )
    return pd.DataFrame(rows)
