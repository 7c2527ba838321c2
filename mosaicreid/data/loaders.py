"""Batches of images, labels, cameras and attribute codes on the device that computes."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mosaicreid.attributes import Annotation, ImageAnnotation
from mosaicreid.config.settings import DataConfig
from mosaicreid.data.augment import Augmentation, augment, normalise
from mosaicreid.data.cache import Pixels, open_cache
from mosaicreid.data.folders import Images, ReidData
from mosaicreid.data.sampler import Indices, share
from mosaicreid.errors import InputError
from mosaicreid.progress import bar

# Batches read ahead while the device computes; one in work and one waiting hide the reading entirely.
_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Samples:
    """Decoded images and what is known about them.

    ``pixels`` (N, 3, H, W) uint8, ``pids`` (N,) int64 as in file names, ``labels`` (N,) int64, the identities numbered
    0..P-1 in ascending order, ``camids`` (N,) int64 from 1, ``codes`` (N, A) int64 attribute codes.
    """

    pixels: Pixels
    pids: Indices
    labels: Indices
    camids: Indices
    codes: Indices

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.pixels)

    @property
    def num_identities(self) -> int:
        """P, the number of identities."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True, eq=False)
class Batch:
    """``images`` (B, 3, H, W) float32, normalised; ``labels`` (B,) int64 in 0..P-1; ``camids`` (B,) int64 from 1;
    ``codes`` (B, A) int64 attribute codes; all on one device."""

    images: Tensor
    labels: Tensor
    camids: Tensor
    codes: Tensor


def load_samples(
    data: ReidData, settings: DataConfig, *, folder: Path, progress: bool = True
) -> tuple[Samples, Samples, Samples]:
    """The images of train, query and gallery, decoded at the size of ``settings``; ``folder`` is the cache's.

    Raises:
        InputError: as ``open_cache``: an image that cannot be read, too little room on the disk, a damaged cache.
    """
    train, query, gallery = (
        make_samples(
            open_cache(
                data.root,
                images,
                height=settings.height,
                width=settings.width,
                folder=folder,
                workers=settings.workers,
                progress=progress,
            ),
            images,
            data.annotation[split] if data.annotation else None,
        )
        for split, images in (("train", data.train), ("test", data.query), ("test", data.gallery))
    )
    return train, query, gallery


def make_samples(pixels: Pixels, images: Images, annotation: Annotation | ImageAnnotation | None) -> Samples:
    """Put ``pixels`` (N, 3, H, W), the ``images`` they were decoded from and their attributes together.

    Identities, or images, that ``annotation`` lacks have code 0 throughout. Without an annotation there are no
    attributes: A is 0.

    Raises:
        InputError: as many pixels as images are expected.
    """
    if len(pixels) != len(images):
        raise InputError(f"got pixels of {len(pixels)} images for a list of {len(images)}; expected equal numbers")
    if annotation is None:
        codes = np.zeros((len(images), 0), dtype=np.int16)
    elif isinstance(annotation, ImageAnnotation):
        codes = annotation.lookup_paths(images.paths)
    else:
        codes = annotation.lookup(images.pids)
    labels = np.unique(images.pids, return_inverse=True)[1]
    return Samples(pixels, images.pids, labels, images.camids, codes.astype(np.int64))


def training_batches(
    samples: Samples,
    batches: Sequence[Indices],
    *,
    augmentation: Augmentation,
    seed: int,
    epoch: int,
    device: torch.device | str,
    rank: int = 0,
    processes: int = 1,
) -> Iterator[Batch]:
    """The augmented ``batches`` (a sampler's, for this epoch), or process ``rank``'s share of each.

    The shares of all processes, put together in the order of their ranks, are the batches of a single process.

    Raises:
        InputError: a batch does not divide evenly among the processes.
    """
    shares = [share(len(batch), rank, processes) for batch in batches]
    shares_of_batches = [batch[part] for batch, part in zip(batches, shares, strict=True)]
    for step, raw in enumerate(_read_ahead(samples, shares_of_batches, torch.device(device))):
        images = augment(
            raw.images, augmentation, seed=seed, epoch=epoch, step=step, batch=len(batches[step]), own=shares[step]
        )
        yield Batch(images, raw.labels, raw.camids, raw.codes)


def evaluation_batches(samples: Samples, *, batch_size: int, device: torch.device | str) -> Iterator[Batch]:
    """All images in their order, normalised and otherwise as they are; the last batch may be smaller.

    Raises:
        InputError: a batch size below 1.
    """
    if batch_size < 1:
        raise InputError(f"the evaluation batch size is {batch_size}; expected at least 1")
    everything = np.arange(len(samples))
    parts = [everything[start : start + batch_size] for start in range(0, len(samples), batch_size)]
    batches = _read_ahead(samples, parts, torch.device(device))
    for raw in bar(batches, "extract features", total=len(parts), unit="batch"):
        yield Batch(normalise(raw.images), raw.labels, raw.camids, raw.codes)


def _read_ahead(samples: Samples, batches: Sequence[Indices], device: torch.device) -> Iterator[Batch]:
    """Batches with their images still uint8, read in a thread while the caller computes."""
    waiting: deque[Future[list[Tensor]]] = deque()
    with ThreadPoolExecutor(1) as reader:
        for position in range(len(batches) + _AHEAD):
            if position < len(batches):
                waiting.append(reader.submit(_read, samples, batches[position], device.type == "cuda"))
            if position >= _AHEAD:
                yield Batch(*(tensor.to(device, non_blocking=True) for tensor in waiting.popleft().result()))


def _read(samples: Samples, indices: Indices, pinned: bool) -> list[Tensor]:
    arrays: tuple[npt.NDArray[np.generic], ...] = (samples.pixels, samples.labels, samples.camids, samples.codes)
    tensors = [torch.from_numpy(np.asarray(array[indices])) for array in arrays]
    return [tensor.pin_memory() for tensor in tensors] if pinned else tensors
