"""Is switching the experts of one trained model off as good as training a model for every row?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mosaicreid.analyses.recovery.decision import as_good, over_worlds
from mosaicreid.analyses.recovery.estimates import effects, rho
from mosaicreid.analyses.recovery.worlds import Training

# What is said of worlds -> the bound of its interval: correlations, their difference, and a ratio of times.
QUANTITIES = dict.fromkeys(("rows", "effects", "retrain_truth", "ablation_truth"), 1.0) | {
    "difference": 2.0,
    "cost": np.inf,
}


def switched_worlds(trainings: Sequence[Training]) -> pd.DataFrame:
    """Both ways beside each other in every world.

    Returns:
        dataset, cell, world, rows (rho of the configurations' scores, without the baseline), effects (rho of the GLM's
        effects), retrain_truth and ablation_truth (rho of those with the hidden bits), difference (ablation less
        retrain), retrain_seconds and ablation_seconds (processor time without the baseline, which both need; the latter
        with training the one model), cost (their ratio, retrain over ablation).
    """
    rows = []
    for training in trainings:
        retrain, ablation = (training.scores[method] for method in ("retrain", "ablation"))
        first, second = (effects(training.design, scores) for scores in (retrain, ablation))
        truths = rho(first, training.truth), rho(second, training.truth)
        seconds = training.took["retrain"], training.took["ablation"] + training.shared
        rows.append(
            {
                "dataset": training.cell.dataset,
                "cell": training.cell.name,
                "world": training.draw.world,
                "rows": rho(ablation[1:], retrain[1:]),
                "effects": rho(second, first),
                "retrain_truth": truths[0],
                "ablation_truth": truths[1],
                "difference": truths[1] - truths[0],
                "retrain_seconds": seconds[0],
                "ablation_seconds": seconds[1],
                "cost": seconds[0] / seconds[1] if seconds[1] > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def switched_table(worlds: pd.DataFrame) -> pd.DataFrame:
    """Means over the worlds of each dataset: dataset, quantity (of ``QUANTITIES``), mean, sd, low, high, worlds, and
    verdict (rule 4, in every row of its dataset).

    Raises:
        InputError: fewer than two worlds.
    """
    rows = []
    for dataset, own in worlds.groupby("dataset", sort=False):
        found = {
            name: over_worlds(own[name].to_numpy(float), what=f"{name} of switching off in {dataset}", bound=bound)
            for name, bound in QUANTITIES.items()
        }
        verdict = as_good(found["difference"])
        rows += [{"dataset": dataset, "quantity": name, **one, "verdict": verdict} for name, one in found.items()]
    return pd.DataFrame(rows)
