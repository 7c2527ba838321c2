"""Images per second and memory of every stage: some steps of the real training, on random images and weights."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mosaicreid.config.settings import Config
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.build import build_models
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.inference import extract_features
from mosaicreid.training.run import PRECISIONS, peak_memory
from mosaicreid.training.stages import Context, train_baseline, train_experts, tune_prompts

STAGES = ("prompts", "baseline", "experts")
# The first epoch of a stage warms up, the second is measured.
_EPOCHS = 2
_CAMERAS = 6


def measure(config: Config, *, steps: int) -> pd.DataFrame:
    """Train ``steps`` steps of each stage after as many to warm up, and extract features of as many images.

    Images, labels and weights are random: speed and memory do not depend on them. Files go to a temporary folder, which
    is removed.

    Returns:
        A row per stage (prompts only with a text tower) and one for ``evaluation``: stage, images_per_second,
        memory_bytes (on a GPU the most that the stage held, elsewhere that the process has held so far), device.

    Raises:
        InputError: fewer than 2 steps, a precision that the device lacks, or settings that the models refuse.
        torch.OutOfMemoryError: it does not fit.
    """
    if not 2 <= steps <= 10_000:
        raise InputError(f"got {steps} steps; expected 2 to 10000")
    config = _shortened(config)
    accelerator = make_accelerator(config.runtime)
    device = accelerator.device
    samples = random_samples(config, identities=steps * config.data.batch_size // config.data.num_instances)
    models = build_models(config, identities=samples.num_identities, cameras=_CAMERAS)
    if models.router is None:
        raise InputError("configuration 'baseline' has no experts to measure; expected all, or attributes")
    rows = []

    def note(stage: str, images_per_second: float) -> None:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
        row = {"stage": stage, "images_per_second": images_per_second, "memory_bytes": peak_memory(device)}
        rows.append(row | {"device": f"{device.type}, {name}"})
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    with tempfile.TemporaryDirectory() as folder:
        context = Context(
            config=config, samples=samples, accelerator=accelerator, shared=Path(folder), images="", labels=""
        )
        texts = None
        if config.model.text == "tower":
            texts, history = tune_prompts(context, models.clip)
            note("prompts", history["images_per_second"].iloc[-1])
        history = train_baseline(context, models.baseline, texts)
        note("baseline", history["images_per_second"].iloc[-1])
        history = train_experts(context, models.model, models.router, texts, Path(folder) / "experts.pt")
        note("experts", history["images_per_second"].iloc[-1])
    models.model.to(device)
    seconds = []
    for _ in range(_EPOCHS):
        started = time.perf_counter()
        extract_features(
            models.model,
            samples,
            models.router,
            batch_size=config.data.evaluation_batch_size,
            device=device,
            precision=PRECISIONS[config.runtime.precision],
        ).cpu()
        seconds.append(time.perf_counter() - started)
    note("evaluation", len(samples) / seconds[-1])
    return pd.DataFrame(rows)


def random_samples(config: Config, *, identities: int) -> Samples:
    """``num_instances`` random images for each of some identities, with random labels of the dataset's schema."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(identities), config.data.num_instances)
    pixels = generator.integers(0, 256, (len(labels), 3, config.data.height, config.data.width), dtype=np.uint8)
    groups = get_schema(config.data.dataset).groups
    codes = np.stack([1 << generator.integers(len(group.values), size=len(labels)) for group in groups], axis=1)
    return Samples(pixels, labels, labels, generator.integers(1, _CAMERAS + 1, len(labels)), codes)


def with_random_weights(config: Config) -> Config:
    """The settings with an encoder that needs no file and that nobody has to fetch."""
    return replace(config, model=replace(config.model, weights="random", clip_reid=""))


def _shortened(config: Config) -> Config:
    """The settings with two epochs a stage, random weights, and no files for TensorBoard."""
    short = {
        stage: replace(getattr(config.stages, stage), epochs=_EPOCHS, milestones=(), warmup_epochs=0)
        for stage in STAGES
    }
    return replace(
        with_random_weights(config),
        stages=replace(config.stages, **short),
        runtime=replace(config.runtime, tensorboard=False),
    )
