"""What a baseline's features tell of each attribute: heads on half of the test people, scored on the other half."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.oracle.attribute_heads import fit_heads, score_heads
from mosaicreid.analyses.oracle.labels import Codes
from mosaicreid.world.people import World

# Per unit variance of 192 or more correlated features; chosen on the pilots' worlds.
_REGULARISATION = 100.0
_HALVES = 6


def read_attributes(
    query: NDArray[np.floating],
    gallery: NDArray[np.floating],
    codes: tuple[Codes, Codes],
    pids: tuple[NDArray[np.integer], NDArray[np.integer]],
    world: World,
    *,
    seed: int,
) -> pd.DataFrame:
    """Accuracy of linear heads on queries of people that the heads have not seen.

    Args:
        query, gallery: features (Q, D) and (G, D). codes, pids: of both, (Q, A) and (G, A), (Q,) and (G,).
        world: how often an image shows an attribute. seed: of the halves.

    Returns:
        A row per attribute: attribute, accuracy, majority (of the commonest value among these queries), ceiling (the
        best accuracy that one image allows), read: the share of the way from majority to ceiling, 0..1 (below 0 for a
        head worse than the majority; NaN where there is no way).
    """
    people = np.unique(pids[0])
    first = np.random.default_rng([seed, _HALVES]).permutation(people)[: len(people) // 2]
    rows = []
    for half in (first, np.setdiff1d(people, first)):
        # Images of nobody (distractors) have no label, and heads are fitted on labelled images alone.
        heads = fit_heads(
            gallery[~np.isin(pids[1], half)],
            codes[1][~np.isin(pids[1], half)],
            world.schema,
            regularisation=_REGULARISATION,
        )
        tested = np.isin(pids[0], half)
        rows.append(score_heads(heads, query[tested], codes[0][tested]))
    table = pd.concat(rows).groupby("attribute", sort=False)[["accuracy", "majority"]].mean().reset_index()
    table["ceiling"] = [ceiling(np.array(world.priors[name]), world.visibility[name]) for name in table["attribute"]]
    way = (table["ceiling"] - table["majority"]).where(lambda gap: gap > 0)
    return table.assign(read=(table["accuracy"] - table["majority"]) / way)


def ceiling(prior: NDArray[np.floating], visibility: float) -> float:
    """The best accuracy of naming a value from one image: the sum over shown values x of the largest P(t, x)."""
    joint = prior[:, None] * (visibility * np.eye(len(prior)) + (1 - visibility) * prior)
    return float(joint.max(axis=0).sum())
