"""Hours and bytes of a run and of a sweep, from images per second and from the numbers of images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mosaicreid.config.settings import Config
from mosaicreid.datasets.definition import Counts
from mosaicreid.models.build import HEADS, Models, build_router
from mosaicreid.training.space import checkpoint_bytes, trained_parameters

# Extractions of query and gallery by the controls (see ``analyses.oracle.controls``), of the training images once.
CONTROL_EXTRACTIONS = 13
_FLOAT = 4
# Tables, settings and the executed notebook of a run.
_FILES = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a sweep asks of one dataset: ``images`` by split, the ``configurations`` of its runs, and the seeds."""

    images: Mapping[str, Counts]
    configurations: Sequence[str]
    seeds: int


def hours(speeds: Mapping[str, float], config: Config, work: Work) -> pd.DataFrame:
    """Hours of each part of a sweep on one dataset: part, times, hours_each, hours.

    Args:
        speeds: images per second by stage: prompts (with a text tower), baseline, experts, evaluation.

    Rankings, checkpoints and starts are left out; the Shapley values by ablation too, whose effort is a setting.
    """
    train = work.images["train"].images
    test = work.images["query"].images + work.images["gallery"].images
    stages = (*(("prompts",) if config.model.text == "tower" else ()), "baseline", "experts")
    epochs = {stage: getattr(config.stages, stage).epochs for stage in stages}
    trained = {stage: count * train / speeds[stage] for stage, count in epochs.items()}
    # The prompts' stage reads each image's features, which are computed once.
    prompts = train / speeds["evaluation"] + trained["prompts"] if "prompts" in trained else 0.0
    shared = 0.0 if config.model.clip_reid else prompts + trained["baseline"]
    evaluation = test / speeds["evaluation"]
    extractions = (train + CONTROL_EXTRACTIONS * test) / speeds["evaluation"]
    parts = {
        "shared stages": (work.seeds, shared),
        "a run": (work.seeds * len(work.configurations), trained["experts"] + evaluation),
        "controls": (work.seeds, trained["experts"] + extractions),
    }
    rows = [
        {"part": part, "times": times, "hours_each": seconds / 3600, "hours": times * seconds / 3600}
        for part, (times, seconds) in parts.items()
    ]
    return pd.DataFrame(rows)


def disk_bytes(config: Config, models: Models, work: Work) -> dict[str, int]:
    """Bytes of a sweep on one dataset: decoded images, what runs share, and all runs with their experts as adapters."""
    images = sum(counts.images for counts in work.images.values())
    shared = trained_parameters(config, models, identities=work.images["train"].identities)
    of_experts = shared.pop("experts", 0)
    heads = sum(parameter.numel() for name in HEADS for parameter in getattr(models.baseline, name).parameters())
    every = build_router(config)
    each = (of_experts - heads) // len(every.experts) if every else 0
    runs = 0
    for configuration in work.configurations:
        router = build_router(replace(config, experts=replace(config.experts, configuration=configuration)))
        # A checkpoint, and the same experts once more as PEFT adapters.
        runs += _FLOAT * (2 * each * len(router.experts) + heads) if router else 0
        runs += _FILES
    return {
        "decoded images": 3 * images * config.data.height * config.data.width,
        "shared stages": work.seeds * checkpoint_bytes(shared),
        "runs": work.seeds * runs,
    }
