"""Every estimator's importances from the scores of one world's configurations, and how they rank beside its truth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from mosaicreid.analyses.experiment.known_truth import gains_alone
from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.analyses.recovery.worlds import Training
from mosaicreid.errors import InputError
from mosaicreid.statistics.design_matrix import check_design
from mosaicreid.statistics.mixed_effects import Fit, fit
from mosaicreid.statistics.panel import Panel

# The paper's, which the rules call primary.
PRIMARY = "glm"
# The importance that mends saturation: effects on the logarithm of what is left to gain.
LOGARITHM = "glm_log"


def estimates(table: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    """Importances (columns) of the attributes (index) from a table of experiments; large for what matters.

    ``glm`` is fitted by least squares, which gives the GLM's coefficients also where no residual is left; ``glm_log``
    likewise to the negative logarithm of the shortfall 100 - mAP, which is additive where every attribute removes a
    share of what the others left; ``alone`` is an attribute's own row over the baseline's (NaN without one). All others
    are those of ``analyses.importance.estimators``.

    Raises:
        InputError: as ``check_design``; a score of 100 mAP, of whose shortfall there is no logarithm.
    """
    design, scores = check_design(table, attributes, "mAP")
    if scores.max() >= 100:
        raise InputError(f"a configuration scores {scores.max():g} mAP; expected less than 100, or nothing is left")
    found = {
        PRIMARY: effects(design.to_numpy(), scores.to_numpy()),
        LOGARITHM: effects(design.to_numpy(), -np.log(100 - scores.to_numpy())),
        "alone": gains_alone(table, list(attributes)).to_numpy(),
    }
    others = [
        one.by_attribute(one.estimate(table, attributes, "mAP")).loc[list(attributes)]
        for one in ESTIMATORS
        if one.name != PRIMARY
    ]
    return pd.concat([pd.DataFrame(found, index=list(attributes)), *others], axis=1).rename_axis("attribute")


def effects(design: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares effects (A, ...) of 0/1 columns (C, A) on scores (C, ...), beside an intercept."""
    return effect_matrix(design) @ scores


def effect_matrix(design: NDArray[np.float64]) -> NDArray[np.float64]:
    """(A, C): what takes scores to the effects of the columns of a design (C, A)."""
    matrix: NDArray[np.float64] = np.linalg.pinv(np.column_stack([np.ones(len(design)), design]))[1:]
    return matrix


def mixed_effects(training: Training, method: str) -> Fit:
    """The package's mixed model on the groups of people, which stand for its queries and people at once.

    Raises:
        InputError: as ``mixed_effects.fit``.
    """
    parts = training.groups[method]
    panel = Panel(
        ap=parts[:, None] / 100,
        design=training.design,
        configurations=training.configurations,
        attributes=training.attributes,
        seeds=(training.draw.seed,),
        pids=np.arange(parts.shape[1]),
    )
    return fit(panel)


def rho(importance: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Spearman's rho over the attributes that have an importance; NaN where either ranking is constant."""
    known = ~np.isnan(importance)
    first, second = importance[known], truth[known]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    # Without the last digits, in which 1 and what is computed of it differ.
    return round(float(stats.spearmanr(first, second).statistic), 12)


def pearson(importance: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Pearson's correlation over the attributes that have an importance; NaN where either is constant."""
    known = ~np.isnan(importance)
    first, second = importance[known], truth[known]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return round(float(np.corrcoef(first, second)[0, 1]), 12)


def world_rhos(trainings: Sequence[Training]) -> pd.DataFrame:
    """A row per world, method and importance.

    Returns:
        dataset, cell, world, method, importance, rho (with the hidden bits), pearson (likewise), rho_entropy (with the
        labels' entropy), rho_unread (with the bits that heads leave unread), rho_halves (between what the one half of
        the groups of test people say and the other), attributes (that have this importance).

    Raises:
        InputError: as ``estimates``, and names the world.
    """
    rows = []
    for training in trainings:
        for method, parts in training.groups.items():
            halves = [
                world_estimates(training, method, part.mean(axis=1))
                for part in np.array_split(parts, 2, axis=1)  # as good as at random: people were dealt to groups
            ]
            for name, column in world_estimates(training, method).items():
                values = column.to_numpy(float)
                first, second = (
                    np.asarray(half[name] if name in half else np.full(len(half), np.nan), float) for half in halves
                )
                rows.append(
                    {
                        "dataset": training.cell.dataset,
                        "cell": training.cell.name,
                        "world": training.draw.world,
                        "method": method,
                        "importance": name,
                        "rho": rho(values, training.truth),
                        "pearson": pearson(values, training.truth),
                        "rho_entropy": rho(values, training.entropy),
                        "rho_unread": rho(values, training.unread),
                        "rho_halves": rho(first, second),
                        "attributes": int((~np.isnan(values)).sum()),
                    }
                )
    return pd.DataFrame(rows)


def world_estimates(training: Training, method: str, scores: NDArray[np.float64] | None = None) -> pd.DataFrame:
    """``estimates`` of one world's own scores, with ``mixed_effects``, or of others (C,) in their place, without.

    Raises:
        InputError: as ``estimates`` and ``mixed_effects``, and names the world.
    """
    try:
        if scores is not None:
            return estimates(training.table(scores), training.attributes)
        found = estimates(training.table(training.scores[method]), training.attributes)
        return found.assign(mixed_effects=mixed_effects(training, method).beta[1:])
    except InputError as error:
        raise InputError(f"{training.name}, {method}: {error}") from error
