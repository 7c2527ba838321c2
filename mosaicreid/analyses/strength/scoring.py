"""How a trained model retrieves with and without the labels added to its score, and what that is beside a reference.

Labels are added as ``similarity + weight * agreement``; every query's weight is the best for the other half of the test
people, the same halves for every arm of a world.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.analyses.oracle.fusion import cross_fitted_weights
from mosaicreid.analyses.oracle.labels import WEIGHTS, Codes, Identities, label_agreement
from mosaicreid.errors import InputError
from mosaicreid.retrieval.metrics import Retrieval, evaluate_scores
from mosaicreid.statistics.mixed_effects import cluster_covariance

_HALVES, _GROUPS = 3, 8  # the random streams of halves and groups of people


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one scoring is worth: ``mAP`` and ``rank1`` (0..100), ``ap`` (Q,) in points, NaN without a match."""

    mAP: float
    rank1: float
    ap: NDArray[np.float64]


def score(similar: Tensor, ids: Identities) -> Score:
    """Retrieval by similarities (Q, G) alone."""
    return _score(evaluate_scores(similar, *ids))


def score_with_labels(
    similar: Tensor, query_codes: Codes, gallery_codes: Codes, ids: Identities, *, seed: int
) -> Score:
    """Retrieval by similarities (Q, G) and the agreement of labels (Q, A) and (G, A), the weight cross-fitted.

    Raises:
        InputError: fewer than two people have a query with a match.
    """
    agreeing = label_agreement(query_codes, gallery_codes)
    ap = np.stack(
        [evaluate_scores(similar + weight * agreeing, *ids).per_query["ap"].to_numpy(float) for weight in WEIGHTS]
    )
    chosen = cross_fitted_weights(ap, np.asarray(ids[0]), np.random.default_rng([seed, _HALVES]))
    weight = similar.new_tensor(np.array(WEIGHTS)[chosen])[:, None]
    return _score(evaluate_scores(similar + weight * agreeing, *ids))


def beside(of: Score, reference: Score, pids: NDArray[np.integer]) -> tuple[float, float]:
    """Difference of two scores on the same queries in points of mAP, and its standard error over people."""
    difference = (of.ap - reference.ap)[~np.isnan(reference.ap)]
    _, person = np.unique(pids[~np.isnan(reference.ap)], return_inverse=True)
    return float(difference.mean()), float(np.sqrt(cluster_covariance(difference[None], person)[0, 0]))


def _score(retrieval: Retrieval) -> Score:
    ap = 100 * retrieval.per_query["ap"].to_numpy(dtype=float)
    return Score(mAP=100 * retrieval.mAP, rank1=100 * retrieval.cmc[1], ap=ap)


class Sheet:
    """The rows of one world as they are scored: kind of labels, whether added, and the score beside the baseline's.

    ``row`` appends one; ``table`` has the columns arm, configuration, epochs, kind, target_share, level, added, mAP,
    rank1, gain, gain_se, given_labels, given_labels_se, took, group01 on, and holders_ (see ``compute``). ``pids`` (Q,)
    are the queries' people; those with a match are dealt to ``groups`` at random, the same in all trainings of a world.
    ``holders`` are the queries (Q,) of people with an attribute, by its name.

    Raises:
        InputError: fewer people with a match than groups.
    """

    def __init__(
        self,
        baseline: Score,
        pids: NDArray[np.integer],
        *,
        groups: int = 0,
        seed: int = 0,
        holders: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> None:
        self._baseline, self._pids = baseline, pids
        self._rows: list[dict[str, object]] = []
        matched = ~np.isnan(baseline.ap)
        dealt = _dealt(matched, pids, groups, seed)
        self._parts = {f"group{number:02}": queries for number, queries in enumerate(dealt, 1)}
        self._parts |= {f"holders_{name}": matched & queries for name, queries in (holders or {}).items()}
        self._since = time.process_time()

    def row(
        self,
        of: Score,
        *,
        arm: str,
        kind: str,
        added: bool,
        configuration: str = "all",
        epochs: int = 0,
        target_share: float = np.nan,
        level: float = np.nan,
        labels: Score | None = None,
    ) -> None:
        """Add one scoring; ``labels`` is the baseline with the same labels added."""
        gain, gain_se = beside(of, self._baseline, self._pids)
        given, given_se = (np.nan, np.nan) if labels is None else beside(of, labels, self._pids)
        self._rows.append(
            {
                "arm": arm,
                "configuration": configuration,
                "epochs": epochs,
                "kind": kind,
                "target_share": target_share,
                "level": level,
                "added": int(added),
                "mAP": of.mAP,
                "rank1": of.rank1,
                "gain": gain,
                "gain_se": gain_se,
                "given_labels": given,
                "given_labels_se": given_se,
                "took": time.process_time() - self._since,
            }
            | {name: float(of.ap[part].mean()) if part.any() else np.nan for name, part in self._parts.items()}
        )
        self._since = time.process_time()

    def table(self) -> pd.DataFrame:
        """All rows so far."""
        return pd.DataFrame(self._rows)


def _dealt(matched: NDArray[np.bool_], pids: NDArray[np.integer], groups: int, seed: int) -> list[NDArray[np.bool_]]:
    """Which queries (Q,) are of each group's people."""
    people = np.unique(pids[matched])
    if len(people) < groups:
        raise InputError(f"{len(people)} people have a query with a match; expected at least {groups}, one for a group")
    order = np.random.default_rng([seed, _GROUPS]).permutation(people)
    return [matched & np.isin(pids, order[number::groups]) for number in range(groups)]
