"""What attributes alone retrieve, without any image: score = number of attributes on which two people agree.

Two people agree on an attribute when the oracle router treats them alike: they share an active expert, or neither has
one. So the absence of a backpack agrees with a missing label (no expert either way), two colours agree with each of
them, and everybody agrees with themselves. All images of a person carry the person's annotation. A match therefore
agrees with its query on every attribute, as much as anything can: **all matches of a query lie in the first tie
block**, with every gallery image that also agrees throughout. Only the size of that block matters, and for all subsets
of attributes at once it follows from which attributes each pair of people agrees on: a sum over supersets.

Distractors are gallery images of an identity that no query has: in Market-1501 they have no annotation (no expert
active), in DukeMTMC they are annotated like everybody else.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.attributes import Annotation, Schema
from mosaicreid.data.folders import JUNK, Images
from mosaicreid.errors import InputError
from mosaicreid.retrieval.ties import TieBlocks, expected_precision_sum
from mosaicreid.statistics.shapley import subsets

METRICS = ("mAP", "rank1", "mAP_no_distractors", "rank1_no_distractors")
_CHUNK = 64


@dataclass(frozen=True)
class Candidates:
    """The first tie block of every query, in the game of attribute subsets.

    Attributes:
        matches: (Q,) images of the query's identity in another camera; queries without any are left out.
        size: (Q, 2^A) images in the first block, the matches included, by subset; bit a of the subset is attribute a.
        size_no_distractors: (Q, 2^A) the same without distractors.
        gallery: (Q,) images that compete for the query, the matches included.
        unmatched: how many queries were left out.
    """

    matches: NDArray[np.int64]
    size: NDArray[np.int64]
    size_no_distractors: NDArray[np.int64]
    gallery: NDArray[np.int64]
    unmatched: int


def gates(schema: Schema, codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """``codes`` (..., A) less the states that own no expert: what the oracle router sees, int64 bits per attribute."""
    owned = np.zeros(len(schema.groups), dtype=np.int64)
    for column, bit in schema.expert_positions:
        owned[column] |= 1 << bit
    return codes & owned


def attribute_agreement(schema: Schema, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether people agree, attribute by attribute; codes (..., A) that broadcast against each other."""
    left, right = gates(schema, left), gates(schema, right)
    return ((left & right) != 0) | ((left == 0) & (right == 0))


def find_candidates(query: Images, gallery: Images, annotation: Annotation) -> Candidates:
    """Count the first tie block of every query for every subset of attributes.

    Raises:
        InputError: a query's identity has no annotation, or no query has a match.
    """
    schema = annotation.schema
    unknown = np.setdiff1d(query.pids, annotation.pids)
    if len(unknown):
        raise InputError(
            f"{len(unknown)} query identities have no annotation, {unknown[0]} the first; "
            f"expected the {annotation.split} split of {schema.dataset}: is it another dataset's annotation?"
        )
    kept = gallery.pids != JUNK
    gallery_pids, gallery_camids = gallery.pids[kept], gallery.camids[kept]
    pids, images = np.unique(gallery_pids, return_counts=True)
    people, person = np.unique(query.pids, return_inverse=True)
    same_pid = _count(gallery_pids[:, None], query.pids[:, None])
    same_camera = _count(np.stack([gallery_pids, gallery_camids], 1), np.stack([query.pids, query.camids], 1))
    matches = same_pid - same_camera
    answered = matches > 0
    if not answered.any():
        raise InputError(f"none of the {len(query)} queries has a match; expected query and gallery of one dataset")

    agree = attribute_agreement(schema, annotation.lookup(people)[:, None], annotation.lookup(pids))
    pattern = agree @ (1 << np.arange(len(schema.groups)))
    wanted = np.isin(pids, people)
    sizes = [
        _images_by_subset(pattern, counted, len(schema.groups))[person] - same_camera[:, None]
        for counted in (images, images * wanted)
    ]
    return Candidates(
        matches=matches[answered],
        size=sizes[0][answered],
        size_no_distractors=sizes[1][answered],
        gallery=(len(gallery_pids) - same_camera)[answered],
        unmatched=int((~answered).sum()),
    )


def subset_scores(candidates: Candidates) -> pd.DataFrame:
    """Expected mAP and Rank-1 in percent, distractors competing or not: columns ``METRICS``, a row per subset (2^A)."""
    columns: dict[str, NDArray[np.float64]] = {}
    for suffix, size in (("", candidates.size), ("_no_distractors", candidates.size_no_distractors)):
        chunks = [
            _mean_scores(candidates.matches, size[:, start : start + _CHUNK])
            for start in range(0, size.shape[1], _CHUNK)
        ]
        columns[f"mAP{suffix}"], columns[f"rank1{suffix}"] = 100 * np.concatenate(chunks, axis=1)
    return pd.DataFrame(columns, columns=list(METRICS))


def subset_identities(annotation: Annotation) -> pd.DataFrame:
    """How far the attribute vector gives an identity away, for every subset of attributes (2^A rows).

    Columns: ``distinct_vectors``; ``shared_identities``, how many identities have another's vector; ``entropy_bits``,
    the conditional entropy of the identity given the vector, H(identity | vector), all identities equally likely.
    Vectors are what the oracle router sees: equal when every expert is active for both or for neither.
    """
    codes = gates(annotation.schema, annotation.codes)
    states = [np.unique(column, return_inverse=True)[1] for column in codes.T]
    radix = np.cumprod([1, *(column.max(initial=0) + 1 for column in states[:-1])])
    digits = np.stack(states, axis=1) * radix
    rows = []
    for members in subsets(codes.shape[1]).astype(bool):
        count = np.unique(digits[:, members].sum(axis=1), return_counts=True)[1]
        rows.append((len(count), int(count[count > 1].sum()), float(count @ np.log2(count)) / len(codes)))
    return pd.DataFrame(rows, columns=["distinct_vectors", "shared_identities", "entropy_bits"])


def _count(among: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows of ``among`` (N, K) equal each of ``rows`` (M, K)."""
    _, index = np.unique(np.concatenate([rows, among]), axis=0, return_inverse=True)
    return np.bincount(index[len(rows) :], minlength=index.max() + 1)[index[: len(rows)]]


def _images_by_subset(pattern: NDArray[np.int64], images: NDArray[np.int64], num_attributes: int) -> NDArray[np.int64]:
    """(P, 2^A): gallery images whose identity agrees with person p on at least the attributes of each subset.

    ``pattern`` (P, R): the attributes on which person and gallery identity agree, as bits. ``images`` (R,).
    """
    num_subsets = 2**num_attributes
    result = np.stack([np.bincount(row, weights=images, minlength=num_subsets) for row in pattern]).astype(np.int64)
    for attribute in range(num_attributes):
        # Fold attribute by attribute: whoever agrees with it counts for the subsets without it, too.
        halves = result.reshape(len(result), -1, 2, 2**attribute)
        halves[:, :, 0] += halves[:, :, 1]
    return result


def _mean_scores(matches: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """(2, S): mean AP and Rank-1 over queries whose matches lie in a first tie block of ``size`` (Q, S)."""
    shape = size.shape
    block = TieBlocks(
        query=np.repeat(np.arange(shape[0]), shape[1]),
        above=np.zeros(size.size, dtype=np.int64),
        matches_above=np.zeros(size.size, dtype=np.int64),
        size=size.ravel(),
        matches=np.repeat(matches, shape[1]),
    )
    precision = expected_precision_sum(block).reshape(shape) / matches[:, None]
    return np.stack([precision.mean(axis=0), (matches[:, None] / size).mean(axis=0)])
