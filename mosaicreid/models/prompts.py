"""CLIP-ReID's prompts: "A photo of a X X X X person." with four learnt tokens per identity (Li et al., 2023)."""

from typing import Any

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.models.towers import ImageOnly
from mosaicreid.progress import bar

TEMPLATE = "A photo of a X X X X person."
_BEFORE = 5  # start of text, A, photo, of, a
_LEARNT = 4


def text_tower(clip: nn.Module) -> Any:
    """The module of ``clip`` with the text tower's parts: itself, or ``clip.text`` where the model is open_clip's
    custom one.

    Raises:
        InputError: there is no text tower, or one that does not read CLIP's end of text with a plain projection.
    """
    if isinstance(clip, ImageOnly):
        raise InputError("this image encoder has no text tower, which prompts and captions need; expected a CLIP")
    tower: Any = getattr(clip, "text", clip)
    plain = isinstance(tower.text_projection, nn.Parameter) and getattr(tower, "cls_emb", None) is None
    pool = getattr(tower, "pool_type", getattr(tower, "text_pool_type", "argmax"))
    if not plain or pool != "argmax" or tower.attn_mask is None:
        raise InputError("the text tower is not of CLIP's own kind, causal with the feature at the end of text")
    return tower


class TextEncoder(nn.Module):
    """The text tower of ``clip`` from token embeddings on; its parameters have the names CLIP-ReID gives them."""

    attn_mask: Tensor

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        tower = text_tower(clip)
        self.positional_embedding = tower.positional_embedding
        self.transformer = tower.transformer
        self.ln_final = tower.ln_final
        self.text_projection = tower.text_projection
        self.register_buffer("attn_mask", tower.attn_mask, persistent=False)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Token embeddings (B, N, D) that end at the end-of-text token to text features (B, projected width)."""
        length = embeddings.shape[1]
        x = embeddings + self.positional_embedding[:length]
        x = self.transformer(x, attn_mask=self.attn_mask[:length, :length])
        return self.ln_final(x[:, -1]) @ self.text_projection


class PromptLearner(nn.Module):
    """Four learnt tokens for each of P identities, inside the embedded template of ``clip``'s own words.

    ``cls_ctx`` (P, 4, D) starts normal with standard deviation 0.02; ``token_prefix`` (1, 5, D) and ``token_suffix``
    (1, context - 9, D) are fixed. Build it after CLIP has its weights: the words are copied.

    Raises:
        InputError: no identity, or a text tower whose context cannot hold the template.
    """

    token_prefix: Tensor
    token_suffix: Tensor

    def __init__(self, clip: nn.Module, *, identities: int) -> None:
        super().__init__()
        from open_clip import tokenize

        if identities < 1:
            raise InputError(f"the number of identities is {identities}; expected at least 1")
        tower = text_tower(clip)
        tokens = tokenize(TEMPLATE, context_length=max(tower.context_length, _BEFORE + _LEARNT + 3))
        self.length = int(tokens.argmax()) + 1  # end of text has the highest token number
        if tower.context_length < self.length:
            raise InputError(f"the text tower reads {tower.context_length} tokens; the prompt needs {self.length}")
        with torch.no_grad():
            words = tower.token_embedding(tokens.to(tower.token_embedding.weight.device))
        self.cls_ctx = nn.Parameter(torch.empty_like(words[:, :_LEARNT]).repeat(identities, 1, 1).normal_(std=0.02))
        self.register_buffer("token_prefix", words[:, :_BEFORE].clone())
        self.register_buffer("token_suffix", words[:, _BEFORE + _LEARNT :].clone())

    def forward(self, labels: Tensor) -> Tensor:
        """Prompts of the identities ``labels`` (B,) int64 from 0, embedded: (B, 12, D).

        They stop at the end-of-text token, where the feature is read: attention is causal, so the padding that
        CLIP-ReID carries along (77 tokens in all) cannot change it.
        """
        before = self.token_prefix.expand(len(labels), -1, -1)
        after = self.token_suffix[:, : self.length - _BEFORE - _LEARNT].expand(len(labels), -1, -1)
        return torch.cat([before, self.cls_ctx[labels], after], dim=1)


@torch.no_grad()
def text_features(prompts: PromptLearner, text: TextEncoder, *, chunk: int = 256) -> Tensor:
    """Text features of all identities, (P, projected width), not normalised; ``chunk`` identities at a time."""
    labels = torch.arange(len(prompts.cls_ctx), device=prompts.cls_ctx.device)
    parts = labels.split(chunk)
    return torch.cat([text(prompts(part)) for part in bar(parts, "text features", total=len(parts), unit="batch")])
