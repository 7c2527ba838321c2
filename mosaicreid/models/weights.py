"""Weights from elsewhere: OpenAI's CLIP, open_clip's, transformers', and CLIP-ReID's released checkpoints.

Files are read as tensors and nothing else; what does not fit is named before anything is copied.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.models.archives import is_torchscript, read_torchscript
from mosaicreid.models.backbone import resize_positions
from mosaicreid.models.layouts import open_clip_layout, without_wrappers
from mosaicreid.models.prompts import PromptLearner, TextEncoder
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.towers import ImageOnly, without_projection

_NAMED = 6
_POSITIONS, _TRUNK_POSITIONS = "visual.positional_embedding", "visual.trunk.pos_embed"
# A classifier that timm's files have beside the encoder.
_CLASSIFIER = ("visual.trunk.head.weight", "visual.trunk.head.bias")
_TEXT = ("token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection")
_HEADS = ("bottleneck", "bottleneck_proj", "classifier", "classifier_proj")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU.

    Reads ``.safetensors``, what ``torch.save`` wrote, and the TorchScript archives in which OpenAI published CLIP. The
    table of tensors may lie within other entries, such as ``state_dict``; wrappers' prefixes are taken off the names.

    No code of the file runs: pickles are read with ``weights_only=True``, archives by ``models.archives``.

    Raises:
        InputError: no such file, not a checkpoint, a damaged one, one with anything but tensors in its table, or
            several tables.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no weights at {path}; expected a checkpoint file")
    if path.suffix == ".safetensors":
        content: Any = _read_safetensors(path)
    elif is_openai_archive(path):
        content = read_torchscript(path)
    else:
        content = _read_pickle(path)
    state = _table(content, path.name)
    size = path.stat().st_size
    unfit = [name for name, value in state.items() if not _is_plain(value, size)]
    if unfit:
        raise InputError(
            f"{path.name!r} has tensors that are sparse, quantised, without data or larger than the file: "
            f"{_list(unfit)}; expected plain ones"
        )
    return without_wrappers({name: value.detach() for name, value in state.items()})


def is_openai_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive, in which OpenAI alone publishes CLIP."""
    return _is_zip(path) and is_torchscript(path)


def is_clip_reid(state: Mapping[str, Tensor]) -> bool:
    """Whether tensors named as in ``state`` are a CLIP-ReID checkpoint."""
    return any(name.startswith("image_encoder.") for name in state)


def load_clip(clip: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy CLIP's tensors into ``clip``, from the layout of OpenAI, open_clip, transformers or, of an encoder, timm.

    Of a model without a text tower, an ``ImageOnly``, the vision tower alone; a file may then lack the other one, and
    where it lacks the projection too, so does the model. Positions are resized to the grid of ``clip`` wherever its
    shape is another. A square number of them is a square grid's, as all published ones are.

    Raises:
        InputError: tensors are missing, unknown, of another shape or not finite; all are named, nothing is copied.
    """
    if is_clip_reid(state):
        raise InputError("this is a CLIP-ReID checkpoint; expected CLIP's own weights (names that start with visual.)")
    state = open_clip_layout(state)
    visual: Any = clip.visual
    if isinstance(clip, ImageOnly):
        state = {name: value for name, value in state.items() if name.startswith("visual.") and name not in _CLASSIFIER}
        if state and "visual.proj" not in state:
            without_projection(clip)
    targets = dict(clip.state_dict())
    if any(name.startswith("text.") for name in targets):
        state = {f"text.{name}" if name.split(".")[0] in _TEXT else name: value for name, value in state.items()}
    _resize(state, visual, targets)
    _copy(state, targets, "tensors of the CLIP weights", cause=_clip_cause(state, targets))


def _resize(state: dict[str, Tensor], visual: Any, targets: Mapping[str, Tensor]) -> None:
    """Give the positions in ``state`` the grid of ``visual``, where they are positions of its width."""
    trunk = getattr(visual, "trunk", None)
    name = _POSITIONS if trunk is None else _TRUNK_POSITIONS
    positions = state.get(name)
    if positions is None or name not in targets:
        return
    grid, before = (visual.grid_size, 1) if trunk is None else (trunk.patch_embed.grid_size, trunk.num_prefix_tokens)
    if trunk is not None and trunk.no_embed_class:
        before = 0
    flat = positions[0] if trunk is not None and positions.ndim == 3 else positions
    if flat.ndim != 2 or len(flat) <= before or flat.shape[1] != targets[name].shape[-1]:
        return
    resized = resize_positions(flat.float(), grid, before=before)
    state[name] = resized if trunk is None else resized[None]


def load_clip_reid(
    state: Mapping[str, Tensor],
    model: ReidModel,
    *,
    heads: bool = True,
    prompts: PromptLearner | None = None,
    text: TextEncoder | None = None,
) -> None:
    """Copy a CLIP-ReID checkpoint into the encoder of ``model``, its ``heads``, and ``prompts`` and ``text`` if given.

    The camera embedding comes along where there is one; experts are left alone. Without ``heads``, a checkpoint of
    another number of identities fits too. Positions are taken as they are: the model must have the checkpoint's grid.

    Raises:
        InputError: tensors are missing, unknown, of another shape or not finite; all are named, nothing is copied.
    """
    if not is_clip_reid(state):
        raise InputError(f"not a CLIP-ReID checkpoint: no image_encoder. among its tensors ({_list(list(state))})")
    parts: dict[str, nn.Module] = {"image_encoder": model.encoder.visual}
    if heads:
        parts |= {name: getattr(model, name) for name in _HEADS}
    if prompts is not None:
        parts["prompt_learner"] = prompts
    if text is not None:
        parts["text_encoder"] = text
    targets = {f"{part}.{name}": value for part, module in parts.items() for name, value in module.state_dict().items()}
    if "cv_embed" in state and model.encoder.camera_embedding is None:
        raise InputError(
            "the CLIP-ReID checkpoint has a camera embedding (cv_embed), whose coefficient no file says; expected "
            "model.camera_embedding=1, as in CLIP-ReID's own runs, or 3, its options' default"
        )
    if model.encoder.camera_embedding is not None:
        targets["cv_embed"] = model.encoder.camera_embedding
    read = {name: value for name, value in state.items() if name == "cv_embed" or name.split(".")[0] in parts}
    cause = "another architecture, stride or number of identities or cameras"
    _copy(read, targets, "tensors of the CLIP-ReID checkpoint", cause=cause)


@torch.no_grad()
def _copy(state: Mapping[str, Tensor], targets: Mapping[str, Tensor], what: str, *, cause: str) -> None:
    """Copy ``state`` into the tensors of ``targets``, which must agree in names and shapes."""
    common = [name for name in targets if name in state]
    fitting = [name for name in common if state[name].shape == targets[name].shape]
    # Weights in whole numbers are quantised ones without their scales.
    typed = [name for name in fitting if _kind(state[name]) == _kind(targets[name])]
    problems = {
        "missing": [name for name in targets if name not in state],
        "of another shape": [
            f"{name} {tuple(state[name].shape)}, expected {tuple(targets[name].shape)}"
            for name in common
            if name not in fitting
        ],
        "of another type": [
            f"{name} {state[name].dtype}, expected {targets[name].dtype}" for name in fitting if name not in typed
        ],
        "not finite": [name for name in typed if not state[name].to(targets[name].dtype).isfinite().all()],
        "not known to this model": [name for name in state if name not in targets],
    }
    listed = [f"{len(names)} {problem}: {_list(names)}" for problem, names in problems.items() if names]
    if listed:
        raise InputError(f"{what} do not fit; {'; '.join(listed)}; likely cause: {cause}")
    for name, target in targets.items():
        target.copy_(state[name])


def _kind(tensor: Tensor) -> tuple[bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex()


def _clip_cause(state: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> str:
    """Why weights are unlike those of a CLIP with the tensors ``targets``."""
    vision = any(name.startswith("visual.") for name in state)
    text = any(name.removeprefix("text.").startswith(("transformer.", "token_embedding.")) for name in state)
    if not vision:
        return "the text tower alone" if text else "the weights of another kind of model"
    if not text and any(name.endswith("token_embedding.weight") for name in targets):
        return "the image encoder alone, without the text tower; expected model.text=none with it"
    if _tower(state) != _tower(targets):
        return f"another architecture: a vision tower with {_tower(state)}, where this model has {_tower(targets)}"
    return "another architecture, or damage"


def _tower(state: Mapping[str, Tensor]) -> str:
    """The sizes of a vision tower in words."""
    blocks = {name.split(".")[3] for name in state if name.startswith(("visual.transformer.", "visual.trunk.blocks."))}
    patches = state.get("visual.conv1.weight", state.get("visual.trunk.patch_embed.proj.weight"))
    if patches is None or patches.ndim != 4:
        return f"{len(blocks)} blocks"
    return f"width {len(patches)}, {len(blocks)} blocks and patches of {patches.shape[-1]} pixels"


def _table(content: dict, file: str) -> dict[str, Tensor]:
    """The table of tensors in what a file holds, which may lie within other entries."""
    places: list[tuple[str, dict]] = [("", content)]
    tables: dict[str, dict] = {}
    seen: set[int] = set()
    for place, part in places:
        if id(part) in seen:
            continue
        seen.add(id(part))
        # An optimiser keeps tensors too, by number; single numbers are scores or counts.
        if any(isinstance(value, Tensor) and value.ndim for value in part.values()):
            tables[place] = part
            continue
        inner = [(name, value) for name, value in part.items() if isinstance(name, str) and isinstance(value, dict)]
        places.extend((f"{place}.{name}" if place else name, value) for name, value in inner)
    models = {place: part for place, part in tables.items() if any(map(_is_landmark, part))}
    tables = models or tables or {"": content}
    if len(tables) > 1:
        raise InputError(f"{file!r} has {len(tables)} tables of tensors: {_list(list(tables))}; expected one")
    table = next(iter(tables.values()))
    strangers = [name for name, value in table.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if strangers or not table:
        raise InputError(f"{file!r} is not a table of tensors: {_list(strangers) or 'it is empty'}")
    return table


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    # Besides its own exception, a type of number that torch lacks.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path.name!r} is not a safetensors file that can be read: {reason}") from error


def _read_pickle(path: Path) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Damage raises whatever unpickling, zip reading or torch's own checks raise; to a user all mean the same.
    except Exception as error:
        raise InputError(
            f"{path.name!r} is not a checkpoint of tensors alone, and nothing else is loaded from a file"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name!r} holds a {type(content).__name__}; expected tensors by name")
    return content


def _is_zip(path: Path) -> bool:
    """Whether torch would read a file as a zip archive."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _is_plain(tensor: Tensor, size: int) -> bool:
    """Whether a tensor is numbers in memory, no more of them than a file of ``size`` bytes holds."""
    ordinary = type(tensor) in (Tensor, nn.Parameter) and tensor.layout is torch.strided and tensor.device.type == "cpu"
    # Strides of 0 make any shape from one number, and memory runs out where such a tensor is first used.
    return (
        ordinary
        and not (tensor.is_quantized or tensor.is_nested)
        and math.prod(tensor.shape) * tensor.element_size() <= size
    )


def _is_landmark(name: object) -> bool:
    return isinstance(name, str) and name.endswith(("class_embedding", "cls_token"))


def _list(names: list) -> str:
    texts = [name if isinstance(name, str) else f"({type(name).__name__})" for name in names[:_NAMED]]
    shown = ", ".join(text[:200] if text.isprintable() else ascii(text[:200]) for text in texts)
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
