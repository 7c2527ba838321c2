"""CLIP-ReID's augmentation for a whole batch on the training device: flip, pad and crop, normalise, erase.

What happens to an image is drawn on the CPU for the global batch, from the seed, epoch and step alone: it depends
neither on the device nor on how many processes share the batch. Only the noise that fills erased boxes is drawn on the
device, and differs between kinds of device.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Random erasing as in CLIP-ReID, which takes it from timm: area as a share of the image, aspect ratio as height over
# width, and how often a box that does not fit is drawn again.
_AREA = (0.02, 1 / 3)
_ASPECT = (0.3, 1 / 0.3)
_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Probabilities of a ``flip`` and of ``erasing`` a box, and the ``padding`` in pixels before the random crop."""

    flip: float
    padding: int
    erasing: float


class Draws(NamedTuple):
    """One row per image, on the CPU: ``flip`` (B,) bool; ``corner`` (B, 2) int64, top and left of the crop in the
    padded image; ``box`` (B, 4) int64, top, left, height and width of what is erased, empty for nothing."""

    flip: Tensor
    corner: Tensor
    box: Tensor


def step_generator(seed: int, epoch: int, step: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on ``device`` for one step of one epoch, independent of every other step's."""
    state = np.random.SeedSequence([seed, epoch, step]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state) >> 1)


def draw(policy: Augmentation, batch: int, height: int, width: int, generator: torch.Generator) -> Draws:
    """Draw what happens to each of ``batch`` images of height x width, from a generator on the CPU."""
    flip = torch.rand(batch, generator=generator) < policy.flip
    corner = torch.randint(2 * policy.padding + 1, (batch, 2), generator=generator)
    erased = torch.rand(batch, generator=generator) < policy.erasing
    uniform = torch.rand(4, batch, _ATTEMPTS, generator=generator, dtype=torch.float64)
    area = (_AREA[0] + (_AREA[1] - _AREA[0]) * uniform[0]) * height * width
    low, high = (math.log(bound) for bound in _ASPECT)
    aspect = torch.exp(low + (high - low) * uniform[1])
    tall, wide = (area * aspect).sqrt().round().long(), (area / aspect).sqrt().round().long()
    fits = (tall < height) & (wide < width)
    top = (uniform[2] * (height - tall + 1)).long()
    left = (uniform[3] * (width - wide + 1)).long()
    boxes = torch.stack([top, left, tall, wide], dim=2)
    first = fits.long().argmax(dim=1)
    box = boxes[torch.arange(batch), first]
    box[~(erased & fits.any(dim=1))] = 0
    return Draws(flip, corner, box)


def augment(
    images: Tensor, policy: Augmentation, *, seed: int, epoch: int, step: int, batch: int, own: slice
) -> Tensor:
    """Augment this process's share of a global batch.

    ``images`` (B, 3, H, W) uint8 on the training device, the part ``own`` of a global batch of ``batch`` images.
    Returns (B, 3, H, W) float32, normalised; what enters by padding is black.
    """
    height, width = images.shape[2:]
    draws = draw(policy, batch, height, width, step_generator(seed, epoch, step))
    areas = draws.box[:, 2] * draws.box[:, 3]
    counts = [3 * int(part.sum()) for part in (areas[: own.start], areas[own], areas[own.stop :])]
    generator = step_generator(seed, epoch, step, images.device)
    noise = torch.randn(sum(counts), generator=generator, device=images.device).split(counts)[1]
    cropped = flip_and_crop(images, draws.flip[own], draws.corner[own], policy.padding)
    return erase_(normalise(cropped), draws.box[own], noise)


def normalise(images: Tensor) -> Tensor:
    """uint8 0..255 to float32 -1..1: mean 0.5 and standard deviation 0.5 of the unit range, as CLIP-ReID."""
    return images.float().div_(127.5).sub_(1)


def flip_and_crop(images: Tensor, flip: Tensor, corner: Tensor, padding: int) -> Tensor:
    """Mirror the images whose ``flip`` is set, pad them with zeros, and cut (H, W) out at ``corner``.

    ``images`` (B, 3, H, W); ``flip`` (B,) bool and ``corner`` (B, 2) int64 on the CPU; returns a new (B, 3, H, W).
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (padding,) * 4)
    result = torch.empty_like(images)
    # One copy per image beats one gather for the batch: the copies are contiguous rows, a gather reads an index for
    # every pixel (benchmarks/augment.py).
    for target, source, mirrored, (top, left) in zip(result, padded, flip.tolist(), corner.tolist(), strict=True):
        view = source.flip(-1) if mirrored else source
        target.copy_(view[:, top : top + height, left : left + width])
    return result


def erase_(images: Tensor, box: Tensor, noise: Tensor) -> Tensor:
    """Fill each image's box with its part of ``noise``, in place; returns ``images``.

    ``images`` (B, 3, H, W) float32; ``box`` (B, 4) int64 on the CPU; ``noise`` (3 * summed areas,) float32.
    """
    start = 0
    for image, (top, left, tall, wide) in zip(images, box.tolist(), strict=True):
        stop = start + 3 * tall * wide
        image[:, top : top + tall, left : left + wide] = noise[start:stop].view(3, tall, wide)
        start = stop
    return images
