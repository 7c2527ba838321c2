"""The attribute experts: LoRA modules beside the feed-forward network of the last K blocks (Section 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError


class ExpertLayer(nn.Module):
    """All E experts of one block, stacked.

    ``lora_a`` and ``lora_b`` are both (E, R, D); expert j is ``x -> alpha / R * lora_b[j].T @ lora_a[j] @ x``. As in
    PEFT, A starts random (Kaiming uniform, a = sqrt(5)) and B at zero, so new experts change nothing. One dropout mask
    over the reduced token serves all experts, which keeps the mean path at two matrix products.
    """

    def __init__(self, options: ExpertOptions, *, experts: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.lora_a = nn.Parameter(torch.empty(experts, options.rank, width).uniform_(-bound, bound))
        self.lora_b = nn.Parameter(torch.zeros(experts, options.rank, width))
        self.dropout = nn.Dropout(options.dropout)
        self.scale = options.alpha / options.rank
        self.options = options

    def forward(self, x: Tensor, h: Tensor, gate: Tensor) -> Tensor:
        """Tokens ``x`` (B, N, D) that left the block, plus the summary of its normalised tokens ``h`` (B, N, D).

        ``gate`` (B, E) of 0 and 1. The summary goes on every token, or on the CLS token alone.
        """
        summary = self.summary(h, gate).to(x.dtype)[:, None]
        if self.options.injection == "every":
            return x + summary
        return torch.cat([x[:, :1] + summary, x[:, 1:]], dim=1)

    def residual(self, ffn: Tensor, gate: Tensor) -> Tensor:
        """What is left of the feed-forward network's output ``ffn`` (B, N, D) beside the active experts of ``gate``."""
        if self.options.ffn == "kept":
            return ffn
        return ffn.masked_fill(gate.bool().any(dim=1)[:, None, None], 0.0)

    def summary(self, h: Tensor, gate: Tensor) -> Tensor:
        """The summary token (B, D): the active experts' outputs, pooled; zeros where no expert is active."""
        token = self.dropout(self._reduce(h))
        inner = F.linear(token, self.lora_a.flatten(0, 1)).unflatten(1, (gate.shape[1], -1))
        if self.options.pooling == "max":
            outputs = self.scale * torch.einsum("ber,erd->bed", inner, self.lora_b)
            active = gate.bool()[:, :, None]
            highest = outputs.masked_fill(~active, -torch.inf).amax(dim=1)
            return torch.where(active.any(dim=1), highest, 0.0)
        gate = gate.to(self.lora_a.dtype)
        share = self.scale * gate / gate.sum(dim=1, keepdim=True).clamp(min=1)
        return (inner * share.to(inner.dtype)[:, :, None]).flatten(1) @ self.lora_b.flatten(0, 1)

    def _reduce(self, h: Tensor) -> Tensor:
        if self.options.token_reduction == "mean":
            return h.mean(dim=1)
        return h[:, 0] if self.options.token_reduction == "cls" else h.amax(dim=1)


class Experts(nn.Module):
    """The experts of the last ``options.last_k`` blocks of an encoder with ``depth`` blocks of width ``width``.

    ``names`` are the experts ``attribute=value`` in gate order; ``layers[i]`` belongs to block ``first_block + i``.

    Raises:
        InputError: no expert, more blocks with experts than the encoder has, or a rank above ``width``.
    """

    def __init__(self, names: Sequence[str], options: ExpertOptions, *, width: int, depth: int) -> None:
        super().__init__()
        if not names:
            raise InputError("no expert named; a model without experts is the baseline, with experts=None")
        if options.last_k > depth:
            raise InputError(
                f"experts in the last {options.last_k} blocks; the encoder has {depth}: expected 1 to {depth}"
            )
        if options.rank > width:
            raise InputError(f"rank is {options.rank}; expected 1 to the encoder's width, {width}")
        self.names = tuple(names)
        self.width = width
        self.options = options
        self.first_block = depth - options.last_k
        self.layers = nn.ModuleList(
            ExpertLayer(options, experts=len(self.names), width=width) for _ in range(options.last_k)
        )
