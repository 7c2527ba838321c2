"""A warm epoch from the image cache against decoding the same images, with the same number of threads.

    python benchmarks/cache.py [--images 4000] [--workers 2]

JPEG files of Market-1501's size (128x64) are made on the spot and read at 256x128, as the paper trains.
"""

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from figures import add_json, write_figures
from PIL import Image

from mosaicreid.data.cache import decode, open_cache
from mosaicreid.data.folders import Images
from mosaicreid.data.sampler import ShuffleSampler

HEIGHT, WIDTH, BATCH = 256, 128, 64
PUBLISHED = 12_936


def write_images(root: Path, number: int) -> Images:
    """Smooth random JPEG files, about as large on disk as the dataset's."""
    random = np.random.default_rng(0)
    for index in range(number):
        coarse = Image.fromarray(random.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        coarse.resize((64, 128), Image.Resampling.BICUBIC).save(root / f"{index}.jpg", quality=95)
    nobody = np.zeros(number, dtype=np.int64)
    return Images(tuple(f"{index}.jpg" for index in range(number)), nobody, nobody)


def main() -> None:
    """Print seconds for an epoch of Market-1501's training images, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    add_json(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.workers) as pool:
        root, folder = Path(name, "images"), Path(name, "cache")
        root.mkdir()
        images = write_images(root, options.images)
        size = np.mean([(root / path).stat().st_size for path in images.paths]) / 1024
        settings = {"height": HEIGHT, "width": WIDTH, "folder": folder, "workers": options.workers, "progress": False}
        start = time.perf_counter()
        open_cache(root, images, **settings)
        build = time.perf_counter() - start

        batches = ShuffleSampler(num_images=options.images, batch_size=BATCH, seed=0).batches(0)

        def decoded() -> None:
            for batch in batches:
                np.stack(list(pool.map(lambda index: decode(root / images.paths[index], HEIGHT, WIDTH), batch)))

        def cached() -> None:
            pixels = open_cache(root, images, **settings)
            for batch in pool.map(pixels.__getitem__, batches):
                assert batch.shape[0] == BATCH

        # The shortest of alternating runs: other load only ever adds to a time, and adds to both.
        runs: dict[str, list[float]] = {"decode": [], "cache": []}
        for _ in range(5):
            for label, epoch in (("decode", decoded), ("cache", cached)):
                start = time.perf_counter()
                epoch()
                runs[label].append(time.perf_counter() - start)
        times = {label: min(seconds) * PUBLISHED / (len(batches) * BATCH) for label, seconds in runs.items()}
        print(f"{options.images} JPEG files of {size:.1f} KiB, {options.workers} threads, scaled to {PUBLISHED} images")
        print(f"first build         {build * PUBLISHED / options.images:7.2f} s")
        print(f"epoch, decoding     {times['decode']:7.2f} s")
        print(f"epoch, warm cache   {times['cache']:7.2f} s   {times['cache'] / times['decode']:.3f} x decoding")
    write_figures(options.json, __file__, {"seconds": times["cache"], "ratio": times["cache"] / times["decode"]})


if __name__ == "__main__":
    main()
