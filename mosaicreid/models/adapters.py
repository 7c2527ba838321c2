"""Experts as PEFT adapters: one folder per expert, named ``attribute=value``, and back.

An expert is a linear map beside a block's feed-forward network, so its adapter belongs to a linear layer that maps
everything to zero: ``expert_host`` makes a module of such layers, ``blocks.<number>``, into which PEFT loads adapters.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from mosaicreid.config.parsing import build
from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.models.experts import ExpertLayer, Experts

_OPTIONS = "experts.json"
_PLACE = ("names", "width", "first_block", "depth")
# Options that PEFT's own configuration holds, or that follow from where the experts sit.
_ELSEWHERE = ("rank", "alpha", "dropout", "last_k")
_OPTION_NAMES = tuple(field.name for field in fields(ExpertOptions) if field.name not in _ELSEWHERE)
_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


def expert_host(experts: Experts) -> nn.Module:
    """A module with one zero linear layer (D to D, no bias) per block that has experts, named ``blocks.<number>``.

    ``peft.PeftModel.from_pretrained(expert_host(experts), folder / "hat=yes", adapter_name="hat=yes")`` gives an
    expert's output as PEFT computes it.
    """
    host = nn.Module()
    host.blocks = nn.ModuleDict()
    for target in _layers(experts):
        layer = nn.Linear(experts.width, experts.width, bias=False).requires_grad_(False)
        nn.init.zeros_(layer.weight)
        host.blocks[target.removeprefix("blocks.")] = layer
    return host


def export_experts(experts: Experts, folder: Path) -> None:
    """Write every expert to ``folder/<attribute=value>/`` as a PEFT LoRA adapter, and their options to experts.json."""
    from peft import LoraConfig
    from safetensors.torch import save_file

    folder = Path(folder)
    layers = _layers(experts)
    config = LoraConfig(
        r=experts.options.rank,
        lora_alpha=experts.options.alpha,  # type: ignore[arg-type]  # annotated as int, used as a number
        lora_dropout=experts.options.dropout,
        target_modules=list(layers),
        inference_mode=True,
    )
    # A set in PEFT's configuration would be written in an order that changes from process to process.
    settings = {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}
    for j, name in enumerate(experts.names):
        tensors = {}
        for target, layer in layers.items():
            tensors[_key(target, "A")] = layer.lora_a[j].detach().cpu().contiguous()
            tensors[_key(target, "B")] = layer.lora_b[j].detach().cpu().T.contiguous()
        with atomic_path(folder / name / _WEIGHTS) as path:
            save_file(tensors, path, metadata={"format": "pt"})
        with atomic_path(folder / name / _CONFIG) as path:
            path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    options = {
        "names": experts.names,
        "width": experts.width,
        "first_block": experts.first_block,
        "depth": experts.first_block + len(experts.layers),
        **{name: getattr(experts.options, name) for name in _OPTION_NAMES},
    }
    with atomic_path(folder / _OPTIONS) as path:
        path.write_text(json.dumps(options, indent=2) + "\n")


def import_experts(folder: Path) -> Experts:
    """The experts that ``export_experts`` wrote to ``folder``.

    Raises:
        InputError: a file is missing or damaged, adapters disagree in rank, alpha or dropout, or their tensors do not
            fit.
    """
    from peft import PeftConfig

    folder = Path(folder)
    try:
        options = json.loads(_existing(folder / _OPTIONS).read_text())
        missing = [name for name in (*_PLACE, *_OPTION_NAMES) if name not in options]
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / _OPTIONS} is damaged: {error}") from error
    if missing:
        raise InputError(f"{folder / _OPTIONS} has no {', '.join(missing)}; expected what a run writes")
    configs = []
    for name in options["names"]:
        _existing(folder / name / _CONFIG)
        config = PeftConfig.from_pretrained(str(folder / name))
        configs.append((config.r, config.lora_alpha, config.lora_dropout))  # type: ignore[attr-defined]
    if len(set(configs)) > 1:
        raise InputError(f"the adapters in {folder} differ in (rank, alpha, dropout): {sorted(set(configs))}")
    rank, alpha, dropout = configs[0]
    described = {name: options[name] for name in _OPTION_NAMES} | {"last_k": options["depth"] - options["first_block"]}
    described |= {"rank": rank, "alpha": alpha, "dropout": dropout}
    experts = Experts(
        options["names"],
        build(ExpertOptions, described, str(folder / _OPTIONS)),
        width=options["width"],
        depth=options["depth"],
    )
    for j, name in enumerate(experts.names):
        _load_expert(experts, j, folder / name / _WEIGHTS)
    return experts


@torch.no_grad()
def _load_expert(experts: Experts, j: int, path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(_existing(path))
    except SafetensorError as error:
        raise InputError(f"the adapter {path.parent.name} is damaged: {error}") from error
    targets: dict[str, Tensor] = {}
    for target, layer in _layers(experts).items():
        targets[_key(target, "A")] = layer.lora_a[j]
        targets[_key(target, "B")] = layer.lora_b[j].T
    wrong = sorted(
        name
        for name in targets.keys() | tensors.keys()
        if name not in targets or name not in tensors or targets[name].shape != tensors[name].shape
    )
    if wrong:
        raise InputError(f"the adapter {path.parent.name} does not fit: {', '.join(wrong)} missing or of another shape")
    for key, tensor in targets.items():
        tensor.copy_(tensors[key])


def _layers(experts: Experts) -> dict[str, ExpertLayer]:
    """The layers by the names of the host's linear layers."""
    layers = cast(list[ExpertLayer], list(experts.layers))
    return {f"blocks.{block}": layer for block, layer in enumerate(layers, start=experts.first_block)}


def _key(target: str, matrix: str) -> str:
    return f"base_model.model.{target}.lora_{matrix}.weight"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"no {path.name} in {path.parent}; expected a folder of experts as a run writes it")
    return path
