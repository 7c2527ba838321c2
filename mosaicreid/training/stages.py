"""The four stages, each from what the stages before it left (Section 3.5; Li et al., 2023).

``pretrain`` stands in for CLIP's own training where no weights can be had, ``prompts`` and ``baseline`` are CLIP-ReID's
two stages, ``experts`` is the paper's. The first three leave one checkpoint each in the shared folder of a sweep.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from mosaicreid.config.settings import STAGES, Config, ExpertConfig, StageConfig
from mosaicreid.data.augment import Augmentation
from mosaicreid.data.loaders import Batch, Samples, evaluation_batches, training_batches
from mosaicreid.data.sampler import Indices, ShuffleSampler, pk_sampler, share
from mosaicreid.models.build import HEADS, Models, seed_stage
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_features
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.training.loop import Stage, fit
from mosaicreid.training.objectives import Contrast, PromptContrast, Reidentification

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every stage of a run shares: settings, training images, where to compute, and where to write.

    ``shared`` is the folder of the checkpoints that runs have in common. ``images`` and ``labels`` are fingerprints of
    the training images (names, identities, cameras, pixels) and of their attributes.
    """

    config: Config
    samples: Samples
    accelerator: "Accelerator"
    shared: Path
    images: str
    labels: str


def identity(context: Context, stage: str) -> dict[str, Any]:
    """The plain values that the numbers of ``stage`` depend on: its data, its own settings and those before it.

    Labels count where a stage sees them: the experts do, the captions of the pretraining do, and all after these.
    """
    values = context.config.to_dict()
    model = context.config.model
    skipped = {"pretrain"} if model.weights != "pretrain" else set()
    if model.text == "none":
        skipped.add("prompts")
    chain = [name for name in STAGES[: STAGES.index(stage) + 1] if name not in skipped]
    return {
        "seed": context.config.seed,
        "images": context.images,
        **({"labels": context.labels} if stage == "experts" or "pretrain" in chain else {}),
        "data": {k: v for k, v in values["data"].items() if k not in ("evaluation_batch_size", "workers")},
        "model": values["model"],
        "precision": context.config.runtime.precision,
        "stages": {name: values["stages"][name] for name in chain},
        **({"experts": values["experts"]} if stage == "experts" else {}),
    }


def pretrain(context: Context, clip: Any, tokens: Tensor, captions: Tensor) -> pd.DataFrame:
    """Train both towers of ``clip`` from scratch on the training images and their captions; returns the history.

    ``tokens`` (N, context) int64 are the images' captions, ``captions`` (N,) int64 numbers the distinct ones.
    """
    objective, device = Contrast(clip), context.accelerator.device

    def load(epoch: int, plan: list[Indices]) -> Iterator[tuple[Tensor, ...]]:
        for batch, indices in zip(_augmented(context, epoch, plan), _shares(context, plan), strict=True):
            yield batch.images, tokens[indices].to(device), captions[indices].to(device)

    stage = Stage(
        name="pretrain",
        settings=context.config.stages.pretrain,
        objective=objective,
        trained=clip,
        weights={"i2t": 0.5, "t2i": 0.5},
        plan=_shuffled(context).batches,
        load=load,
        identity=identity(context, "pretrain"),
        seed=context.config.seed,
    )
    return _fit(stage, context, context.shared / "pretrain.pt")


def tune_prompts(context: Context, clip: Any) -> tuple[Tensor, pd.DataFrame]:
    """CLIP-ReID's stage 1: learn four tokens per identity; returns all identities' text features and the history."""
    device = context.accelerator.device
    seed_stage(context.config, "prompts")
    prompts = PromptLearner(clip, identities=context.samples.num_identities)
    text = TextEncoder(clip)
    labels = torch.from_numpy(context.samples.labels).to(device)
    images: list[Tensor] = []

    def prepare() -> None:
        # The encoder is frozen, so its features are computed once, and not at all where nothing is left to train.
        images.append(_image_features(context, clip))

    def load(epoch: int, plan: list[Indices]) -> Iterator[tuple[Tensor, ...]]:
        for indices in _shares(context, plan):
            yield images[0][indices], labels[indices]

    stage = Stage(
        name="prompts",
        settings=context.config.stages.prompts,
        objective=PromptContrast(prompts, text),
        trained=prompts,
        weights={"i2t": 1.0, "t2i": 1.0},
        plan=_shuffled(context).batches,
        load=load,
        identity=identity(context, "prompts"),
        seed=context.config.seed,
        prepare=prepare,
    )
    history = _fit(stage, context, context.shared / "prompts.pt")
    return text_features(prompts.to(device), text.to(device)), history


def train_baseline(context: Context, model: ReidModel, texts: Tensor | None) -> pd.DataFrame:
    """CLIP-ReID's stage 2: train the whole image encoder and the heads of ``model``; returns the history."""
    settings = context.config.stages.baseline
    return _reidentify(context, "baseline", settings, model, None, texts, model, context.shared / "baseline.pt")


def prepare_heads(settings: ExpertConfig, models: Models) -> None:
    """Give the model with experts the baseline's heads, unless they are to be fresh."""
    if settings.heads == "fresh":
        return
    for name in HEADS:
        getattr(models.model, name).load_state_dict(getattr(models.baseline, name).state_dict())


def train_experts(context: Context, model: ReidModel, router: Router, texts: Tensor | None, path: Path) -> pd.DataFrame:
    """The paper's stage: train the experts, and the heads unless they are frozen; returns the history.

    The checkpoint at ``path`` holds the experts and the heads, not the frozen encoder.
    """
    heads = () if context.config.experts.heads == "frozen" else HEADS
    trained = nn.ModuleDict({name: getattr(model, name) for name in ("experts", *heads)})
    return _reidentify(context, "experts", context.config.stages.experts, model, router, texts, trained, path)


def train_on(context: Context, model: ReidModel, texts: Tensor | None, path: Path) -> pd.DataFrame:
    """Train the baseline on for as long as experts train, without any (``experts.longer``); returns the history.

    Its optimiser is the baseline's anew, at its full learning rate, which falls where the experts' does.
    """
    stages = context.config.stages
    settings = replace(
        stages.baseline, epochs=stages.experts.epochs, milestones=stages.experts.milestones, warmup_epochs=0
    )
    return _reidentify(context, "experts", settings, model, None, texts, model, path)


def _reidentify(
    context: Context,
    name: str,
    settings: StageConfig,
    model: ReidModel,
    router: Router | None,
    texts: Tensor | None,
    trained: nn.Module,
    path: Path,
) -> pd.DataFrame:
    objective = Reidentification(
        model,
        router,
        texts,
        margin=settings.triplet_margin,
        smoothing=settings.label_smoothing,
        similarity=settings.i2t_similarity,
        compiled=context.config.runtime.compile,
    )

    def load(epoch: int, plan: list[Indices]) -> Iterator[tuple[Tensor, ...]]:
        for batch in _augmented(context, epoch, plan):
            yield batch.images, batch.labels, batch.camids, batch.codes

    weights = {"id": settings.id_weight, "triplet": settings.triplet_weight, "i2t": settings.i2t_weight}
    if texts is None:
        del weights["i2t"]
    stage = Stage(
        name=name,
        settings=settings,
        objective=objective,
        trained=trained,
        weights=weights,
        plan=pk_sampler(context.config.data, context.samples.labels, seed=context.config.seed).batches,
        load=load,
        identity=identity(context, name),
        seed=context.config.seed,
    )
    return _fit(stage, context, path)


def _fit(stage: Stage, context: Context, path: Path) -> pd.DataFrame:
    board = path.parent / "tensorboard" / stage.name if context.config.runtime.tensorboard else None
    return fit(stage, context.accelerator, path, board=board)


def _shuffled(context: Context) -> ShuffleSampler:
    config = context.config
    return ShuffleSampler(num_images=len(context.samples), batch_size=config.data.batch_size, seed=config.seed)


def _augmented(context: Context, epoch: int, plan: list[Indices]) -> Iterator[Batch]:
    data, accelerator = context.config.data, context.accelerator
    return training_batches(
        context.samples,
        plan,
        augmentation=Augmentation(flip=data.flip, padding=data.padding, erasing=data.erasing),
        seed=context.config.seed,
        epoch=epoch,
        device=accelerator.device,
        rank=accelerator.process_index,
        processes=accelerator.num_processes,
    )


def _shares(context: Context, plan: list[Indices]) -> list[Indices]:
    accelerator = context.accelerator
    return [batch[share(len(batch), accelerator.process_index, accelerator.num_processes)] for batch in plan]


@torch.no_grad()
def _image_features(context: Context, clip: Any) -> Tensor:
    """CLIP's projected features of all training images, as they are, (N, projected width) float32."""
    data, accelerator = context.config.data, context.accelerator
    visual = clip.visual.to(accelerator.device).eval()
    batches = evaluation_batches(context.samples, batch_size=data.evaluation_batch_size, device=accelerator.device)
    with accelerator.autocast():
        return torch.cat([visual(batch.images).float() for batch in batches])
