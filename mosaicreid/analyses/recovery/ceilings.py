"""What keeps an estimator from the truth, step by step: design, saturation, noise, and what bits do not say."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.recovery.components import METHOD, Model, Noise, model_of
from mosaicreid.analyses.recovery.decision import LOSSES
from mosaicreid.analyses.recovery.estimates import rho, world_estimates
from mosaicreid.analyses.recovery.worlds import Training

# Simulated worlds per world. Their mean is averaged over a dozen worlds, and forests take time.
DRAWS = 10
# Points of mAP from the baseline to all attributes on a straight line; no ranking depends on how many.
_STRAIGHT = 10.0


def ceilings(
    trainings: Sequence[Training], noise: Mapping[str, Noise], *, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """Rank correlations with the truth on scores that are made, a row per world and importance (retrained rows).

    Mixed effects are the GLM's where every configuration has as many runs, so that they have no row.

    Args:
        noise: of trainings, by dataset.

    Returns:
        dataset, cell, world, importance, straight (scores a straight line in the bits), curve (on the world's
        saturating curve), noisy (mean over draws of noise on the curve), observed; and the losses design, saturation,
        noise and rest: 1 less straight, and each less the next; all four missing where the nearest curve is flat, on
        which nothing can be ranked.

    Raises:
        InputError: as ``world_estimates`` and ``model_of``.
    """
    rows = []
    for training in trainings:
        model = model_of(training, noise[training.cell.dataset])
        generator = np.random.default_rng([seed, training.draw.world])
        bits = training.design @ model.truth
        line = 50 + _STRAIGHT * bits / bits.max()
        steps = {
            "straight": _rhos(training, line),
            "curve": _rhos(training, model.curve(bits)),
            "noisy": pd.DataFrame([_rhos(training, _noisy(training, model, generator)) for _ in range(draws)]).mean(),
            "observed": _rhos(training, training.scores[METHOD]),
        }
        found = pd.DataFrame(steps).rename_axis("importance").reset_index()
        known = found[list(steps)].notna().all(axis=1)
        for name, before, after in zip(LOSSES, ("", "straight", "curve", "noisy"), (*steps,), strict=True):
            found[name] = ((1 if not before else found[before]) - found[after]).where(known)
        found.insert(0, "world", training.draw.world)
        found.insert(0, "cell", training.cell.name)
        found.insert(0, "dataset", training.cell.dataset)
        rows.append(found)
    return pd.concat(rows, ignore_index=True)


def _rhos(training: Training, scores: NDArray[np.float64]) -> pd.Series:
    if np.ptp(scores) == 0:
        return pd.Series(dtype=float)
    found = world_estimates(training, METHOD, scores)
    return pd.Series({str(name): rho(column.to_numpy(float), training.truth) for name, column in found.items()})


def _noisy(training: Training, model: Model, generator: np.random.Generator) -> NDArray[np.float64]:
    people = model.people_root @ generator.standard_normal(len(model.truth))
    seed = model.noise.seed * generator.standard_normal(len(model.truth))
    rows = model.noise.row * generator.standard_normal(len(training.design))
    # A little short of 100, where there is no shortfall left.
    return np.minimum(model.curve(training.design @ model.truth) + training.design @ (people + seed) + rows, 99.99)
