"""Labels that stay as they are distributed and lose their meaning: other people's, or another image's.

Codes are the bit codes of ``attributes.Annotation``: (N, A) integers, 0 where nothing is annotated.
"""

import numpy as np
from numpy.typing import NDArray

from mosaicreid.errors import InputError

Codes = NDArray[np.integer]


def permute_between_people(codes: Codes, pids: NDArray[np.integer], generator: np.random.Generator) -> Codes:
    """Everybody gets the codes of somebody else, the same on all their images.

    A random derangement of the identities: labels stay constant per person and as distributed, and lose their meaning.
    Images without any label (distractors) keep none.

    Raises:
        InputError: fewer than two labelled identities, or labels that differ between images of one person.
    """
    labelled = (codes != 0).any(axis=1)
    people, first, person = np.unique(pids[labelled], return_index=True, return_inverse=True)
    if len(people) < 2:
        raise InputError(f"got {len(people)} labelled identities, expected at least 2 to permute labels between")
    people_codes = codes[labelled][first]
    if not (people_codes[person] == codes[labelled]).all():
        raise InputError("the images of one identity carry different labels; expected identity-level annotation")
    permuted = codes.copy()
    # A random cyclic order: everybody takes the next one's labels, so nobody keeps their own.
    order = generator.permutation(len(people))
    donor = np.empty(len(people), dtype=np.int64)
    donor[order] = np.roll(order, -1)
    permuted[labelled] = people_codes[donor[person]]
    return permuted


def permute_between_images(codes: Codes, generator: np.random.Generator) -> Codes:
    """Every labelled image gets the codes of a random labelled image, so one person's images disagree."""
    labelled = np.flatnonzero((codes != 0).any(axis=1))
    permuted = codes.copy()
    permuted[labelled] = codes[generator.permutation(labelled)]
    return permuted
