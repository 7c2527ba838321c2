"""A stage of training as the package runs it, in double precision; ``stage_reference`` says what it should give.

A few batches of eight small random images: two epochs for what depends on the epoch, two batches for what depends on
the step.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from training_reference import State

from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.data.loaders import Samples
from mosaicreid.models.build import Models, build_models
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.stages import Context, pretrain, train_baseline, train_experts, tune_prompts

STAGES = ("pretrain", "prompts", "baseline", "experts")
BASE = {
    "data.height": 16,
    "data.width": 8,
    "data.batch_size": 8,
    "data.num_instances": 2,
    "data.erasing": 0.5,
    "data.evaluation_batch_size": 7,
    "model.camera_embedding": 1.5,
    "experts.configuration": "gender+hat+upcolour",
    "experts.last_k": 2,
    "experts.rank": 2,
    "experts.alpha": 3.0,
    "experts.dropout": 0.25,
    **{f"stages.{stage}.epochs": 2 for stage in STAGES},
    **{f"stages.{stage}.weight_decay": 0.02 for stage in STAGES},
    "stages.pretrain.warmup_epochs": 0,
    "stages.prompts.warmup_epochs": 2,
    "stages.prompts.warmup_factor": 0.3,
    "stages.prompts.final_learning_rate": 1e-3,
    "stages.baseline.milestones": [2],
    "stages.baseline.warmup_epochs": 0,
    "stages.experts.milestones": [2],
    "stages.experts.id_weight": 0.5,
    "stages.experts.triplet_weight": 0.75,
    "stages.experts.learning_rate": 3e-2,
}
COUNTS = (4, 4, 2, 3, 5)
CAMERAS = 3
# A small vocabulary for the stage that trains its embedding; its last word ends a text.
VOCABULARY, CAPTIONS = 40, ((1, 7, 3, 39, 0), (2, 39, 0, 0, 0), (5, 4, 3, 2, 39))


@dataclass(kw_only=True)
class Ran:
    """What a stage left: its history, every tensor of its models before and after, and the file of its checkpoint."""

    history: pd.DataFrame
    before: State
    after: State
    checkpoint: Path


def config_of(**overrides: object) -> Config:
    """The cases' settings; ``stages__experts__epochs=1`` replaces ``stages.experts.epochs``."""
    return make_config("tiny", BASE | {name.replace("__", "."): value for name, value in overrides.items()})


@cache
def make_samples(height: int = 16, width: int = 8, counts: tuple[int, ...] = COUNTS) -> Samples:
    """Random images of a few people: one without a label, one with two colours."""
    random = np.random.default_rng(3)
    labels = random.permutation(np.repeat(np.arange(len(counts)), counts))
    codes = np.stack(
        [1 << random.integers(0, size, len(counts)) for size in (2, 2, 4, 2, 2, 2, 2, 2, 8, 2, 9, 2)], axis=1
    )
    codes[1] = 0
    codes[2, 8] = 0b1010
    pixels = random.integers(0, 256, (len(labels), 3, height, width), dtype=np.uint8)
    return Samples(pixels, 10 + labels, labels, random.integers(1, CAMERAS + 1, len(labels)), codes[labels])


def samples_of(config: Config) -> Samples:
    return make_samples(config.data.height, config.data.width)


def context_of(config: Config, folder: Path) -> Context:
    return Context(
        config=config,
        samples=samples_of(config),
        accelerator=make_accelerator(config.runtime),
        shared=folder,
        images="these",
        labels="theirs",
    )


def make_models(config: Config, *, seed: int = 0) -> Models:
    """The models of a run, every tensor that starts at zero, at one or near zero moved away from it."""
    models = build_models(config, identities=len(COUNTS), cameras=CAMERAS)
    generator = torch.Generator().manual_seed(seed)

    def move(tensor: Tensor, centre: float, spread: float) -> None:
        with torch.no_grad():
            tensor.copy_(centre + spread * torch.randn(tensor.shape, generator=generator))

    # Features of a fresh encoder hardly differ between images; those of a trained one do.
    move(models.clip.visual.conv1.weight, 0, 0.2)
    # No loss depends on a key's bias: at zero, its gradient is rounding, which Adam with decay magnifies.
    for name, parameter in models.clip.named_parameters():
        if name.endswith("in_proj_bias"):
            move(parameter, 0, 0.1)
    for model in (models.baseline, models.model):
        for name in ("bottleneck", "bottleneck_proj"):
            head = getattr(model, name)
            for tensor, centre in ((head.weight, 1), (head.bias, 0), (head.running_mean, 0)):
                move(tensor, centre, 0.2)
        move(model.classifier.weight, 0, 0.1)
        move(model.classifier_proj.weight, 0, 0.1)
    for layer in models.model.experts.layers if models.model.experts else ():
        move(layer.lora_b, 0, 0.3)
    for module in (models.clip, models.baseline, models.model):
        module.double()
    return models


def texts_of(config: Config) -> Tensor:
    """A text feature for every identity."""
    return 0.3 * torch.randn(len(COUNTS), 64, generator=torch.Generator().manual_seed(8), dtype=torch.float64)


def captions_of(config: Config) -> tuple[Tensor, Tensor]:
    """The captions' tokens, an image each, and which of them are equal."""
    which = torch.arange(len(samples_of(config))) % len(CAPTIONS)
    return torch.tensor(CAPTIONS)[which], which


def shrink_vocabulary(models: Models) -> None:
    generator = torch.Generator().manual_seed(2)
    models.clip.token_embedding = nn.Embedding(VOCABULARY, 64, dtype=torch.float64)
    with torch.no_grad():
        models.clip.token_embedding.weight.copy_(0.1 * torch.randn(VOCABULARY, 64, generator=generator))


def run(stage: str, config: Config, folder: Path, prepare=lambda models: None) -> Ran:
    """The stage by the package. ``prepare`` may change the models before it starts."""
    models, context = make_models(config), context_of(config, folder)
    path = folder / f"{stage}.pt"
    if stage == "pretrain":
        shrink_vocabulary(models)
    module = {"pretrain": models.clip, "prompts": models.clip, "baseline": models.baseline, "experts": models.model}[
        stage
    ]
    prepare(models)
    before = copied(module)
    if stage == "pretrain":
        history = pretrain(context, models.clip, *captions_of(config))
    elif stage == "prompts":
        texts, history = tune_prompts(context, models.clip)
    elif stage == "baseline":
        history = train_baseline(context, models.baseline, texts_of(config))
    else:
        history = train_experts(context, models.model, models.router, texts_of(config), path)
    after = copied(module)
    if stage == "prompts":
        after |= {"texts": texts, "cls_ctx": torch.load(path, weights_only=True)["model"]["cls_ctx"]}
    return Ran(history=history, before=before, after=after, checkpoint=path)


def copied(module: nn.Module) -> State:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
