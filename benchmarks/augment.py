"""The batched augmentation against torchvision's, applied per image and (with one draw for the whole batch) per batch.

python benchmarks/augment.py [--device cpu] [--height 256 --width 128 --padding 10]
"""

import argparse
import time
from collections.abc import Callable

import torch
from figures import add_json, write_figures
from torch.nn import functional as F
from torchvision.transforms import v2

from mosaicreid.data.augment import Augmentation, augment, draw, flip_and_crop, step_generator

BATCH = 64


def milliseconds(work: Callable[[], object], device: torch.device, repeats: int = 30) -> float:
    """The shortest time of ``work``, after one call to warm up: other load only ever adds to it."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:]) * 1e3


def main() -> None:
    """Print milliseconds a batch of 64, and ratios to the batched augmentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--padding", type=int, default=10)
    add_json(parser)
    options = parser.parse_args()
    device, height, width = torch.device(options.device), options.height, options.width
    images = torch.randint(256, (BATCH, 3, height, width), dtype=torch.uint8, device=device)
    policy = Augmentation(flip=0.5, padding=options.padding, erasing=0.5)
    draws = draw(policy, BATCH, height, width, step_generator(0, 0, 0))
    library = v2.Compose(
        [
            v2.RandomHorizontalFlip(0.5),
            v2.RandomCrop((height, width), padding=options.padding),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
            v2.RandomErasing(0.5, scale=(0.02, 1 / 3), value="random"),
        ]
    )

    def gathered() -> torch.Tensor:
        side = width + 2 * options.padding
        rows = draws.corner[:, :1] + torch.arange(height)
        columns = draws.corner[:, 1:] + torch.arange(width)
        columns = torch.where(draws.flip[:, None], side - 1 - columns, columns)
        flat = (rows[:, :, None] * side + columns[:, None, :]).view(BATCH, 1, -1).to(device)
        padded = F.pad(images, (options.padding,) * 4).flatten(2)
        return padded.gather(2, flat.expand(-1, 3, -1)).view(images.shape)

    def copied() -> torch.Tensor:
        return flip_and_crop(images, draws.flip, draws.corner, options.padding)

    assert torch.equal(gathered(), copied())
    ours = milliseconds(
        lambda: augment(images, policy, seed=0, epoch=0, step=0, batch=BATCH, own=slice(0, BATCH)), device
    )
    per_image = milliseconds(lambda: torch.stack([library(image) for image in images]), device)
    per_batch = milliseconds(lambda: library(images), device)
    print(f"{BATCH} images {height}x{width} on {device}, {torch.get_num_threads()} threads")
    print(f"this package, a draw per image      {ours:8.2f} ms")
    print(f"torchvision v2, a draw per image    {per_image:8.2f} ms   {per_image / ours:5.2f} x")
    print(f"torchvision v2, one draw per batch  {per_batch:8.2f} ms   {per_batch / ours:5.2f} x   (not the same thing)")
    copies, gather = milliseconds(copied, device), milliseconds(gathered, device)
    print(f"flip and crop alone: copies {copies:.2f} ms, one gather {gather:.2f} ms   {gather / copies:.2f} x")
    write_figures(
        options.json,
        __file__,
        {"milliseconds": ours, "per_image_ratio": per_image / ours, "per_batch_ratio": per_batch / ours},
    )


if __name__ == "__main__":
    main()
