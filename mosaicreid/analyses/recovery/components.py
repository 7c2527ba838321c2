"""What the scores of a world are made of: a curve in the hidden bits, and the noise of people and of training runs.

    score(x) = base + S * (1 - exp(-k * bits(x))) + x' (delta + eta + zeta) + row

for a configuration x whose attributes hide ``bits(x)`` in all: S is what there is to gain at most, k how fast; delta
what the effects owe to anything but hidden bits; eta the error of the effects that comes from having these test people
and no others, which neither more rows nor more seeds make smaller; zeta the error that comes from one training of the
baseline, the same in all rows of a seed; ``row`` the error of one training of experts, independent between rows and
seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize

from mosaicreid.analyses.recovery.estimates import effect_matrix, mixed_effects
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
class Noise:
    """What trainings vary by, in points of mAP: ``row`` (SD of one row's score), ``seed`` (SD of an attribute's effect
    in all rows of one seed), ``part`` (SD of one row's score on one of the groups of people, beyond ``row``'s)."""

    row: float
    seed: float
    part: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """One world as it is simulated: ``truth`` (A,) bits, its curve, ``offset`` (A,) delta in points of mAP, ``people``
    (A, A) the covariance of effects that comes from the test people, and the noise of trainings."""

    truth: NDArray[np.float64]
    curve: Curve
    offset: NDArray[np.float64]
    people: NDArray[np.float64]
    noise: Noise

    @property
    def people_root(self) -> NDArray[np.float64]:
        """A root (A, A) of ``people``: times standard normal numbers, it gives errors of that covariance."""
        values, vectors = np.linalg.eigh(self.people)
        root: NDArray[np.float64] = vectors * np.sqrt(np.clip(values, 0, None))
        return root


def model_of(training: Training, noise: Noise) -> Model:
    """The model of one world.

    ``people`` is the mixed model's covariance between people less what one row's training does to single groups of
    people, which is in it and in ``noise.row`` already. ``offset`` are the GLM's effects less those of the curve,
    scaled down to the variance over attributes that noise does not explain.

    Raises:
        InputError: as ``fit_curve`` and ``mixed_effects.fit``.
    """
    curve = fit_curve(training.design @ training.truth, training.scores[METHOD])
    matrix = effect_matrix(training.design)
    independent = matrix @ matrix.T
    between = mixed_effects(training, METHOD).covariance_identities[1:, 1:]
    people = _positive(between - noise.part**2 / training.groups[METHOD].shape[1] * independent)
    left = matrix @ training.scores[METHOD] - matrix @ curve(training.design @ training.truth)
    error = np.trace(people) + noise.row**2 * np.trace(independent) + len(left) * noise.seed**2
    square = float(left @ left)
    kept = np.sqrt(max(0.0, square - error) / square) if square > 0 else 0.0
    return Model(truth=training.truth, curve=curve, offset=kept * left, people=people, noise=noise)


def _positive(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the negative eigenvalues that a difference of estimates can have, at the same trace, which without them
    alone would be too large; nothing where it is not positive."""
    values, vectors = np.linalg.eigh(covariance)
    kept = np.clip(values, 0, None)
    kept *= max(0.0, values.sum()) / kept.sum() if kept.any() else 0.0
    found: NDArray[np.float64] = (vectors * kept) @ vectors.T
    return found


def noise_of_runs(trainings: Sequence[Training]) -> dict[str, Noise]:
    """What trainings vary by, by dataset, from worlds that were trained more than once with the same configurations.

    Between the seeds of a world, scores differ by what a seed does to every row alike (which moves no effect and is
    left out), to all rows with an attribute, and to single rows: the first two are the fit of an intercept and the
    attributes to the differences, the last the residual, whose variance the effects' own is rid of. The same residual
    within groups of people, less that of their mean, is ``part``.

    Raises:
        InputError: a dataset without a world that was trained twice with configurations that tell all effects, and
            more of them than effects.
    """
    worlds: dict[tuple[str, int], list[Training]] = {}
    for training in trainings:
        worlds.setdefault((training.cell.dataset, training.draw.world), []).append(training)
    pooled = {dataset: np.zeros(7) for dataset, _ in worlds}
    for (dataset, _), runs in worlds.items():
        pooled[dataset] += _between_seeds(runs)
    for dataset, sums in pooled.items():
        if not sums[1]:
            raise InputError(
                f"no world of {dataset} was trained twice with all its rows; expected one at least (a cell with "
                "first_seed = 1): what a row's score and an attribute's effect vary by is not known without"
            )
    return {dataset: _noise(*sums.tolist()) for dataset, sums in pooled.items()}


def _between_seeds(runs: Sequence[Training]) -> NDArray[np.float64]:
    """Sums over the seeds of one world: squares of the rows' residuals and their degrees of freedom; squares of the
    effects' differences, what independent rows give them per variance, and their degrees of freedom; squares of the
    residuals within groups of people, and their degrees of freedom. Zeros where the rows in common do not tell."""
    common = [name for name in runs[0].configurations if all(name in run.configurations for run in runs)]
    rows = [[run.configurations.index(name) for name in common] for run in runs]
    design = runs[0].design[rows[0]]
    terms = np.column_stack([np.ones(len(design)), design])
    seeds, spare = len(runs) - 1, len(terms) - terms.shape[1]
    if seeds < 1 or spare < 1 or np.linalg.matrix_rank(terms) < terms.shape[1]:
        return np.zeros(7)
    scores = np.stack([run.scores[METHOD][own] for run, own in zip(runs, rows, strict=True)], axis=1)
    parts = np.stack([run.groups[METHOD][own] for run, own in zip(runs, rows, strict=True)], axis=1)
    moved = scores - scores.mean(axis=1, keepdims=True)
    within = parts - parts.mean(axis=2, keepdims=True)
    within -= within.mean(axis=1, keepdims=True)
    matrix = effect_matrix(design)
    return np.array(
        [
            (_residual(terms, moved) ** 2).sum(),
            seeds * spare,
            ((matrix @ moved) ** 2).sum(),
            seeds * np.trace(matrix @ matrix.T),
            seeds * design.shape[1],
            (_residual(terms, within.reshape(len(terms), -1)) ** 2).sum(),
            seeds * spare * (parts.shape[2] - 1),
        ]
    )


def _noise(
    rows: float, rows_df: float, moved: float, per_variance: float, moved_df: float, parts: float, parts_df: float
) -> Noise:
    """The noise that sums of ``_between_seeds`` say."""
    row = rows / rows_df
    seed = max(0.0, moved - row * per_variance) / moved_df
    return Noise(row=math.sqrt(row), seed=math.sqrt(seed), part=math.sqrt(parts / parts_df))


def _residual(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a least-squares fit of ``terms`` (C, K) leaves of ``values`` (C, N)."""
    left: NDArray[np.float64] = values - terms @ (np.linalg.pinv(terms) @ values)
    return left


def component_table(trainings: Sequence[Training], noise: Mapping[str, Noise]) -> pd.DataFrame:
    """What scores are made of, a row per world.

    Returns:
        dataset, cell, world, base, most, speed, r2, rest_sd (see ``Curve``), gain_sd (SD over attributes of the GLM's
        effects), offset_sd (of what they owe to anything but hidden bits), people_se (root mean square standard error
        of effects that comes from test people), row_sd and seed_sd (of its dataset, see ``Noise``), row_se (root mean
        square standard error of effects that comes from rows).
    """
    rows = []
    for training in trainings:
        model = model_of(training, noise[training.cell.dataset])
        curve, matrix = model.curve, effect_matrix(training.design)
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
                "gain_sd": float((matrix @ training.scores[METHOD]).std(ddof=1)),
                "offset_sd": float(model.offset.std(ddof=1)),
                "people_se": float(np.sqrt(np.diag(model.people).mean())),
                "row_sd": model.noise.row,
                "seed_sd": model.noise.seed,
                "row_se": model.noise.row * float(np.sqrt((matrix**2).sum(axis=1).mean())),
            }
        )
    return pd.DataFrame(rows)
