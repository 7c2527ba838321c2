"""The model: frozen or trainable image encoder, attribute experts or none, BNNecks and identity classifiers."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import Features, ImageEncoder
from mosaicreid.models.experts import ExpertLayer, Experts
from mosaicreid.models.towers import CLS, EVERY, attend, feed, normed


class Output(NamedTuple):
    """What training reads: the three features, and the identity logits (B, P) of the CLS and projected features."""

    features: Features
    logits: tuple[Tensor, Tensor]


class ReidModel(nn.Module):
    """CLIP-ReID's model (Li et al., 2023), with the attribute experts of MoSAIC-ReID (Sections 3.2 to 3.4) or none.

    ``identities`` is P, the number of training identities. BNNecks have a bias that does not train and classifiers
    none, as CLIP-ReID; parameter names below ``encoder.visual`` are CLIP-ReID's, and so are the heads'.
    """

    def __init__(self, encoder: ImageEncoder, experts: Experts | None, *, identities: int) -> None:
        super().__init__()
        if identities < 1:
            raise InputError(f"the number of identities is {identities}; expected at least 1")
        self.encoder = encoder
        self.experts = experts
        self.bottleneck = _neck(encoder.width)
        self.bottleneck_proj = _neck(encoder.projected_width)
        self.classifier = _classifier(encoder.width, identities)
        self.classifier_proj = _classifier(encoder.projected_width, identities)

    @property
    def split(self) -> int:
        """The number of blocks in ``prefix``: those before the first expert, and always short of the last block."""
        depth = len(self.encoder.blocks)
        return depth - 1 if self.experts is None else self.experts.first_block

    def prefix(self, images: Tensor, camids: Tensor | None = None) -> Tensor:
        """Images (B, 3, height, width) to the tokens (B, N, D) that no expert has touched yet.

        Where the encoder is frozen, ``suffix`` may be called with many gates on one prefix. ``camids`` (B,) int64 from
        1, for an encoder with a camera embedding.
        """
        x, rotation = self.encoder.tokens(images, camids), self.encoder.rotation()
        for block in self.encoder.blocks[: self.split]:
            x = x + attend(block, x, rotation)
            x = x + feed(block, normed(block, x))
        return x

    def suffix(self, x: Tensor, gate: Tensor | None = None) -> Features:
        """The remaining blocks, with their experts, from tokens (B, N, D) and gate (B, E) to the three features.

        Raises:
            InputError: a gate without experts, experts without a gate, or a gate of another shape.
        """
        self._check_gate(x, gate)
        last, rotation = x[:, 0], self.encoder.rotation()
        final = len(self.encoder.blocks) - 1 - self.split
        for k, block in enumerate(self.encoder.blocks[self.split :]):
            read = CLS if k == final else EVERY
            last = x[:, 0]
            x = x + attend(block, x, rotation)
            h = normed(block, x)
            x, ffn = x[:, read], feed(block, h[:, read])
            if self.experts is None or gate is None:
                x = x + ffn
            else:
                layer = cast(ExpertLayer, self.experts.layers[k])
                x = layer(x + layer.residual(ffn, gate), h, gate)
        return self.encoder.features(last, x)

    def features(self, images: Tensor, gate: Tensor | None = None, camids: Tensor | None = None) -> Features:
        """The three features of images (B, 3, height, width) under a gate (B, E), None for a model without experts."""
        return self.suffix(self.prefix(images, camids), gate)

    def logits(self, features: Features) -> tuple[Tensor, Tensor]:
        """Identity logits (B, P) of the CLS feature and of the projected one, each after its BNNeck."""
        return (
            self.classifier(self.bottleneck(features.cls)),
            self.classifier_proj(self.bottleneck_proj(features.projected)),
        )

    def forward(self, images: Tensor, gate: Tensor | None = None, camids: Tensor | None = None) -> Output:
        """Features and logits of a training batch; arguments as in ``features``."""
        features = self.features(images, gate, camids)
        return Output(features, self.logits(features))

    def _check_gate(self, x: Tensor, gate: Tensor | None) -> None:
        if self.experts is None:
            if gate is not None:
                raise InputError("a gate was given to a model without experts; expected none")
            return
        expected = (len(x), len(self.experts.names))
        if gate is None or gate.shape != expected:
            got = "none" if gate is None else tuple(gate.shape)
            raise InputError(f"the gate's shape is {got}; expected {expected} (images, experts)")


def retrieval_features(features: Features) -> Tensor:
    """(B, 2 widths): the CLS and the projected feature, both before their necks, as CLIP-ReID retrieves."""
    return torch.cat([features.cls, features.projected], dim=1)


def _neck(width: int) -> nn.BatchNorm1d:
    neck = nn.BatchNorm1d(width)
    neck.bias.requires_grad_(False)
    return neck


def _classifier(width: int, identities: int) -> nn.Linear:
    classifier = nn.Linear(width, identities, bias=False)
    nn.init.normal_(classifier.weight, std=0.001)
    return classifier
