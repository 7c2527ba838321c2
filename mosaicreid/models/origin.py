"""Where exported experts come from: the frozen encoder that they sit on, and the settings of their run."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mosaicreid.config.settings import Config
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.records import Record, read_record

ORIGIN = "origin.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What adapters do not say: their frozen ``encoder`` (``encoder_digest``) and the ``config`` of their run."""

    encoder: str
    config: Config


class _Stated(Record):
    encoder: str
    config: dict[str, Any]


def encoder_digest(encoder: nn.Module) -> str:
    """sha256 over names, shapes and float32 values of an encoder's parameters and buffers, wherever they lie."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_origin(folder: Path, origin: Origin) -> None:
    """Write ``origin`` beside the adapters in ``folder``."""
    content = {"encoder": origin.encoder, "config": origin.config.to_dict()}
    with atomic_path(Path(folder) / ORIGIN) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_origin(folder: Path) -> Origin:
    """What ``write_origin`` wrote to ``folder``.

    Raises:
        InputError: no such file, a damaged one, settings that this version does not know, or no word of the camera
            embedding, whose coefficient no tensor shows.
    """
    path = Path(folder) / ORIGIN
    if not path.is_file():
        raise InputError(f"no {ORIGIN} in {folder}; expected a folder of experts as a run writes it")
    stated = read_record(path, _Stated)
    model = stated.config.get("model")
    if not isinstance(model, dict) or "camera_embedding" not in model:
        raise InputError(f"{path} does not state model.camera_embedding; expected what a run writes")
    try:
        return Origin(encoder=stated.encoder, config=Config.from_dict(stated.config))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
