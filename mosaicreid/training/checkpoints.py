"""Checkpoints of a training stage: written whole or not at all, read without running code, refused when foreign."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path

FORMAT = "mosaicreid checkpoint 1"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A stage after ``epoch`` of its epochs.

    ``settings`` are the plain values that the stage's numbers depend on. ``model`` holds what the stage trains (and the
    running statistics beside it), ``optimiser`` and ``scaler`` what it needs to go on; both are None once the stage is
    done. No generator is stored: every epoch seeds its own from the run's seed, the stage and the epoch.
    """

    stage: str
    settings: dict[str, Any]
    epoch: int
    done: bool
    model: dict[str, Tensor]
    optimiser: dict[str, Any] | None
    scaler: dict[str, Any] | None
    history: list[dict[str, Any]]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path`` atomically: a reader finds the old one or the new one."""
    with atomic_path(path) as temporary:
        torch.save({"format": FORMAT, **vars(checkpoint)}, temporary)


def load_checkpoint(path: Path, *, stage: str) -> Checkpoint:
    """Read a checkpoint of ``stage``, its tensors on the CPU.

    Raises:
        InputError: no such file, a damaged one, or one of another program or stage.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}; expected one of the stage {stage!r}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # torch raises whatever unpickling, zip reading or its own checks raise; to a user all mean the same.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{path} is not a checkpoint that can be read: {reason}") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of this package ({FORMAT!r})")
    if content["stage"] != stage:
        raise InputError(f"{path} is a checkpoint of the stage {content['stage']!r}; expected {stage!r}")
    return Checkpoint(**{name: value for name, value in content.items() if name != "format"})


def differing_settings(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """The dotted names under which two nested settings differ, sorted; empty when they are equal."""
    ours, theirs = _flat(expected), _flat(found)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def load_state(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Copy ``state`` into ``module``, every name and shape accounted for.

    Raises:
        InputError: names that are missing, unknown or of another shape, listed; ``source`` says where they come from.
    """
    own = module.state_dict()
    problems = [
        *(f"{name} is missing" for name in own if name not in state),
        *(f"{name} is unknown" for name in state if name not in own),
        *(
            f"{name} has shape {tuple(state[name].shape)}, expected {tuple(own[name].shape)}"
            for name in own
            if name in state and state[name].shape != own[name].shape
        ),
    ]
    if problems:
        raise InputError(f"{source} does not fit the model: {_first(problems)}")
    module.load_state_dict(state)


def _first(problems: list[str], shown: int = 5) -> str:
    more = f", and {len(problems) - shown} more" if len(problems) > shown else ""
    return "; ".join(problems[:shown]) + more


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value)
    return flat
