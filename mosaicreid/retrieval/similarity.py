"""Scores of features: higher is more similar, and what is equal scores equally.

A matrix product may sum different columns in different orders, so that equal rows of the gallery would differ in the
last bit; every copy of a row takes the score of the first. Sums of whole numbers are exact, and what is done to them
here keeps it so: half a square by euclidean, and for cosine a quotient of whole numbers instead of a root.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Similarity = Literal["cosine", "euclidean", "dot"]
_ROWS = 1024
# In so few columns even rows of zeros and ones differ unless they are equal; a few numbers need less memory.
_COLUMNS, _MANY = 32, 2**14


@dataclass(frozen=True)
class Copies:
    """Rows of some features that equal an earlier row, and the first that each equals: (C,) int64 indices."""

    rows: Tensor
    first: Tensor

    @classmethod
    def find(cls, features: Tensor) -> Self:
        """Compare the rows of (G, D) features: those that agree in a few columns by a hash of all their bits, and those
        that agree in this in full."""
        few = features[:, :: -(-features.shape[1] // _COLUMNS)]
        _, group, size = np.unique(_keys(few.split(_MANY)), return_inverse=True, return_counts=True)
        alike = torch.from_numpy(np.flatnonzero(size[group] > 1)).to(features.device)
        _, first, group = np.unique(
            _keys(features[part] for part in alike.split(_ROWS)), return_index=True, return_inverse=True
        )
        later = np.flatnonzero(first[group] != np.arange(len(group)))
        pairs = alike[torch.from_numpy(np.stack([later, first[group][later]], axis=1)).to(features.device)]
        equal = [(features[part[:, 0]] == features[part[:, 1]]).all(dim=1) for part in pairs.split(_ROWS)]
        pairs = pairs[torch.cat(equal)]
        return cls(pairs[:, 0], pairs[:, 1])

    def level(self, scores: Tensor) -> Tensor:
        """Give every copy's column of (B, G) scores the values of the first."""
        if len(self.rows):
            scores[:, self.rows] = scores[:, self.first]
        return scores


def feature_scores(
    queries: Tensor, gallery: Tensor, similarity: Similarity, block_rows: int
) -> Callable[[slice], Tensor]:
    """A function from a slice of queries to their scores (B, G), in one buffer that every call overwrites; what depends
    on the query alone cannot change its ranking and is left out."""
    whole = similarity == "cosine" and _is_whole(queries) and _is_whole(gallery)
    if whole:
        queries, gallery = queries.double(), gallery.double()
    buffer = gallery.new_empty((min(block_rows, len(queries)), len(gallery)))
    copies = Copies.find(gallery)

    def dot(rows: slice) -> Tensor:
        block = queries[rows]
        return copies.level(torch.mm(block, gallery.T, out=buffer[: len(block)]))

    if similarity == "dot":
        return dot
    # In portions, because the squares of all features would be as large as the features.
    squares = gallery.new_empty((_ROWS, gallery.shape[1]))
    portions = [torch.square(part, out=squares[: len(part)]).sum(dim=1) for part in gallery.split(_ROWS)]
    square = copies.level(torch.cat(portions)[None])
    if similarity == "euclidean":
        half_square = square / 2
        return lambda rows: dot(rows).sub_(half_square)
    if whole:
        at_least_one = square.clamp(min=1)

        def quotient(rows: slice) -> Tensor:
            # Its order is that of the cosine, and equal cosines are equal fractions, which round alike.
            scores = dot(rows)
            return scores.mul_(scores.abs()).div_(at_least_one)

        return quotient
    # Scaling the scores spares a normalised copy of the gallery; the floor keeps rows of zeros at score zero.
    norm = copies.level(torch.linalg.vector_norm(gallery, dim=1)[None]).clamp(
        min=torch.finfo(gallery.dtype).tiny ** 0.5
    )
    return lambda rows: dot(rows).div_(norm)


def _keys(parts: Iterable[Tensor]) -> NDArray[np.int64]:
    """(G,) a hash of the bits of each row of the parts (B, D), which follow each other."""
    keys = []
    for part in parts:
        kind = torch.int64 if part.dtype == torch.float64 else torch.int32
        weights = torch.randint(2**62, (part.shape[1],), generator=torch.Generator().manual_seed(0)).to(part.device)
        # Adding zero makes one of the two zeros; sums of integers wrap around and depend on no order.
        keys.append(((part + 0.0).view(kind) * weights).sum(dim=1).cpu().numpy())
    return np.concatenate(keys)


def _is_whole(features: Tensor) -> bool:
    return all(bool((part == part.round()).all()) for part in features.split(_ROWS))
