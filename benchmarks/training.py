"""Images per second of the stages ``baseline`` and ``experts``, and the hours that the paper's runs would take.

    python benchmarks/training.py [--profile paper] [--steps 30] [--csv results/training_speed.csv]

Whole training steps: reading, augmentation, forward, backward, optimiser. On a GPU in bf16, with and without
``torch.compile``; on the CPU as the profile says. The ratio is to the baseline without compilation of the same run.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from figures import add_json, write_figures
from torch.utils.flop_counter import FlopCounterMode

from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.data.augment import Augmentation
from mosaicreid.data.loaders import Samples, training_batches
from mosaicreid.data.sampler import pk_sampler
from mosaicreid.datasets import get_schema
from mosaicreid.models.build import build_models
from mosaicreid.results import write_results
from mosaicreid.runs import environment
from mosaicreid.training.objectives import Reidentification
from mosaicreid.training.optimiser import make_optimiser, train_only

IDENTITIES, IMAGES, RUNS = 751, 12_936, 45
# Dense bf16 peak in FLOP/s, from the makers' data sheets, by a part of the device's name.
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "4090": 165e12}


def random_samples(config: Config, identities: int) -> Samples:
    """Random pixels and labels, 16 images per identity: speed does not depend on what the images show."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(identities), 16)
    shape = (len(labels), 3, config.data.height, config.data.width)
    groups = get_schema(config.data.dataset).groups
    codes = np.stack([1 << generator.integers(len(group.values), size=len(labels)) for group in groups], axis=1)
    pixels = generator.integers(0, 256, shape, dtype=np.uint8)
    return Samples(pixels, labels, labels, generator.integers(1, 7, len(labels)), codes)


def make_objective(config: Config, identities: int, stage: str, *, compiled: bool = False) -> Reidentification:
    """What the stage minimises, with what it trains set to train; weights are random."""
    models = build_models(config, identities=identities, cameras=6)
    model, router = (models.baseline, None) if stage == "baseline" else (models.model, models.router)
    texts = torch.randn(identities, model.encoder.projected_width)
    objective = Reidentification(model, router, texts, margin=0.3, smoothing=0.1, similarity="dot", compiled=compiled)
    heads = (model.bottleneck, model.bottleneck_proj, model.classifier, model.classifier_proj)
    train_only(objective, torch.nn.ModuleList([model.experts, *heads]) if stage == "experts" else model)
    return objective.train()


def batches(config: Config, samples: Samples, device: str) -> Iterator[tuple[torch.Tensor, ...]]:
    """Augmented batches for ever, as a training stage gets them: images, labels, cameras, attribute codes."""
    data = config.data
    policy = Augmentation(flip=data.flip, padding=data.padding, erasing=data.erasing)
    for epoch in range(1, 10**6):
        plan = pk_sampler(config.data, samples.labels, seed=config.seed).batches(epoch)
        for batch in training_batches(samples, plan, augmentation=policy, seed=0, epoch=epoch, device=device):
            yield batch.images, batch.labels, batch.camids, batch.codes


def steps(
    config: Config, samples: Samples, stage: str, device: str, compiled: bool
) -> Iterator[tuple[Reidentification, tuple[torch.Tensor, ...]]]:
    """Train for ever, yielding the objective and each batch once its step has been taken."""
    objective = make_objective(config, samples.num_identities, stage, compiled=compiled).to(device)
    optimiser = make_optimiser(objective, getattr(config.stages, stage))
    half = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=config.runtime.precision == "bf16")
    for tensors in batches(config, samples, device):
        with half:
            loss = torch.stack(list(objective(*tensors).values())).sum()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        yield objective, tensors


def measure(config: Config, samples: Samples, stage: str, device: str, compiled: bool, count: int) -> dict[str, object]:
    """Seconds per step after a warm-up, floating-point operations per step, and peak memory on a GPU."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    training = steps(config, samples, stage, device, compiled)
    for _ in range(5):
        next(training)
    wait(device)
    started = time.perf_counter()
    for _ in range(count):
        objective, tensors = next(training)
    wait(device)
    seconds = (time.perf_counter() - started) / count
    memory = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    training.close()
    if compiled:
        return {"seconds": seconds, "memory_gib": memory, "flop": float("nan")}
    with FlopCounterMode(display=False) as counter:
        torch.stack(list(objective(*tensors).values())).sum().backward()
    return {"seconds": seconds, "memory_gib": memory, "flop": float(counter.get_total_flops())}


def wait(device: str) -> None:
    """Wait for the device to finish."""
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper" if torch.cuda.is_available() else "tiny")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--csv", type=Path)
    add_json(parser)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = make_config(arguments.profile, {"model.weights": "pretrain"})
    samples = random_samples(config, IDENTITIES if arguments.profile == "paper" else 128)
    name = torch.cuda.get_device_name() if device == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    peak = next((flops for part, flops in PEAKS.items() if part in name), float("nan"))
    rows = []
    for stage in ("baseline", "experts"):
        for compiled in (False, True) if device == "cuda" else (False,):
            cost = measure(config, samples, stage, device, compiled, arguments.steps)
            flop = cost["flop"] if not compiled else rows[-1]["flop"]
            speed = config.data.batch_size / cost["seconds"]
            epochs = getattr(config.stages, stage).epochs
            rows.append(
                {
                    "profile": arguments.profile,
                    "device": name,
                    "stage": stage,
                    "compiled": int(compiled),
                    "images_per_second": speed,
                    "memory_gib": cost["memory_gib"],
                    "flop": flop,
                    "share_of_peak": flop / cost["seconds"] / peak,
                    "hours_per_run": epochs * IMAGES / speed / 3600,
                }
            )
            first = rows[0]["images_per_second"]
            of_card = f"{rows[-1]['share_of_peak']:.0%} of peak, {cost['memory_gib']:.1f} GiB"
            print(
                f"{arguments.profile} {stage:8s} compiled={compiled!s:5s} {speed:8.0f} images/s, "
                f"{speed / first:.2f} x the baseline stage, "
                f"{of_card if device == 'cuda' else name}; "
                f"{epochs} epochs of {IMAGES} images: {rows[-1]['hours_per_run']:.2f} h, "
                f"{RUNS} runs: {RUNS * rows[-1]['hours_per_run']:.1f} h",
                flush=True,
            )
    if arguments.csv:
        about = environment(device=name, instructions=torch.backends.cpu.get_cpu_capability())
        write_results(pd.DataFrame(rows), arguments.csv, parameters=about)
    write_figures(
        arguments.json,
        __file__,
        {f"{row['stage']}{'_compiled' * row['compiled']}": row["images_per_second"] for row in rows},
    )


if __name__ == "__main__":
    main()
