"""Which parameters of a stage train: set, counted, proven, and handed to the optimiser."""

import hashlib
from collections.abc import Iterable

import pandas as pd
import torch
from torch import nn

from mosaicreid.config.settings import StageConfig


def train_only(objective: nn.Module, trained: nn.Module) -> None:
    """Freeze all of ``objective`` but the parameters of ``trained``; biases of BNNecks stay fixed, as in CLIP-ReID."""
    objective.requires_grad_(False)
    trained.requires_grad_(True)
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.bias.requires_grad_(False)


def count_parameters(objective: nn.Module) -> pd.DataFrame:
    """A row per part of the model (encoder, experts, every head): ``part``, and how many are trained and frozen."""
    counts: dict[str, list[int]] = {}
    for name, parameter in objective.named_parameters():
        part = name.removeprefix("model.").partition(".")[0]
        counts.setdefault(part, [0, 0])[0 if parameter.requires_grad else 1] += parameter.numel()
    return pd.DataFrame([(part, *pair) for part, pair in counts.items()], columns=["part", "trained", "frozen"])


def fingerprint(parameters: Iterable[torch.Tensor]) -> str:
    """The sha256 of tensors' bytes, in order: equal before and after a stage exactly if none of them changed."""
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def make_optimiser(objective: nn.Module, settings: StageConfig) -> torch.optim.Optimizer:
    """Adam or AdamW over what trains; every group carries its ``base_rate``, which a schedule multiplies.

    Biases have ``bias_factor`` times the learning rate, as in CLIP-ReID.
    """
    named = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
    groups = []
    for is_bias, factor in ((False, 1.0), (True, settings.bias_factor)):
        parameters = [parameter for name, parameter in named if name.endswith("bias") is is_bias]
        if parameters:
            rate = settings.learning_rate * factor
            groups.append({"params": parameters, "lr": rate, "base_rate": rate})
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(groups, weight_decay=settings.weight_decay, fused=True)
