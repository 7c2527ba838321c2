"""Labels made worse until the oracle gains what the paper's does, as a share of what its baseline leaves.

Two ways, both for queries and gallery alike. *Coarsened*: only the first k attributes of a random order keep their
labels, the same for everybody, so labels stay true and consistent and tell less. *Corrupted*: every label of every
image is wrong with a probability p. Labels that are wrong in the same way on all images of a person would be of no use
here: they are as good a name of that person as true ones, which the arm ``permuted`` shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mosaicreid.analyses.oracle.labels import Codes, Identities, corrupt
from mosaicreid.analyses.strength.arms import Tested
from mosaicreid.analyses.strength.scoring import Score, score
from mosaicreid.attributes import Schema

# The paper's gains over what its baselines leave to 100 mAP (Table 3: 82.6 + 3.1 and 89.6 + 5.9).
PAPER_SHARES = (0.18, 0.57)
_ORDER, _WRONG = 4, 5


@dataclass(frozen=True, kw_only=True)
class Worse:
    """Labels that were made worse: in which way and how much (``level``: the probability of a wrong label, or how many
    attributes lost theirs), and the oracle's score with them."""

    kind: str
    level: float
    query: Codes
    gallery: Codes
    oracle: Score


def match(
    tested: Tested, baseline: Score, ids: Identities, schema: Schema, *, shares: Sequence[float], seed: int
) -> dict[float, list[Worse]]:
    """Both ways, each at the level tried at which ``tested`` removes a share of the shortfall most nearly, by share.

    Levels are found by halving, as if what the oracle gains fell steadily with them. A share has no entries where even
    the labels as they are remove less.
    """
    order = np.random.default_rng([seed, _ORDER]).permutation(len(schema.attributes))

    def corrupted(level: float) -> tuple[Codes, Codes]:
        # The same random numbers at every level, so that more is only ever added to what is wrong.
        query, gallery = (
            corrupt(codes, schema, level, np.random.default_rng([seed, _WRONG, part]))
            for part, codes in enumerate((tested.query.codes, tested.gallery.codes))
        )
        return query, gallery

    def coarsened(level: float) -> tuple[Codes, Codes]:
        keep = np.isin(np.arange(len(order)), order[: len(order) - round(level)])
        return np.where(keep, tested.query.codes, 0), np.where(keep, tested.gallery.codes, 0)

    ways = (
        _Way("corrupted", corrupted, most=1.0, step=1 / 64),
        _Way("coarsened", coarsened, most=len(order) - 1.0, step=1.0),
    )
    found: dict[float, list[Worse]] = {share: [] for share in shares}
    for way in ways:
        tried: dict[float, Worse] = {}

        def at(level: float, way: "_Way" = way, tried: dict[float, Worse] = tried) -> Worse:
            if level not in tried:
                query, gallery = way.make(level)
                oracle = score(tested.similarities(query, gallery), ids)
                tried[level] = Worse(kind=way.kind, level=level, query=query, gallery=gallery, oracle=oracle)
            return tried[level]

        for share in shares:
            distance = partial(_distance, baseline=baseline, share=share)
            if distance(at(0.0)) >= 0:
                found[share].append(min(_halve(at, distance, way), key=lambda worse: abs(distance(worse))))
    return found


@dataclass(frozen=True)
class _Way:
    """One way to make labels worse: ``make`` (level from 0 to ``most``, in steps) gives the codes."""

    kind: str
    make: Callable[[float], tuple[Codes, Codes]]
    most: float
    step: float


def _distance(worse: Worse, *, baseline: Score, share: float) -> float:
    """How much more of the shortfall than ``share`` the oracle removes, 0..1."""
    return (worse.oracle.mAP - baseline.mAP) / (100 - baseline.mAP) - share


def _halve(at: Callable[[float], Worse], distance: Callable[[Worse], float], way: _Way) -> list[Worse]:
    """Everything that halving between no harm and the most tries, down to the way's step."""
    low, high = 0.0, way.most
    seen = [at(low), at(high)]
    while high - low > way.step:
        middle = low + way.step * max(1, round((high - low) / way.step / 2))
        seen.append(at(middle))
        low, high = (middle, high) if distance(seen[-1]) > 0 else (low, middle)
    return seen
