"""Memory and time of the controls for the oracle at a dataset's real size, on random features.

    python benchmarks/controls.py [--dataset market1501] [--width 1280]

No image and no model: features are random where ``Probe`` would extract them, so what is left is what the controls do
with them: similarities, label agreement, fusion, attribute heads and average precision, as ``run_controls`` does it.
Prints seconds, CPU seconds and the most memory that the process held.
"""

import argparse
import resource
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mosaicreid.analyses.oracle.controls import Probe, run_controls
from mosaicreid.config.profiles import make_config
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.models.build import build_router

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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="market1501")
    parser.add_argument("--width", type=int, default=1280)
    arguments = parser.parse_args()
    definition = get_folder_dataset(arguments.dataset)
    train, query, gallery = (
        random_samples(counts.images, counts.identities, arguments.dataset, seed)
        for seed, counts in enumerate(definition.counts.values())
    )
    router = build_router(make_config("paper", {"data.dataset": arguments.dataset}))
    empty = nn.Identity()
    probe = RandomProbe(
        schema=definition.schema,
        baseline=empty,  # type: ignore[arg-type]
        model=empty,  # type: ignore[arg-type]
        permuted=empty,  # type: ignore[arg-type]
        router=router,  # type: ignore[arg-type]
        train=train,
        query=query,
        gallery=gallery,
        width=arguments.width,
    )
    started, computed = time.perf_counter(), time.process_time()
    run_controls(probe, seed=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.dataset}: {len(query)} queries, {len(gallery)} gallery images, {arguments.width} numbers each: "
        f"{time.perf_counter() - started:.0f} s, {time.process_time() - computed:.0f} s of CPU, {peak:.1f} GiB at most"
    )


if __name__ == "__main__":
    main()
