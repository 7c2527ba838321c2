"""Memory and time of the controls for the oracle at a dataset's real size, on random features.

    python benchmarks/controls.py [--datasets market1501] [--width 1280] [--results results]

No image and no model: features are random where ``Probe`` would extract them, so what is left is what the controls do
with them: similarities, label agreement, fusion, attribute heads and average precision, as ``run_controls`` does it.
Prints seconds, CPU seconds and the most memory that the process held.
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mosaicreid.analyses.oracle.controls import Probe, run_controls
from mosaicreid.config.profiles import make_config
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import DATASETS, get_folder_dataset
from mosaicreid.models.build import build_router
from mosaicreid.results import write_results

_MOST_PEOPLE = 2000


@dataclass(frozen=True, kw_only=True)
class RandomProbe(Probe):
    """A probe whose features are random, near a direction of their identity."""

    width: int

    def baseline_features(self, samples: Samples) -> Tensor:
        """Features (N, width) float32 of unit-normal noise around each identity's own."""
        generator = torch.Generator().manual_seed(len(samples))
        own = torch.randn(int(samples.pids.max()) + 2, self.width, generator=torch.Generator().manual_seed(0))
        return own[samples.pids] + torch.randn(len(samples), self.width, generator=generator)

    def routed_features(self, samples: Samples, codes: np.ndarray, *, model: nn.Module | None = None) -> Tensor:
        """The same, whatever the codes."""
        return self.baseline_features(samples)


def random_samples(images: int, people: int, dataset: str, seed: int) -> Samples:
    """Images without pixels, of random people by random cameras, with random labels."""
    generator, definition = np.random.default_rng(seed), get_folder_dataset(dataset)
    pids = np.sort(np.concatenate([np.arange(1, people + 1), generator.integers(1, people + 1, images - people)]))
    groups = definition.schema.groups
    # The same people's labels in every split.
    labelled = np.random.default_rng(0)
    codes = np.stack([1 << labelled.integers(len(group.values), size=_MOST_PEOPLE) for group in groups], axis=1)
    labels = np.unique(pids, return_inverse=True)[1]
    camids = generator.integers(1, definition.cameras + 1, images)
    return Samples(np.zeros((images, 0, 0, 0), dtype=np.uint8), pids, labels, camids, codes[pids])


def measure(dataset: str, width: int) -> dict[str, object]:
    """Seconds, CPU seconds and peak memory of all controls at the published numbers of images of ``dataset``."""
    counts = get_folder_dataset(dataset).counts
    train, query, gallery = (
        random_samples(part.images, part.identities, dataset, seed) for seed, part in enumerate(counts.values())
    )
    router = build_router(make_config("paper", {"data.dataset": dataset}))
    empty = nn.Identity()
    probe = RandomProbe(
        schema=get_folder_dataset(dataset).schema,
        baseline=empty,  # type: ignore[arg-type]
        model=empty,  # type: ignore[arg-type]
        permuted=empty,  # type: ignore[arg-type]
        router=router,  # type: ignore[arg-type]
        train=train,
        query=query,
        gallery=gallery,
        width=width,
    )
    started, computed = time.perf_counter(), time.process_time()
    run_controls(probe, seed=0)
    return {
        "dataset": dataset,
        "queries": len(query),
        "gallery": len(gallery),
        "width": width,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - computed, 1),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Measure each dataset in a process of its own, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", nargs="+", default=DATASETS)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    rows = []
    for dataset in arguments.datasets:
        # The peak is a process's, and would be the larger dataset's for both.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(measure, dataset, arguments.width).result())
        print(rows[-1], flush=True)
    if arguments.results:
        about = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        write_results(pd.DataFrame(rows), arguments.results / "cost_controls.csv", parameters=about)


if __name__ == "__main__":
    main()
