"""What each stage minimises: a module from this process's share of a batch to the loss terms of the global batch."""

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.losses import i2t_loss, id_loss, sup_con_loss, triplet_loss
from mosaicreid.models.backbone import Features, ImageEncoder
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_tower
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.training.distributed import gather

# CLIP's own bound on its temperature (Radford et al., 2021).
_MAX_LOGIT_SCALE = 100.0


class Contrast(nn.Module):
    """Stage ``pretrain``: CLIP's contrastive loss on images and captions (Radford et al., 2021).

    Captions that say the same are each other's positives: ``caption`` numbers the distinct ones.
    """

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip
        self.encoder = ImageEncoder(clip)

    def forward(self, images: Tensor, tokens: Tensor, caption: Tensor) -> dict[str, Tensor]:
        """``images`` (B, 3, H, W), ``tokens`` (B, N) int64, ``caption`` (B,) int64 to the loss in both directions."""
        pictures = F.normalize(gather(self.encoder(images).projected.float()), dim=1)
        texts = F.normalize(gather(self._encode_captions(tokens).float()), dim=1)
        labels = gather(caption)
        scaled = self.clip.logit_scale.exp().clamp(max=_MAX_LOGIT_SCALE) * pictures
        with torch.autocast(images.device.type, enabled=False):
            return {
                "i2t": sup_con_loss(scaled, texts, labels, labels),
                "t2i": sup_con_loss(texts, scaled, labels, labels),
            }

    def _encode_captions(self, tokens: Tensor) -> Tensor:
        """Features of captions that may be padded to less than the whole context, as open_clip's ``encode_text``."""
        tower, length = text_tower(self.clip), tokens.shape[1]
        x = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
        # The end-of-text token has the highest number.
        return x[torch.arange(len(x)), tokens.argmax(dim=1)] @ tower.text_projection


class PromptContrast(nn.Module):
    """Stage ``prompts`` (CLIP-ReID's stage 1): the identities' tokens against image features that are fixed."""

    def __init__(self, prompts: PromptLearner, text: TextEncoder) -> None:
        super().__init__()
        self.prompts = prompts
        self.text = text

    def forward(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """``features`` (B, D) projected image features, ``labels`` (B,) int64 to both directions of the loss."""
        texts = gather(self.text(self.prompts(labels)).float())
        pictures, everyone = gather(features.float()), gather(labels)
        with torch.autocast(features.device.type, enabled=False):
            return {
                "i2t": sup_con_loss(pictures, texts, everyone, everyone),
                "t2i": sup_con_loss(texts, pictures, everyone, everyone),
            }


class Reidentification(nn.Module):
    """Stages ``baseline`` and ``experts``: the three terms of Eq. 4, summed over CLIP-ReID's features and classifiers.

    ``texts`` (P, D) are the text features of all identities, None where there is no text tower: the term i2t is absent
    then. ``router`` is None for a model without experts.
    """

    texts: Tensor | None

    def __init__(
        self,
        model: ReidModel,
        router: Router | None,
        texts: Tensor | None,
        *,
        margin: float,
        smoothing: float,
        similarity: str,
        compiled: bool,
    ) -> None:
        super().__init__()
        self.model = model
        self.router = router
        self.margin = margin
        self.smoothing = smoothing
        self.similarity = similarity
        self.encode = torch.compile(model.features) if compiled else model.features
        self.register_buffer("texts", texts, persistent=False)

    def train(self, mode: bool = True) -> Self:
        """Training mode for all but the necks that do not learn, which keep their running statistics."""
        super().train(mode)
        for neck in (self.model.bottleneck, self.model.bottleneck_proj):
            neck.train(mode and neck.weight.requires_grad)
        return self

    def forward(self, images: Tensor, labels: Tensor, camids: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """``images`` (B, 3, H, W), ``labels`` and ``camids`` (B,), ``codes`` (B, A) to id, triplet and i2t."""
        gate = None if self.router is None else self.router(codes)
        mine = self.encode(images, gate, camids)
        labels = gather(labels)
        features = Features(*(gather(part.float()) for part in mine))
        with torch.autocast(images.device.type, enabled=False):
            logits = self.model.logits(features)
            terms = {
                "id": sum_of(id_loss(part, labels, smoothing=self.smoothing) for part in logits),
                "triplet": sum_of(triplet_loss(part, labels, margin=self.margin) for part in features),
            }
            if self.texts is not None:
                terms["i2t"] = i2t_loss(
                    features.projected, self.texts, labels, smoothing=self.smoothing, similarity=self.similarity
                )
            return terms


def sum_of(terms: Iterable[Tensor]) -> Tensor:
    """The sum of scalar tensors."""
    return torch.stack(list(terms)).sum()
