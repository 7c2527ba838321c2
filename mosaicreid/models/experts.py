"""The attribute experts: LoRA modules beside the feed-forward network of the last K blocks (Section 3.4)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mosaicreid.errors import InputError, one_of

TokenReduction = Literal["mean", "cls", "max"]
Pooling = Literal["mean", "max"]
Injection = Literal["every", "cls"]


class ExpertLayer(nn.Module):
    """All E experts of one block, stacked.

    ``lora_a`` and ``lora_b`` are both (E, R, D); expert j is ``x -> alpha / R * lora_b[j].T @ lora_a[j] @ x``. As in
    PEFT, A starts random (Kaiming uniform, a = sqrt(5)) and B at zero, so new experts change nothing. One dropout mask
    over the reduced token serves all experts, which keeps the mean path at two matrix products.
    """

    def __init__(
        self,
        *,
        experts: int,
        width: int,
        rank: int,
        alpha: float,
        dropout: float,
        token_reduction: TokenReduction,
        pooling: Pooling,
        injection: Injection,
    ) -> None:
        super().__init__()
        bound = width**-0.5
        self.lora_a = nn.Parameter(torch.empty(experts, rank, width).uniform_(-bound, bound))
        self.lora_b = nn.Parameter(torch.zeros(experts, rank, width))
        self.dropout = nn.Dropout(dropout)
        self.scale = alpha / rank
        self.token_reduction = token_reduction
        self.pooling = pooling
        self.injection = injection

    def forward(self, x: Tensor, h: Tensor, gate: Tensor) -> Tensor:
        """Tokens ``x`` (B, N, D) that left the block, plus the summary of its normalised tokens ``h`` (B, N, D).

        ``gate`` (B, E) of 0 and 1. The summary goes on every token, or on the CLS token alone.
        """
        summary = self.summary(h, gate).to(x.dtype)[:, None]
        if self.injection == "every":
            return x + summary
        return torch.cat([x[:, :1] + summary, x[:, 1:]], dim=1)

    def summary(self, h: Tensor, gate: Tensor) -> Tensor:
        """The summary token (B, D): the active experts' outputs, pooled; zeros where no expert is active."""
        token = self.dropout(self._reduce(h))
        inner = F.linear(token, self.lora_a.flatten(0, 1)).unflatten(1, (gate.shape[1], -1))
        if self.pooling == "max":
            outputs = self.scale * torch.einsum("ber,erd->bed", inner, self.lora_b)
            active = gate.bool()[:, :, None]
            highest = outputs.masked_fill(~active, -torch.inf).amax(dim=1)
            return torch.where(active.any(dim=1), highest, 0.0)
        gate = gate.to(self.lora_a.dtype)
        share = self.scale * gate / gate.sum(dim=1, keepdim=True).clamp(min=1)
        return (inner * share.to(inner.dtype)[:, :, None]).flatten(1) @ self.lora_b.flatten(0, 1)

    def _reduce(self, h: Tensor) -> Tensor:
        if self.token_reduction == "mean":
            return h.mean(dim=1)
        return h[:, 0] if self.token_reduction == "cls" else h.amax(dim=1)


class Experts(nn.Module):
    """The experts of the last ``last_k`` blocks of an encoder with ``depth`` blocks of width ``width``.

    ``names`` are the experts ``attribute=value`` in gate order; ``layers[i]`` belongs to block
    ``first_block + i``. ``alpha / rank`` scales an expert's output.

    Raises:
        InputError: no expert, ``last_k`` outside 1 to ``depth``, a rank outside 1 to ``width``, alpha not above 0,
            dropout outside [0, 1), or an unknown option.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        width: int,
        depth: int,
        last_k: int,
        rank: int,
        alpha: float,
        dropout: float = 0.0,
        token_reduction: TokenReduction = "mean",
        pooling: Pooling = "mean",
        injection: Injection = "every",
    ) -> None:
        super().__init__()
        if not names:
            raise InputError("no expert named; a model without experts is the baseline, with experts=None")
        if not 1 <= last_k <= depth:
            raise InputError(f"experts in the last {last_k} blocks; the encoder has {depth}: expected 1 to {depth}")
        if not 1 <= rank <= width:
            raise InputError(f"rank is {rank}; expected 1 to the encoder's width, {width}")
        if not (alpha > 0 and 0 <= dropout < 1):
            raise InputError(f"alpha is {alpha} and dropout {dropout}; expected alpha above 0, dropout from 0 below 1")
        for what, got, expected in (
            ("token reduction", token_reduction, ("mean", "cls", "max")),
            ("pooling", pooling, ("mean", "max")),
            ("injection", injection, ("every", "cls")),
        ):
            if got not in expected:
                raise one_of(what, got, expected)
        self.names = tuple(names)
        self.width = width
        self.first_block = depth - last_k
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.token_reduction = token_reduction
        self.pooling = pooling
        self.injection = injection
        self.layers = nn.ModuleList(
            ExpertLayer(
                experts=len(self.names),
                width=width,
                rank=rank,
                alpha=alpha,
                dropout=dropout,
                token_reduction=token_reduction,
                pooling=pooling,
                injection=injection,
            )
            for _ in range(last_k)
        )
