"""Experts as PEFT adapters: one folder per expert, named ``attribute=value``, and back.

An expert is a linear map beside a block's feed-forward network, so its adapter belongs to a linear layer that maps
everything to zero: ``expert_host`` makes a module of such layers, ``blocks.<number>``, into which PEFT loads adapters.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from mosaicreid.config.parsing import build
from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.models.experts import ExpertLayer, Experts
from mosaicreid.records import read_json

_OPTIONS = "experts.json"
_PLACE = ("names", "width", "first_block", "depth")
# Options that PEFT's own configuration holds, or that follow from where the experts sit.
_ELSEWHERE = ("rank", "alpha", "dropout", "last_k")
_OPTION_NAMES = tuple(field.name for field in fields(ExpertOptions) if field.name not in _ELSEWHERE)
_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_READ = ("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules")
# Where an adapter comes from and what it is for, which PEFT fills in when it saves one again: no number depends on it.
_HARMLESS = ("auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision", "task_type")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WIDEST = 1 << 16
_DEEPEST = 1000
_LARGEST = 1e30


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
    from safetensors.torch import save

    folder = Path(folder)
    layers = _layers(experts)
    options = experts.options
    settings = _configuration(options.rank, options.alpha, options.dropout, targets=layers)
    for j, name in enumerate(experts.names):
        tensors = {}
        for target, layer in layers.items():
            tensors[_key(target, "A")] = layer.lora_a[j].detach().cpu().contiguous()
            tensors[_key(target, "B")] = layer.lora_b[j].detach().cpu().T.contiguous()
        with atomic_path(folder / name / _WEIGHTS) as path:
            path.write_bytes(save(tensors, metadata={"format": "pt"}))
        with atomic_path(folder / name / _CONFIG) as path:
            path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    described = {
        "names": experts.names,
        "width": experts.width,
        "first_block": experts.first_block,
        "depth": experts.first_block + len(experts.layers),
        **{name: getattr(options, name) for name in _OPTION_NAMES},
    }
    with atomic_path(folder / _OPTIONS) as path:
        path.write_text(json.dumps(described, indent=2) + "\n")


def import_experts(folder: Path) -> Experts:
    """The experts that ``export_experts`` wrote to ``folder``, whether or not PEFT has saved them again since.

    ``use_rslora`` is honoured: the experts come back with the alpha that gives the same scale without it.

    Raises:
        InputError: a file is missing or damaged, a setting would change what an expert computes and is not read here,
            adapters disagree in rank, alpha or dropout, or their tensors do not fit, are not floats or not finite.
    """
    folder = Path(folder)
    described = _described(folder / _OPTIONS)
    names, width, first, depth = (described[name] for name in _PLACE)
    targets = [f"blocks.{block}" for block in range(first, depth)]
    read = [_options(folder / name / _CONFIG, targets=targets, width=width) for name in names]
    if len(set(read)) > 1:
        raise InputError(f"the adapters in {folder} differ in (rank, alpha, dropout): {sorted(set(read))}")
    rank, alpha, dropout = read[0]
    shapes = {_key(target, "A"): (rank, width) for target in targets}
    shapes |= {_key(target, "B"): (width, rank) for target in targets}
    # Before anything of that size is made: what the files do not hold needs no room.
    tensors = [_tensors(folder / name / _WEIGHTS, shapes) for name in names]
    chosen = {name: described[name] for name in _OPTION_NAMES}
    chosen |= {"rank": rank, "alpha": alpha, "dropout": dropout, "last_k": depth - first}
    experts = Experts(names, build(ExpertOptions, chosen, str(folder / _OPTIONS)), width=width, depth=depth)
    with torch.no_grad():
        for target, layer in _layers(experts).items():
            for j, own in enumerate(tensors):
                layer.lora_a[j].copy_(own[_key(target, "A")])
                layer.lora_b[j].copy_(own[_key(target, "B")].T)
    return experts


def _configuration(rank: int, alpha: float, dropout: float, *, targets: Iterable[str]) -> dict[str, Any]:
    """PEFT's settings for an expert, as its adapter_config.json holds them."""
    from peft import LoraConfig

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # annotated as int, used as a number
        lora_dropout=dropout,
        target_modules=list(targets),
        inference_mode=True,
    )
    # A set in PEFT's configuration would be written in an order that changes from process to process.
    return {k: sorted(v) if isinstance(v, set) else v for k, v in config.to_dict().items()}


def _described(path: Path) -> dict[str, Any]:
    """What experts.json says, every value checked."""
    described = _json(path)
    expected = (*_PLACE, *_OPTION_NAMES)
    missing = [name for name in expected if name not in described]
    if missing:
        raise InputError(f"{path} has no {', '.join(missing)}; expected what a run writes")
    unknown = sorted(described.keys() - set(expected))
    if unknown:
        raise InputError(f"{path} has {_shown(unknown)}, which this version does not know; expected what a run writes")
    names = described["names"]
    if not isinstance(names, list) or not names or not all(map(_is_name, names)) or len(set(names)) < len(names):
        raise InputError(f"{path} has the names {_shown(names)}; expected experts attribute=value, each once")
    _integer(described["width"], 1, _WIDEST, f"width in {path}")
    depth = _integer(described["depth"], 1, _DEEPEST, f"depth in {path}")
    _integer(described["first_block"], 0, depth - 1, f"first_block in {path}")
    return described


def _options(path: Path, *, targets: list[str], width: int) -> tuple[int, float, float]:
    """Rank, alpha and dropout of an adapter, whose other settings must be those of an export."""
    options = _json(path)
    missing = [name for name in _READ if name not in options]
    if missing:
        raise InputError(f"{path} has no {', '.join(missing)}; expected PEFT's configuration of a LoRA")
    rank = _integer(options["r"], 1, width, f"r in {path}")
    alpha = _number(options["lora_alpha"], _LARGEST, f"lora_alpha in {path}")
    dropout = _number(options["lora_dropout"], 1, f"lora_dropout in {path}")
    places = options["target_modules"]
    named = isinstance(places, list) and all(isinstance(place, str) for place in places)
    if not named or sorted(places) != sorted(targets):
        raise InputError(f"target_modules in {path} is {_shown(places)}; expected {_shown(targets)}")
    # As JSON has it, where PEFT's enumerations are text.
    exported = json.loads(json.dumps(_configuration(rank, alpha, dropout, targets=targets)))
    for name in sorted(options.keys() - set(_READ[1:])):
        if not _is_harmless(name, options[name], exported):
            raise InputError(
                f"{name[:100]!r} in {path} is {_shown(options[name])}; expected {_shown(exported.get(name))}, or the "
                "experts would not compute what the adapter does"
            )
    return rank, alpha * math.sqrt(rank) if options.get("use_rslora") else alpha, dropout


def _is_harmless(name: str, value: Any, exported: dict[str, Any]) -> bool:
    """Whether a setting of an adapter leaves what it computes to what is read of it, as in what is exported."""
    if name in _HARMLESS or (name in exported and value == exported[name]):
        return True
    if name == "use_rslora":
        return isinstance(value, bool)
    if name == "init_lora_weights":
        # How the tensors were drawn before they were trained. Other ways than these change the base layer too.
        return isinstance(value, bool) or value in ("gaussian", "orthogonal")
    # What an older or newer PEFT has besides is off where it is empty.
    return name not in exported and (value is None or value is False or value in ("", [], {}))


def _tensors(path: Path, shapes: dict[str, tuple[int, int]]) -> dict[str, Tensor]:
    """An adapter's tensors in float32, each of ``shapes`` and no other."""
    from safetensors.torch import load_file

    name = path.parent.name
    _existing(path)
    try:
        tensors = load_file(path)
    # Besides safetensors' own exception, a type of number that torch lacks.
    except Exception as error:
        raise InputError(f"the adapter {name} is damaged: {' '.join(str(error).split())[:300]}") from error
    wrong = sorted(
        key
        for key in shapes.keys() | tensors.keys()
        if key not in shapes or key not in tensors or tensors[key].shape != shapes[key]
    )
    if wrong:
        raise InputError(f"the adapter {name} does not fit: {_shown(wrong)} missing or of another shape")
    typed = [key for key, tensor in tensors.items() if tensor.dtype not in _FLOATS]
    if typed:
        raise InputError(f"the adapter {name} has {tensors[typed[0]].dtype} in {_shown(typed)}; expected floats")
    converted = {key: tensor.float() for key, tensor in tensors.items()}
    broken = [key for key, tensor in converted.items() if not tensor.isfinite().all()]
    if broken:
        raise InputError(
            f"the adapter {name} has NaN or infinity in {_shown(broken)}; likely cause: training that diverged"
        )
    return converted


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    content = read_json(_existing(path))
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it holds {_shown(content)}; expected an object of settings")
    return content


def _is_name(name: Any) -> bool:
    """Whether ``name`` is ``attribute=value`` and the name of a folder within the experts' own."""
    if not isinstance(name, str) or not name.isprintable() or len(name.encode()) > 255:
        return False
    return all(name.partition("=")[::2]) and not set("/\\:") & set(name)


def _integer(value: Any, lowest: int, highest: int, what: str) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise InputError(f"{what} is {_shown(value)}; expected a whole number from {lowest} to {highest}")
    return value


def _number(value: Any, highest: float, what: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= highest:
        raise InputError(f"{what} is {_shown(value)}; expected a number from 0 to {highest:g}")
    return float(value)


def _shown(value: Any) -> str:
    """``value`` on one line and not too long of it."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return f"a number of {value.bit_length()} bits"
    try:
        text = json.dumps(value)
    except RecursionError:
        return "nested without end"
    return text if len(text) <= 200 else f"{text[:200]} ..."


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
