"""Weights from elsewhere: OpenAI's CLIP, open_clip's, and CLIP-ReID's released checkpoints.

Files are read as tensors and nothing else; what does not fit is named before anything is copied.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import resize_positions
from mosaicreid.models.prompts import PromptLearner, TextEncoder
from mosaicreid.models.reid import ReidModel

if TYPE_CHECKING:
    from open_clip import CLIP

_NAMED = 6
_POSITIONS = "visual.positional_embedding"
_HEADS = ("bottleneck", "bottleneck_proj", "classifier", "classifier_proj")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU.

    Reads ``.safetensors``, what ``torch.save`` wrote, and the TorchScript archives in which OpenAI published CLIP.
    A surrounding ``state_dict`` entry and a ``module.`` prefix are taken off.

    No code of the file runs: pickles are read with ``weights_only=True``, and an archive whose modules bring a
    ``__setstate__``, which would run on loading, is refused.

    Raises:
        InputError: no such file, not a checkpoint, a damaged one, or one with anything but tensors in it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no weights at {path}; expected a checkpoint file")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif _is_torchscript(path):
        state = _read_torchscript(path)
    else:
        state = _read_pickle(path)
    inner = state.get("state_dict")
    state = inner if isinstance(inner, dict) else state
    strangers = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if strangers or not state:
        raise InputError(f"{path.name} is not a table of tensors: {_list(strangers) or 'it is empty'}")
    return {name.removeprefix("module."): value for name, value in state.items()}


def fetch_openai(architecture: str) -> Path:
    """OpenAI's weights for an open_clip architecture, from the hub or its local cache.

    Raises:
        InputError: OpenAI published none for it, or they cannot be fetched.
    """
    from open_clip.pretrained import download_pretrained, get_pretrained_cfg

    source = get_pretrained_cfg(architecture, "openai")
    if not source:
        raise InputError(
            f"OpenAI published no weights for {architecture!r}; expected a CLIP such as ViT-B-16-quickgelu"
        )
    try:
        return Path(download_pretrained(source))
    except Exception as error:
        # The hub's client has no common exception: whatever fails here, the way out is the same.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"OpenAI's weights for {architecture} could not be fetched ({reason}); give a file") from error


def is_clip_reid(state: Mapping[str, Tensor]) -> bool:
    """Whether tensors named as in ``state`` are a CLIP-ReID checkpoint."""
    return any(name.startswith("image_encoder.") for name in state)


def load_clip(clip: "CLIP", state: Mapping[str, Tensor]) -> None:
    """Copy OpenAI's or open_clip's tensors into ``clip``, both towers; positions of a square grid are resized.

    Raises:
        InputError: tensors are missing, unknown or of another shape; all are named and nothing is copied.
    """
    if is_clip_reid(state):
        raise InputError("this is a CLIP-ReID checkpoint; expected CLIP's own weights (names that start with visual.)")
    state = {k: v for k, v in state.items() if k not in ("input_resolution", "context_length", "vocab_size")}
    positions = state.get(_POSITIONS)
    if positions is not None and len(positions) != len(clip.visual.positional_embedding):
        state[_POSITIONS] = resize_positions(positions.float(), clip.visual.grid_size)
    _copy(state, dict(clip.state_dict()), "tensors of the CLIP weights")


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
    another number of identities fits too.

    Raises:
        InputError: tensors are missing, unknown or of another shape; all are named and nothing is copied.
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
    if model.encoder.camera_embedding is not None:
        targets["cv_embed"] = model.encoder.camera_embedding
    read = {name: value for name, value in state.items() if name == "cv_embed" or name.split(".")[0] in parts}
    _copy(read, targets, "tensors of the CLIP-ReID checkpoint")


@torch.no_grad()
def _copy(state: Mapping[str, Tensor], targets: Mapping[str, Tensor], what: str) -> None:
    """Copy ``state`` into the tensors of ``targets``, which must agree in names and shapes."""
    problems = {
        "missing": [name for name in targets if name not in state],
        "of another shape": [
            f"{name} {tuple(state[name].shape)}, expected {tuple(target.shape)}"
            for name, target in targets.items()
            if name in state and state[name].shape != target.shape
        ],
        "not known to this model": [name for name in state if name not in targets],
    }
    found = [f"{len(names)} {problem}: {_list(names)}" for problem, names in problems.items() if names]
    if found:
        raise InputError(
            f"{what} do not fit; {'; '.join(found)}; likely cause: another architecture, stride or number of "
            "identities or cameras"
        )
    for name, target in targets.items():
        target.copy_(state[name])


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise InputError(f"{path.name} is not a safetensors file: {error}") from error


def _read_pickle(path: Path) -> dict:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Damage raises whatever unpickling, zip reading or torch's own checks raise; to a user all mean the same.
    except Exception as error:
        raise InputError(
            f"{path.name} is not a checkpoint of tensors alone, and nothing else is loaded from a file"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path.name} holds a {type(content).__name__}; expected tensors by name")
    return content


def _read_torchscript(path: Path) -> dict:
    try:
        with zipfile.ZipFile(path) as archive:
            code = [archive.read(name) for name in archive.namelist() if name.endswith(".py")]
        runs = any(b"__setstate__" in source for source in code)
        state = {} if runs else dict(torch.jit.load(str(path), map_location="cpu").state_dict())
    except Exception as error:
        raise InputError(f"{path.name} is a TorchScript archive that cannot be read; likely cause: damage") from error
    if runs:
        raise InputError(f"{path.name} brings code that runs on loading (__setstate__); expected tensors alone")
    return state


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    # Not a zip archive, or one so damaged that a name is no text or its version none that there is.
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
