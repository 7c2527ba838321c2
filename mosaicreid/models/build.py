"""From settings to modules: CLIP with its weights, the baseline's model and the model with experts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mosaicreid.config.settings import STAGES, Config
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.hub.tags import activation, clip_weights
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_features
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.models.weights import load_clip, load_clip_reid, read_weights

HEADS = ("bottleneck", "bottleneck_proj", "classifier", "classifier_proj")


@dataclass(frozen=True, kw_only=True)
class Models:
    """The modules of a run, all on one encoder: ``clip`` with both towers (or the image's alone), ``baseline`` without
    experts, and ``model``.

    ``model`` is the baseline itself, and ``router`` None, where no attribute is included.
    """

    clip: Any
    baseline: ReidModel
    model: ReidModel
    router: Router | None


def build_models(config: Config, *, identities: int, cameras: int) -> Models:
    """Every module of a run, with its own seed per stage.

    CLIP has its weights, unless ``pretrain`` makes them or ``adopt_clip_reid`` is to bring them.

    Raises:
        InputError: weights that are missing or do not fit, more blocks with experts than there are, a rank above the
            width, or another setting that the modules refuse.
    """
    seed_stage(config, "pretrain")
    clip = build_encoder(config)
    weights = config.model.weights
    # A checkpoint of CLIP-ReID holds both towers: where it replaces them, a tag's need not be fetched.
    replaced = config.model.clip_reid and not Path(weights).is_file()
    if weights not in ("pretrain", "random") and not replaced:
        load_clip(clip, clip_weights(config.model.architecture, weights))
    coefficient = config.model.camera_embedding
    encoder = ImageEncoder(clip, cameras=cameras if coefficient else 0, camera_coefficient=coefficient)
    seed_stage(config, "baseline")
    baseline = ReidModel(encoder, None, identities=identities)
    seed_stage(config, "experts")
    router = build_router(config)
    if router is None:
        return Models(clip=clip, baseline=baseline, model=baseline, router=None)
    experts = Experts(router.experts, config.experts, width=encoder.width, depth=len(encoder.blocks))
    return Models(clip=clip, baseline=baseline, model=ReidModel(encoder, experts, identities=identities), router=router)


def build_encoder(config: Config) -> nn.Module:
    """CLIP, or an image encoder alone, in the run's shape and with the activation of its weights, but random ones."""
    model = config.model
    return build_clip(
        model.architecture,
        image_size=(config.data.height, config.data.width),
        stride=model.stride,
        text=model.text == "tower",
        quick_gelu=activation(model.architecture, model.weights),
    )


def build_router(config: Config) -> Router | None:
    """The router of the run's configuration, None where it includes no attribute."""
    if not config.included:
        return None
    if config.experts.routing == "always":
        # No image gets a label then, so every expert is on for all of them.
        return Router(config.schema, config.included, unannotated="every")
    return Router(
        config.schema,
        config.included,
        two_labels=config.experts.two_labels,
        unannotated=config.experts.unannotated,
    )


def adopt_clip_reid(path: Path, models: Models, *, identities: int) -> Tensor:
    """Load a checkpoint that CLIP-ReID released into the baseline; returns the identities' text features (P, D).

    Raises:
        InputError: no such file, or tensors that are missing or of another shape.
    """
    prompts, text = PromptLearner(models.clip, identities=identities), TextEncoder(models.clip)
    load_clip_reid(read_weights(path), models.baseline, prompts=prompts, text=text)
    return text_features(prompts, text)


def seed_stage(config: Config, stage: str) -> None:
    """Seed torch for the new parameters of ``stage``."""
    torch.manual_seed(int(np.random.SeedSequence([config.seed, STAGES.index(stage)]).generate_state(1)[0]))
