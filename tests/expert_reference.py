"""The experts as Section 3.4 tells them: a loop over samples and active experts, on PEFT's LoRA layers."""

import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from torch import Tensor, nn

from mosaicreid.models.experts import ExpertLayer


class LoopedExperts(nn.Module):
    """The same experts as ``layer``, one PEFT LoRA layer each, on a base layer that adds nothing."""

    def __init__(self, layer: ExpertLayer) -> None:
        super().__init__()
        count, rank, width = layer.lora_a.shape
        base = nn.Linear(width, width, bias=False).to(layer.lora_a.dtype).requires_grad_(False)
        nn.init.zeros_(base.weight)
        config = LoraConfig(r=rank, lora_alpha=layer.scale * rank)
        self.experts = nn.ModuleList(
            Linear(base, "expert", config, r=rank, lora_alpha=layer.scale * rank) for _ in range(count)
        )
        with torch.no_grad():
            for expert, a, b in zip(self.experts, layer.lora_a, layer.lora_b, strict=True):
                expert.lora_A["expert"].weight.copy_(a)
                expert.lora_B["expert"].weight.copy_(b.T)
        self.options = layer.options
        self.dropout = layer.dropout

    def forward(self, x: Tensor, h: Tensor, gate: Tensor) -> Tensor:
        """As ``ExpertLayer.forward``."""
        reduce = {"mean": lambda t: t.mean(1), "cls": lambda t: t[:, 0], "max": lambda t: t.max(1).values}
        tokens = self.dropout(reduce[self.options.token_reduction](h))
        samples = []
        for b in range(len(x)):
            outputs = []
            for j in gate[b].nonzero().flatten().tolist():
                # PEFT's layer without its base, whose output is zero: only the expert's own work is timed.
                lora = self.experts[j]
                inner = lora.lora_A["expert"](tokens[b : b + 1])
                outputs.append(lora.scaling["expert"] * lora.lora_B["expert"](inner)[0])
            sample = x[b]
            if outputs:
                stacked = torch.stack(outputs)
                summary = stacked.mean(0) if self.options.pooling == "mean" else stacked.amax(0)
                sample = (
                    sample + summary
                    if self.options.injection == "every"
                    else torch.cat([sample[:1] + summary, sample[1:]])
                )
            samples.append(sample)
        return torch.stack(samples)

    def gradients(self) -> tuple[Tensor, Tensor]:
        """The gradients of all A and all B matrices in the stacked layout, (E, R, D) each; zero where unused."""
        a = [_gradient(expert.lora_A["expert"].weight) for expert in self.experts]
        b = [_gradient(expert.lora_B["expert"].weight).T for expert in self.experts]
        return torch.stack(a), torch.stack(b)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
