"""Drawing the synthetic world against bare JPEG encoding of the same images, with the same number of processes.

    python benchmarks/synthesis.py [--identities 400] [--size 128x64] [--workers 2]

Synthesis is timed whole: starting the processes, drawing, blurring, encoding, writing. The yardstick decodes the images
beforehand and times encoding and writing alone, split evenly over processes that have started already.
"""

import argparse
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from mosaicreid.data.synthetic import synthesize

QUALITY = 90


def encode(paths: list[Path], target: Path) -> float:
    """Seconds that encoding and writing take; the images are read and decoded before the clock starts."""
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    start = time.perf_counter()
    for path, image in zip(paths, images, strict=True):
        image.save(target / path.name, quality=QUALITY)
    return time.perf_counter() - start


def main() -> None:
    """Print images per second and the ratio, for the shortest of alternating runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--size", default="128x64")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    context = multiprocessing.get_context("spawn")
    runs: dict[str, list[float]] = {"synthesize": [], "encode": []}
    # The shortest of alternating runs: other load only ever adds to a time, and adds to both.
    with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory() as name:
                root, copies = Path(name, "world"), Path(name, "copies")
                copies.mkdir()
                start = time.perf_counter()
                synthesize(
                    root,
                    like="market1501",
                    identities=options.identities,
                    seed=0,
                    height=height,
                    width=width,
                    workers=options.workers,
                )
                runs["synthesize"].append(time.perf_counter() - start)
                paths = sorted(root.rglob("*.jpg"))
                shares = [paths[part :: options.workers] for part in range(options.workers)]
                runs["encode"].append(max(pool.map(encode, shares, [copies] * options.workers)))
    size = sum(len(share) for share in shares)
    synthesis, encoding = min(runs["synthesize"]), min(runs["encode"])
    print(f"{size} images of {options.size}, {options.workers} processes, shortest of {options.repeats} runs")
    print(f"synthesize, all told     {size / synthesis:8.0f} images/s   {1e3 * synthesis / size:.2f} ms an image")
    print(f"encode and write alone   {size / encoding:8.0f} images/s   {synthesis / encoding:.1f} x the time")


if __name__ == "__main__":
    main()
