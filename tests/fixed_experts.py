"""Experts without a draw, exported: equal bytes everywhere. ``python fixed_experts.py FOLDER`` writes them."""

import sys
from pathlib import Path

import torch

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.models.adapters import export_experts
from mosaicreid.models.experts import Experts


def export_fixed(folder: Path) -> None:
    """Two experts in four blocks, every tensor a constant."""
    experts = Experts(("hat=yes", "gender=male"), ExpertOptions(last_k=4, rank=2, alpha=3.0), width=6, depth=7)
    for k, parameter in enumerate(experts.parameters()):
        torch.nn.init.constant_(parameter, k)
    export_experts(experts, folder)


if __name__ == "__main__":
    export_fixed(Path(sys.argv[1]))
