"""Which images make up which training batch: pure functions of the seed and the epoch, so an epoch can be resumed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mosaicreid.config.settings import DataConfig
from mosaicreid.errors import InputError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomIdentitySampler:
    """PK sampling: every batch holds ``num_identities`` identities with ``num_instances`` images each.

    As in the reference implementations (Hermans et al., 2017; torchreid; CLIP-ReID): each identity's images are
    shuffled and cut into groups of ``num_instances``, what is left over waits for another epoch, and an identity with
    fewer images fills one group by drawing with replacement. Batches take one group from each of ``num_identities``
    random identities that have one left, until too few identities do.

    ``labels`` (N,) integer identities of the N images.

    Raises:
        InputError: fewer than 2 identities or instances a batch (triplets need both), or more identities a batch than
            there are.
    """

    labels: Indices
    num_identities: int
    num_instances: int
    seed: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.num_identities < 2 or self.num_instances < 2:
            raise InputError(
                f"got {self.num_identities} identities with {self.num_instances} images in a batch; expected at least "
                "2 of each, or an image has no positive or no negative"
            )
        present = len(np.unique(self.labels))
        if present < self.num_identities:
            raise InputError(
                f"a batch takes {self.num_identities} identities, but there are {present}; expected a smaller batch"
            )

    def batches(self, epoch: int) -> list[Indices]:
        """The batches of ``epoch``, each (num_identities * num_instances,) image indices, identity after identity."""
        random = np.random.default_rng([self.seed, epoch])
        groups, left = self._groups(random)
        first = np.cumsum(left) - left
        used = np.zeros_like(left)
        result = []
        while len(waiting := np.flatnonzero(used < left)) >= self.num_identities:
            chosen = random.choice(waiting, self.num_identities, replace=False)
            result.append(groups[first[chosen] + used[chosen]].ravel())
            used[chosen] += 1
        return result

    def _groups(self, random: np.random.Generator) -> tuple[Indices, Indices]:
        """(M, num_instances) image indices, identity after identity, and (P,) how many groups each identity has."""
        size = self.num_instances
        _, label, count = np.unique(self.labels, return_inverse=True, return_counts=True)
        shuffled = random.permutation(len(label))
        # A stable sort of shuffled images by identity leaves each identity's images shuffled.
        by_identity = shuffled[np.argsort(label[shuffled], kind="stable")]
        start = np.cumsum(count) - count
        groups = np.maximum(count // size, 1)
        owner = np.repeat(np.arange(len(count)), groups)
        rank = np.arange(len(owner)) - np.repeat(np.cumsum(groups) - groups, groups)
        within = rank[:, None] * size + np.arange(size)
        drawn = random.integers(count[owner, None], size=within.shape)
        within = np.where(count[owner, None] < size, drawn, within)
        return by_identity[start[owner, None] + within], groups


def pk_sampler(settings: DataConfig, labels: Indices, *, seed: int) -> RandomIdentitySampler:
    """The sampler of the stages that need triplets, over images of identities ``labels`` (N,).

    Raises:
        InputError: the images cannot fill a batch.
    """
    return RandomIdentitySampler(
        labels=labels,
        num_identities=settings.batch_size // settings.num_instances,
        num_instances=settings.num_instances,
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class ShuffleSampler:
    """Every image at most once an epoch, in random order; the last, incomplete batch waits for another epoch.

    Raises:
        InputError: fewer images than one batch takes, or a batch of none.
    """

    num_images: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not 1 <= self.batch_size <= self.num_images:
            raise InputError(
                f"got batches of {self.batch_size} from {self.num_images} images; expected a smaller batch"
            )

    def batches(self, epoch: int) -> list[Indices]:
        """The batches of ``epoch``, each (batch_size,) image indices."""
        order = np.random.default_rng([self.seed, epoch]).permutation(self.num_images)
        whole = self.num_images // self.batch_size
        return list(order[: whole * self.batch_size].reshape(whole, self.batch_size))


def share(batch_size: int, rank: int, processes: int) -> slice:
    """The part of a global batch that process ``rank`` of ``processes`` computes.

    Raises:
        InputError: the batch does not divide evenly, so processes would not add up to one.
    """
    if batch_size % processes:
        raise InputError(f"a batch of {batch_size} does not divide among {processes} processes; expected a multiple")
    size = batch_size // processes
    return slice(rank * size, (rank + 1) * size)
