"""Random weights in the forms in which the real ones are published: OpenAI's archive and CLIP-ReID's checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mosaicreid.files import atomic_path
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.prompts import PromptLearner, TextEncoder
from mosaicreid.models.reid import ReidModel

if TYPE_CHECKING:
    from open_clip import CLIP

# Pixels: OpenAI's models have a square grid, to which positions belong.
_SQUARE = 224
_SEED = 0


def write_openai_archive(path: Path, *, architecture: str) -> None:
    """Write random weights of ``architecture`` as OpenAI published CLIP's: a TorchScript archive in half precision.

    Both towers, positions of a square grid, and the three numbers that stand beside the tensors.
    """
    torch.manual_seed(_SEED)
    patch = build_clip(architecture, image_size=(_SQUARE, _SQUARE)).visual.patch_size[0]
    side = _SQUARE // patch * patch
    clip = build_clip(architecture, image_size=(side, side)).half()
    module = _Tensors(clip.state_dict())
    for name, number in (("input_resolution", side), ("context_length", clip.context_length), ("vocab_size", 49408)):
        module.register_buffer(name, torch.tensor(number))
    with atomic_path(path) as temporary:
        torch.jit.save(torch.jit.trace(module, torch.zeros(1)), str(temporary))


def write_clip_reid(
    path: Path, *, architecture: str, image_size: tuple[int, int], stride: int, identities: int
) -> None:
    """Write random weights as CLIP-ReID released its own: encoder, heads, prompts and text tower of ``identities``
    training people, under the prefix that training on several GPUs leaves."""
    torch.manual_seed(_SEED)
    clip: CLIP = build_clip(architecture, image_size=image_size, stride=stride)
    model = ReidModel(ImageEncoder(clip), None, identities=identities)
    parts: dict[str, nn.Module] = {
        "image_encoder": clip.visual,
        "prompt_learner": PromptLearner(clip, identities=identities),
        "text_encoder": TextEncoder(clip),
        **{name: getattr(model, name) for name in ("bottleneck", "bottleneck_proj", "classifier", "classifier_proj")},
    }
    state = {
        f"module.{part}.{name}": tensor
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


class _Tensors(nn.Module):
    """Modules within modules that hold ``state`` under its dotted names, and compute nothing."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        inner: dict[str, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            first, _, rest = name.partition(".")
            if rest:
                inner.setdefault(first, {})[rest] = tensor
            else:
                self.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
        for name, tensors in inner.items():
            self.add_module(name, _Tensors(tensors))

    def forward(self, x: Tensor) -> Tensor:
        return x
