"""k-reciprocal re-ranking (Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding").

Two images support each other when each is among the other's nearest. Every image is described by the images that
support it, and a gallery image scores by how much of its description it shares with the query's (Jaccard), mixed with
the plain distance. Queries and gallery are N = Q + G images in one space. Nearest neighbours are found block by block
on the device of the features; descriptions are sparse: memory grows with N times the neighbourhood, not N times N.

Scores that are equal in exact arithmetic are equal: equal gallery features have equal plain distances, and Jaccard
distances, sums of weights in whatever order, are rounded to ten decimals. Which of equally near images are
among the nearest k is left to the sorting.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.retrieval.inputs import feature_pair, one_line
from mosaicreid.retrieval.similarity import Copies

_ROWS = 256
_PAIRS = 4096
_DECIMALS = 10


@dataclass(frozen=True)
class Reranker:
    """Scores for ``mosaicreid.retrieval.metrics.evaluate_scores``: call it with a slice of queries.

    Attributes:
        features: (N, D) queries first, on any device.
        copies: equal rows among the features of the gallery.
        farthest: (N,) squared Euclidean distance of each image to the one farthest from it.
        queries: (Q, N) sparse by rows; row q holds the weights, summing to one, of the images that support query q.
        gallery: (G, N) the same for the gallery, sparse by columns.
        original_weight: the weight of the plain distance, lambda in the paper.
    """

    features: Tensor
    copies: Copies
    farthest: Tensor
    queries: sparse.csr_array
    gallery: sparse.csc_array
    original_weight: float

    def __call__(self, rows: slice) -> Tensor:
        """(B, G) float, higher is better: minus the mixed distance of the queries in ``rows`` to the gallery."""
        num_queries = self.queries.shape[0]
        indices = range(num_queries)[rows]
        distance = self.copies.level(_squared_distances(self.features[:num_queries][rows], self.features[num_queries:]))
        distance /= self.farthest[:num_queries][rows][:, None]
        jaccard = torch.from_numpy(np.stack([self._jaccard(query) for query in indices])).to(distance)
        return -(self.original_weight * distance + (1 - self.original_weight) * jaccard)

    def _jaccard(self, query: int) -> NDArray[np.float64]:
        """(G,) Jaccard distances of one query, touching only what shares a supporter with it."""
        own = slice(*self.queries.indptr[query : query + 2])
        columns = self.gallery[:, self.queries.indices[own]]
        weight = np.repeat(self.queries.data[own], np.diff(columns.indptr))
        shared = np.bincount(columns.indices, np.minimum(columns.data, weight), minlength=columns.shape[0])
        return np.round(1 - shared / (2 - shared), _DECIMALS)


def rerank(
    query_features: Tensor | NDArray[np.floating],
    gallery_features: Tensor | NDArray[np.floating],
    *,
    k1: int = 20,
    k2: int = 6,
    original_weight: float = 0.3,
) -> Reranker:
    """Describe queries and gallery by their k-reciprocal neighbours; the defaults are the paper's.

    Args:
        query_features: (Q, D) floating point; normalise them where cosine similarity is meant. What type is computed in
            is as for ``evaluate``.
        gallery_features: (G, D); where they are is where is computed.
        k1: size of the neighbourhood in which images support each other (itself not counted).
        k2: how many nearest images lend their description (itself counted); 1 for none.
        original_weight: weight in 0..1 of the plain distance, lambda in the paper.

    Raises:
        InputError: as ``evaluate`` for the features; widths that differ, no query or no gallery, fewer images than
            ``k1`` + 1, or parameters that are no numbers or out of range.
    """
    queries, gallery = feature_pair(query_features, gallery_features)
    if queries.shape[1] != gallery.shape[1] or not len(queries) or not len(gallery):
        raise InputError(
            f"features are {tuple(queries.shape)} and {tuple(gallery.shape)}; expected (images, width), equally wide, "
            "and at least one image of each"
        )
    features = torch.cat([queries, gallery])
    numbers = isinstance(k1, Integral) and isinstance(k2, Integral) and isinstance(original_weight, Real)
    if not numbers or not 1 <= k2 <= k1 < len(features) or not 0 <= original_weight <= 1:
        raise InputError(
            f"got k1 {one_line(k1)}, k2 {one_line(k2)}, original_weight {one_line(original_weight)} for "
            f"{len(features)} images; expected 1 <= k2 <= k1 < images, whole numbers, and a weight in 0..1"
        )
    neighbours, farthest = _nearest(features, k1 + 1)
    support = _expand(_reciprocal(neighbours), _reciprocal(neighbours[:, : round(k1 / 2) + 1]))
    descriptions = _weights(support, features, farthest)
    if k2 > 1:
        descriptions = sparse.csr_array(_membership(neighbours[:, :k2]).astype(np.float64) / k2 @ descriptions)
    of_queries, of_gallery = descriptions[: len(queries)], descriptions[len(queries) :]
    return Reranker(features, Copies.find(gallery), farthest, of_queries, of_gallery.tocsc(), float(original_weight))


def _squared_distances(left: Tensor, right: Tensor) -> Tensor:
    product = torch.addmm(right.square().sum(1)[None], left, right.T, alpha=-2)
    return (product + left.square().sum(1, keepdim=True)).clamp(min=0)


def _nearest(features: Tensor, k: int) -> tuple[NDArray[np.int64], Tensor]:
    """(N, k) nearest images, the image itself first, and (N,) the squared distance of the farthest, above zero."""
    copies, nearest, farthest = Copies.find(features), [], []
    for start in range(0, len(features), _ROWS):
        block = features[start : start + _ROWS]
        distance = copies.level(_squared_distances(block, features))
        if not distance.isfinite().all():
            raise InputError("features are not finite; expected numbers (a diverged training run gives others)")
        farthest.append(distance.amax(dim=1))
        # Rounding must not put another image before the image itself.
        itself = torch.arange(len(block), device=features.device)
        distance[itself, start + itself] = -1
        nearest.append(distance.topk(k, dim=1, largest=False).indices.cpu())
    # Where all images are equal their distances are zero whatever they are divided by.
    smallest = torch.finfo(features.dtype).tiny
    return torch.cat(nearest).numpy(), torch.cat(farthest).clamp(min=smallest)


def _membership(neighbours: NDArray[np.int64]) -> sparse.csr_array:
    """(N, N) sparse 0/1: row n marks the images in row n of ``neighbours``."""
    num_images, k = neighbours.shape
    ones = np.ones(neighbours.size, dtype=np.int32)
    starts = np.arange(0, neighbours.size + 1, k)
    return sparse.csr_array((ones, neighbours.ravel(), starts), shape=(num_images, num_images))


def _reciprocal(neighbours: NDArray[np.int64]) -> sparse.csr_array:
    """(N, N) sparse 0/1: pairs that are among each other's ``neighbours``."""
    member = _membership(neighbours)
    return sparse.csr_array(member.multiply(member.T))


def _expand(reciprocal: sparse.csr_array, narrow: sparse.csr_array) -> sparse.csr_array:
    """Add to every image's reciprocal set the narrower sets of its members that lie in it by more than two thirds."""
    shared = reciprocal.multiply(reciprocal @ narrow.T).tocoo()
    size = narrow.sum(axis=1)
    chosen = 3 * shared.data > 2 * size[shared.col]
    neighbours = sparse.csr_array(
        (np.ones(chosen.sum(), dtype=np.int32), (shared.row[chosen], shared.col[chosen])), shape=reciprocal.shape
    )
    return sparse.csr_array(reciprocal + neighbours @ narrow)


def _weights(support: sparse.csr_array, features: Tensor, farthest: Tensor) -> sparse.csr_array:
    """Weigh every supporting image by exp(-d), d the squared distance over the farthest one's; rows sum to one."""
    row, column = support.nonzero()
    pairs = (torch.from_numpy(index.astype(np.int64)).to(features.device) for index in (row, column))
    # In portions, because the gathered features of all pairs would be many times the features.
    parts = zip(*(index.split(_PAIRS) for index in pairs), strict=True)
    values = [
        (-(features[one] - features[other]).square().sum(1) / farthest[one]).exp().double().cpu()
        for one, other in parts
    ]
    weights = sparse.csr_array((torch.cat(values).numpy(), (row, column)), shape=support.shape)
    return sparse.csr_array(sparse.diags_array(1 / weights.sum(axis=1)) @ weights)
