"""One batch and one experts-stage step at the paper's sizes or the tiny ones, shared by the benchmarks of the model.

Weights are random: time and memory do not depend on their values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from mosaicreid.attributes import AttributeType
from mosaicreid.config.settings import ExpertOptions
from mosaicreid.datasets import get_schema
from mosaicreid.losses import i2t_loss, id_loss, triplet_loss
from mosaicreid.models.backbone import Features, ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.reid import Output, ReidModel
from mosaicreid.models.router import Router

IDENTITIES = 751
SIZES = {
    "paper": {"architecture": "ViT-B-16-quickgelu", "image_size": (256, 128), "rank": 16},
    "tiny": {"architecture": "tiny", "image_size": (64, 32), "rank": 4},
}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Images (B, 3, height, width), gate (B, E), labels (B,) and the text features of all identities (P, width)."""

    images: Tensor
    gate: Tensor
    labels: Tensor
    texts: Tensor


def make_model(size: str) -> ReidModel:
    """All 12 Market-1501 attributes, experts in every block, a frozen encoder; experts and heads train."""
    settings = SIZES[size]
    encoder = ImageEncoder(build_clip(settings["architecture"], image_size=settings["image_size"]))
    depth = len(encoder.blocks)
    options = ExpertOptions(last_k=depth, rank=settings["rank"], alpha=float(settings["rank"]))
    experts = Experts(get_schema("market1501").experts, options, width=encoder.width, depth=depth)
    encoder.requires_grad_(False)
    return ReidModel(encoder, experts, identities=IDENTITIES)


def make_batch(size: str, batch_size: int, model: ReidModel) -> Batch:
    """Random images of random identities, each attribute with one random label; four images per identity."""
    schema = get_schema("market1501")
    generator = torch.Generator().manual_seed(0)
    codes = torch.stack(
        [1 << torch.randint(len(group.values), (batch_size,), generator=generator) for group in schema.groups], dim=1
    )
    for column, group in enumerate(schema.groups):
        if group.type is AttributeType.single_state:
            codes[:, column] = 1 + (torch.rand(batch_size, generator=generator) < 0.2)
    return Batch(
        images=torch.randn(batch_size, 3, *SIZES[size]["image_size"], generator=generator),
        gate=Router(schema, schema.attributes)(codes),
        labels=torch.arange(batch_size) // 4,
        texts=torch.randn(IDENTITIES, model.encoder.projected_width, generator=generator),
    )


def loss_of(output: Output, batch: Batch) -> Tensor:
    """Eq. 4 on a batch: two ID terms, three triplet terms, one image-to-text term."""
    loss = sum(id_loss(logits, batch.labels) for logits in output.logits)
    loss = loss + sum(triplet_loss(feature, batch.labels) for feature in output.features)
    return loss + i2t_loss(output.features.projected, batch.texts, batch.labels)


def step(forward: Callable[[], Features], model: ReidModel, batch: Batch, optimiser: torch.optim.Optimizer) -> None:
    """One optimisation step on the features that ``forward`` gives."""
    features = forward()
    optimiser.zero_grad()
    loss_of(Output(features, model.logits(features)), batch).backward()
    optimiser.step()


def make_optimiser(parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The paper's (Section 4.2)."""
    return torch.optim.AdamW(parameters, lr=1e-4)
