"""Which images make a batch and what is done to them, by the documented rules: image by image, identity by identity."""

import math

import numpy as np
import torch
from torch import Tensor


def pk_batches(labels: np.ndarray, identities: int, instances: int, seed: int, epoch: int) -> list[list[int]]:
    """The PK batches of an epoch: shuffle, cut each identity's images into groups, take groups of random identities."""
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(labels)).tolist()
    groups = []
    for identity in sorted(set(labels.tolist())):
        own = [image for image in order if labels[image] == identity]
        groups.append([own[i * instances : (i + 1) * instances] for i in range(max(len(own) // instances, 1))])
    sizes = np.array([int((labels == identity).sum()) for identity in sorted(set(labels.tolist()))])
    counts = [len(own) for own in groups]
    # Draws with replacement are taken for every group, and used where an identity has too few images for one.
    drawn = random.integers(np.repeat(sizes, counts)[:, None], size=(sum(counts), instances)).tolist()
    for number, identity in enumerate(sorted(set(labels.tolist()))):
        if sizes[number] < instances:
            own = [image for image in order if labels[image] == identity]
            groups[number] = [[own[place] for place in drawn[sum(counts[:number])]]]
    batches = []
    while len(waiting := [number for number, left in enumerate(groups) if left]) >= identities:
        chosen = random.choice(np.array(waiting), identities, replace=False).tolist()
        batches.append([image for number in chosen for image in groups[number].pop(0)])
    return batches


def shuffled_batches(images: int, size: int, seed: int, epoch: int) -> list[list[int]]:
    """All images in random order, cut into batches; the incomplete one is dropped."""
    order = np.random.default_rng([seed, epoch]).permutation(images).tolist()
    return [order[i * size : (i + 1) * size] for i in range(images // size)]


def step_generator(seed: int, epoch: int, step: int) -> torch.Generator:
    """The generator of one step: half of the 64 bits that NumPy's seed sequence makes of the three numbers."""
    (state,) = np.random.SeedSequence([seed, epoch, step]).generate_state(1, np.uint64).tolist()
    return torch.Generator().manual_seed(state // 2)


def augmented(
    pixels: np.ndarray, *, flip: float, padding: int, erasing: float, seed: int, epoch: int, step: int
) -> Tensor:
    """CLIP-ReID's augmentation of (B, 3, H, W) uint8 images, one by one; returns float64 in -1..1 and noise."""
    batch, _, height, width = pixels.shape
    random = step_generator(seed, epoch, step)
    flips = torch.rand(batch, generator=random).tolist()
    corners = torch.randint(2 * padding + 1, (batch, 2), generator=random).tolist()
    erased = torch.rand(batch, generator=random).tolist()
    attempts = torch.rand(4, batch, 10, generator=random, dtype=torch.float64).tolist()
    boxes = [
        _box([[part[image][attempt] for part in attempts] for attempt in range(10)], height, width)
        if erased[image] < erasing
        else None
        for image in range(batch)
    ]
    area = sum(tall * wide for box in boxes if box for _, _, tall, wide in [box])
    noise = torch.randn(3 * area, generator=step_generator(seed, epoch, step)).double().tolist()
    result = []
    for image in range(batch):
        picture = pixels[image][:, :, ::-1] if flips[image] < flip else pixels[image]
        wide_picture = np.zeros((3, height + 2 * padding, width + 2 * padding))
        wide_picture[:, padding : padding + height, padding : padding + width] = picture
        top, left = corners[image]
        picture = wide_picture[:, top : top + height, left : left + width] / 127.5 - 1
        if boxes[image]:
            top, left, tall, wide = boxes[image]
            own, noise = noise[: 3 * tall * wide], noise[3 * tall * wide :]
            picture[:, top : top + tall, left : left + wide] = np.reshape(own, (3, tall, wide))
        result.append(picture)
    return torch.from_numpy(np.stack(result))


def _box(attempts: list[list[float]], height: int, width: int) -> tuple[int, int, int, int] | None:
    """Random erasing: the first of ten boxes that fits, 2 % to a third of the image, aspect 0.3 to 1 / 0.3."""
    for share, slope, down, right in attempts:
        area = (0.02 + (1 / 3 - 0.02) * share) * height * width
        aspect = math.exp(math.log(0.3) + (math.log(1 / 0.3) - math.log(0.3)) * slope)
        tall, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if tall < height and wide < width:
            return int(down * (height - tall + 1)), int(right * (width - wide + 1)), tall, wide
    return None
