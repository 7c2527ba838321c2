"""What an oracle gives away: labels changed on purpose, label agreement as a score, retrieval among look-alikes.

Codes are the bit codes of ``attributes.Annotation``: (N, A) integers, bit v of column a set where value v of attribute
a is annotated, 0 where nothing is.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mosaicreid.attributes import Schema
from mosaicreid.errors import InputError
from mosaicreid.labels.permuted import Codes

# query_pids (Q,), query_camids (Q,), gallery_pids (G,), gallery_camids (G,).
Identities = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]

# Candidate weights of late fusion, per unit of cosine similarity.
WEIGHTS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def label_agreement(query_codes: Codes, gallery_codes: Codes) -> Tensor:
    """Share of the A attributes on which two images agree, (Q, G) float32: their codes share a value.

    An unlabelled attribute agrees with nothing, not even with another unlabelled one.
    """
    shared = torch.zeros(len(query_codes), len(gallery_codes))
    for query, gallery in zip(query_codes.T, gallery_codes.T, strict=True):
        shared += torch.from_numpy((query[:, None] & gallery[None]) != 0)
    return shared / query_codes.shape[1]


def similarity(query_features: Tensor, gallery_features: Tensor) -> Tensor:
    """Cosine similarity (Q, G) of features (Q, D) and (G, D)."""
    return F.normalize(query_features.float(), dim=1) @ F.normalize(gallery_features.float(), dim=1).T


def corrupt(codes: Codes, schema: Schema, probability: float, generator: np.random.Generator) -> Codes:
    """Each label of each image is replaced with the given probability by another value of its attribute.

    The wrong value is uniform over the others; what is unlabelled stays so.

    Raises:
        InputError: a probability outside 0..1.
    """
    if not 0 <= probability <= 1:
        raise InputError(f"the probability of a wrong label must be in 0..1; got {probability}")
    wrong = codes.copy()
    for column, group in enumerate(schema.groups):
        values = len(group.values)
        labels = codes[:, column]
        # Of a double label, the lower bit stands for it.
        current = np.log2(np.maximum(labels & -labels, 1)).astype(np.int64)
        other = (current + generator.integers(1, values, len(labels))) % values
        hit = (generator.random(len(labels)) < probability) & (labels != 0)
        wrong[hit, column] = 1 << other[hit]
    return wrong


def among_look_alikes(scores: Tensor, query_codes: Codes, gallery_codes: Codes) -> tuple[Tensor, NDArray[np.bool_]]:
    """Scores restricted to gallery images with the query's own attribute vector.

    Returns:
        (Q, G) scores, everybody else's below all of them, and (Q,) whether a query's vector is annotated. Whoever is
        left in the gallery looks the same to the router, so an oracle can give nothing away.
    """
    _, joint = np.unique(np.concatenate([query_codes, gallery_codes]), axis=0, return_inverse=True)
    joint = joint.reshape(-1)
    query, gallery = joint[: len(query_codes)], joint[len(query_codes) :]
    same = torch.from_numpy(query[:, None] == gallery[None])
    return scores.masked_fill(~same, float(scores.min()) - 1), (query_codes != 0).any(axis=1)


def has_look_alike(
    query_codes: Codes, query_pids: NDArray[np.integer], codes: Codes, pids: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """(Q,) whether somebody else in the gallery (codes (G, A), pids (G,)) has the query's attribute vector."""
    owners: dict[bytes, set[int]] = {}
    for vector, pid in zip(codes, pids, strict=True):
        owners.setdefault(vector.tobytes(), set()).add(int(pid))
    alike = [
        bool(owners.get(vector.tobytes(), set()) - {int(pid)})
        for vector, pid in zip(query_codes, query_pids, strict=True)
    ]
    return np.array(alike, dtype=bool)
