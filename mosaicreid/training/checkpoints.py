"""Checkpoints of a training stage: written whole or not at all, read without running code, refused when foreign."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.models.archives import check_sums

FORMAT = "mosaicreid checkpoint 1"


@dataclass(kw_only=True)
class Part:
    """What is done of an epoch: ``steps``, the ``sums`` of the loss and of its terms over them, and the time they took.

    ``generators`` are the states (uint8) of the generators that the next step draws from: the CPU's, and the GPU's
    where one computes. They are empty at the start of an epoch, which seeds them itself.
    """

    steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    generators: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A stage after ``epoch`` of its epochs.

    ``settings`` are the plain values that the stage's numbers depend on. ``model`` holds what the stage trains (and the
    running statistics beside it), ``optimiser`` and ``scaler`` what it needs to go on; both are None once the stage is
    done. ``part`` has the fields of ``Part`` where the next epoch was left after some of its steps. After a whole epoch
    no generator is stored: every epoch seeds its own from the run's seed, the stage and the epoch.
    """

    stage: str
    settings: dict[str, Any]
    epoch: int
    done: bool
    model: dict[str, Tensor]
    optimiser: dict[str, Any] | None
    scaler: dict[str, Any] | None
    history: list[dict[str, Any]]
    part: dict[str, Any] | None = None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path`` atomically: a reader finds the old one or the new one."""
    # To a file of Python's, whose errors say what is wrong with the disk; torch's own are about its archive.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save({"format": FORMAT, **vars(checkpoint)}, file)


def is_checkpoint(path: Path) -> bool:
    """Whether the file at ``path`` is a checkpoint of a stage of this package, whole or not."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # Whatever keeps another program's file from being read, or ours from being read whole, is told by its reader.
    except Exception:
        return False
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def load_checkpoint(path: Path, *, stage: str | None) -> Checkpoint:
    """Read a checkpoint of ``stage``, or of any where that is None, its tensors on the CPU.

    Raises:
        InputError: no such file, a damaged one, one of another program or stage, or one with a field that is missing,
            unknown or of another type.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}; expected one{f' of the stage {stage!r}' if stage else ''}")
    try:
        check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    # torch raises whatever unpickling, zip reading or its own checks raise; to a user all mean the same.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{path} is not a checkpoint that can be read: {reason}") from error
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a checkpoint of this package ({FORMAT!r})")
    found = {name: value for name, value in content.items() if name != "format"}
    names = {field.name for field in fields(Checkpoint)}
    # Until epochs could be left within, checkpoints had no part.
    missing = sorted(names - found.keys() - {"part"})
    unknown = [ascii(name[:100]) if isinstance(name, str) else type(name).__name__ for name in found.keys() - names]
    if missing or unknown:
        listed = [f"no {name}" for name in missing] + [f"an unknown {name}" for name in sorted(unknown)]
        raise InputError(
            f"{path} has {_first(listed)}; expected the fields of a checkpoint: {', '.join(sorted(names))}"
        )
    checkpoint = Checkpoint(**found)
    wrong = _mistyped(checkpoint)
    if wrong:
        raise InputError(f"{path} has {wrong}; likely cause: damage, or another program's file")
    epochs = [row.get("epoch") for row in checkpoint.history]
    if epochs != list(range(1, len(epochs) + 1)) or len(epochs) != checkpoint.epoch:
        raise InputError(
            f"{path} is of epoch {checkpoint.epoch} and has a history of {len(epochs)} epochs; expected a row for each"
        )
    if stage is not None and checkpoint.stage != stage:
        raise InputError(f"{path} is a checkpoint of the stage {checkpoint.stage!r}; expected {stage!r}")
    return checkpoint


def _mistyped(checkpoint: Checkpoint) -> str:
    """The first field that is of another type than a stage writes, and what it should be; empty if there is none."""
    expected: dict[str, tuple[Callable[[Any], bool], str]] = {
        "stage": (lambda value: isinstance(value, str), "text"),
        "settings": (_is_plain, "plain settings by name"),
        "epoch": (lambda value: type(value) is int and value >= 0, "a whole number of 0 or above"),
        "done": (lambda value: isinstance(value, bool), "true or false"),
        "model": (_is_state, "tensors by name"),
        "optimiser": (
            lambda value: _is_optimiser(value) or (checkpoint.done and value is None),
            "an optimiser's state",
        ),
        "scaler": (lambda value: value is None or isinstance(value, dict), "a scaler's state"),
        "history": (lambda value: isinstance(value, list) and all(map(_is_plain, value)), "rows of plain values"),
        "part": (lambda value: value is None or (not checkpoint.done and _is_part(value)), "a part of an epoch"),
    }
    for name, (holds, what) in expected.items():
        if not holds(getattr(checkpoint, name)):
            return f"{name} of type {type(getattr(checkpoint, name)).__name__}; expected {what}"
    return ""


def _is_plain(value: Any) -> bool:
    """Whether ``value`` is plain values by name, as JSON has them."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and all(isinstance(name, str) for name in value)


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items())


def _is_part(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {field.name for field in fields(Part)}:
        return False
    steps, sums, states = value["steps"], value["sums"], value["generators"]
    return (
        (type(steps) is int and steps > 0)
        and (isinstance(sums, dict) and all(isinstance(number, float) for number in sums.values()))
        and isinstance(value["seconds"], float)
        and isinstance(value["cpu_seconds"], float)
        and isinstance(states, list)
        and all(isinstance(state, Tensor) and state.dtype == torch.uint8 for state in states)
    )


def _is_optimiser(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("state"), dict):
        return False
    groups = value.get("param_groups")
    return isinstance(groups, list) and all(isinstance(group, dict) for group in groups)


def differing_settings(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """The dotted names under which two nested settings differ, sorted; empty when they are equal."""
    ours, theirs = _flat(expected), _flat(found)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def load_state(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Copy ``state`` into ``module``, every name and shape accounted for.

    Raises:
        InputError: names that are missing, unknown or of another shape, listed; ``source`` says where they come from.
    """
    expected = module.state_dict()
    problems = [
        *(f"{name} is missing" for name in expected if name not in state),
        *(f"{name} is unknown" for name in state if name not in expected),
        *(
            f"{name} has shape {tuple(state[name].shape)}, expected {tuple(expected[name].shape)}"
            for name in expected
            if name in state and state[name].shape != expected[name].shape
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
