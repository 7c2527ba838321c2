"""What a baseline's features tell of each attribute, read by heads on images of people whom they are not tested on."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.oracle.labels import Codes
from mosaicreid.labels.heads import fit_heads, score_heads
from mosaicreid.world.people import World

_HALVES = 6


def read_attributes(
    train: tuple[NDArray[np.floating], Codes],
    query: tuple[NDArray[np.floating], Codes, NDArray[np.integer]],
    gallery: tuple[NDArray[np.floating], Codes, NDArray[np.integer]],
    world: World,
    *,
    seed: int,
) -> pd.DataFrame:
    """Accuracy of linear heads on queries of half of the test people.

    A head learns from the training people, whom the encoder knows too well, and from the gallery's images of the other
    half of the test people, of whom there are few: either alone reads less.

    Args:
        train: features (N, D) and codes (N, A). query, gallery: features, codes and identities of each image.
        world: how often an image shows an attribute. seed: of the halves.

    Returns:
        A row per attribute: attribute, accuracy, majority (of the commonest value among these queries), unread_bits
        (H(label | predicted label)), ceiling (the best accuracy that one image allows), read: the share of the way from
        majority to ceiling, 0..1 (below 0 for a head worse than the majority; NaN where there is no way).
    """
    people = np.unique(query[2])
    first = np.random.default_rng([seed, _HALVES]).permutation(people)[: len(people) // 2]
    rows = []
    for half in (first, np.setdiff1d(people, first)):
        # Images of nobody (distractors) have no label, and heads are fitted on labelled images alone.
        learnt = ~np.isin(gallery[2], half)
        features = np.concatenate([train[0], gallery[0][learnt]])
        codes = np.concatenate([train[1], gallery[1][learnt]])
        heads = fit_heads(features, codes, world.schema)
        tested = np.isin(query[2], half)
        rows.append(score_heads(heads, query[0][tested], query[1][tested]))
    means = pd.concat(rows).groupby("attribute", sort=False)[["accuracy", "majority", "unread_bits"]].mean()
    table = means.reset_index()
    table["ceiling"] = [ceiling(np.array(world.priors[name]), world.visibility[name]) for name in table["attribute"]]
    way = (table["ceiling"] - table["majority"]).where(lambda gap: gap > 0)
    return table.assign(read=(table["accuracy"] - table["majority"]) / way)


def ceiling(prior: NDArray[np.floating], visibility: float) -> float:
    """The best accuracy of naming a value from one image: the sum over shown values x of the largest P(t, x)."""
    joint = prior[:, None] * (visibility * np.eye(len(prior)) + (1 - visibility) * prior)
    return float(joint.max(axis=0).sum())
