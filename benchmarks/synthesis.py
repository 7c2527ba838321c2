"""Drawing the synthetic world against bare JPEG encoding of the same images, with the same number of processes.

    python benchmarks/synthesis.py [--identities 400] [--size 128x64] [--workers 2]

Synthesis is timed whole: starting the processes, drawing, blurring, encoding, writing. The yardstick decodes the images
beforehand and times encoding and writing alone, split evenly over processes that have started already. Processor time
is printed beside the wall's, because other load on the machine stretches the latter.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from figures import add_json, write_figures
from PIL import Image

from mosaicreid.world.synthesize import synthesize

QUALITY = 90


def clock() -> np.ndarray:
    """Seconds on the wall, and of processor time of this process and those that it started and that have ended."""
    times = os.times()
    return np.array([time.perf_counter(), sum(times[:4])])


def encode(paths: list[Path], target: Path) -> np.ndarray:
    """``clock`` for encoding and writing alone; the images are read and decoded before it starts."""
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    start = clock()
    for path, image in zip(paths, images, strict=True):
        image.save(target / path.name, quality=QUALITY)
    return clock() - start


def main() -> None:
    """Print images per second and the ratio, for the shortest of alternating runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--size", default="128x64")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    add_json(parser)
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    context = multiprocessing.get_context("spawn")
    runs: dict[str, list[np.ndarray]] = {"synthesize": [], "encode": []}
    # The shortest of alternating runs: other load only ever adds to a time, and adds to both.
    with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory() as name:
                root, copies = Path(name, "world"), Path(name, "copies")
                copies.mkdir()
                start = clock()
                synthesize(
                    root,
                    like="market1501",
                    identities=options.identities,
                    seed=0,
                    height=height,
                    width=width,
                    workers=options.workers,
                )
                runs["synthesize"].append(clock() - start)
                paths = sorted(root.rglob("*.jpg"))
                shares = [paths[part :: options.workers] for part in range(options.workers)]
                walls, processors = np.transpose(list(pool.map(encode, shares, [copies] * options.workers)))
                runs["encode"].append(np.array([walls.max(), processors.sum()]))
    size = sum(len(share) for share in shares)
    print(f"{size} images of {options.size}, {options.workers} processes, shortest of {options.repeats} runs")
    (wall, processor), (bare_wall, bare_processor) = (np.min(runs[name], axis=0) for name in ("synthesize", "encode"))
    for label, seconds, bare, share in (
        ("on the wall", wall, bare_wall, 1),
        ("processor time", processor, bare_processor, options.workers),
    ):
        print(label)
        # Processor time is spent on as many cores at once as there are workers.
        print(f"  synthesize, all told   {size * share / seconds:7.0f} images/s")
        print(f"  encode and write alone {size * share / bare:7.0f} images/s   {seconds / bare:.1f} x faster")
    write_figures(
        options.json,
        __file__,
        {"images_per_second": size / wall, "ratio": wall / bare_wall, "cpu_ratio": processor / bare_processor},
    )


if __name__ == "__main__":
    main()
