"""The two profiles of settings, ``tiny`` and ``paper``, and a run's settings from what a user asks for."""

from collections.abc import Mapping
from typing import Any

from mosaicreid.config.parsing import merge, parse_settings
from mosaicreid.config.settings import Config
from mosaicreid.errors import one_of

# The tiny profile keeps every stage, objective and kind of schedule; sizes, epochs and learning rates fit a ViT of half
# a million parameters that have hardly seen an image, on one CPU core. Erased boxes would hide for good
# what a few hundred steps have to find: a bag is a handful of pixels.
_DIFFERENCES: dict[str, dict[str, Any]] = {
    "paper": {"profile": "paper"},
    "tiny": {
        "profile": "tiny",
        "data": {"height": 64, "width": 32, "padding": 2, "erasing": 0.0, "workers": 0},
        "model": {"architecture": "tiny", "weights": "pretrain", "stride": 8},
        "experts": {"last_k": 4, "rank": 4, "alpha": 4.0},
        "stages": {
            "pretrain": {"epochs": 6, "warmup_epochs": 4},
            "prompts": {"epochs": 10, "learning_rate": 1e-2, "warmup_epochs": 1},
            "baseline": {"epochs": 24, "learning_rate": 2e-3, "milestones": [17, 21], "warmup_epochs": 3},
            "experts": {"epochs": 4, "learning_rate": 3e-3, "milestones": [3]},
        },
        "runtime": {"precision": "no", "threads": 1, "device": "cpu", "tensorboard": False},
    },
}

PROFILES: Mapping[str, Config] = {name: Config.from_dict(values) for name, values in _DIFFERENCES.items()}


def make_config(profile: str, overrides: Mapping[str, Any] | None = None) -> Config:
    """A profile with some settings replaced: ``make_config("tiny", {"seed": 1, "experts.rank": 4})``.

    A value of None keeps the profile's setting, so that a notebook's parameters can stay unset.

    Raises:
        InputError: unknown profile or setting, a value of the wrong type or out of range, or an inclusion set that
            does not fit the dataset.
    """
    if profile not in PROFILES:
        raise one_of("profile", profile, PROFILES)
    values = PROFILES[profile].to_dict()
    for name, value in (overrides or {}).items():
        nested: Any = value
        for part in reversed(name.split(".")):
            nested = {part: nested}
        values = merge(values, nested, "config")
    return Config.from_dict(values)


def from_parameters(
    *, profile: str, dataset: str, configuration: str, seed: int, settings: str = "", **experts: str | float
) -> Config:
    """The configuration that a notebook's parameters or a command line ask for.

    ``experts`` are settings of ``ExpertConfig`` (``rank``, ``pooling``, ...), of which ``""`` and ``-1`` keep the
    profile's; ``settings`` is a line for ``parse_settings`` and has the last word.

    Raises:
        InputError: as ``make_config``.
    """
    chosen = {f"experts.{name}": value for name, value in experts.items() if value not in ("", -1)}
    named = {"data.dataset": dataset, "experts.configuration": configuration, "seed": seed}
    return make_config(profile, named | chosen | parse_settings(settings))
