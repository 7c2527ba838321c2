"""How much of the paper's sweep a rehearsal runs: the profile's own settings, at sizes for two processor cores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a rehearsal.

    ``people``: identities of each half of each dataset. ``alone``: settings of the runs on whole images, outside of the
    sweep; ``sweep``: those of the sweep. ``people_of_shapley`` and ``orders``: of the Shapley values. ``only``: the
    wanted runs of the sweep, which then has no analysis and no pages; empty for all.
    """

    people: int
    architecture: str
    alone: Mapping[str, Any]
    sweep: Mapping[str, Any]
    people_of_shapley: int = 4
    orders: int = 2
    only: str = ""


_SHORT = {
    "data.num_instances": 2,
    "data.evaluation_batch_size": 16,
    "data.workers": 1,
    "stages.prompts.epochs": 2,
    "stages.prompts.warmup_epochs": 1,
    "stages.baseline.epochs": 2,
    "stages.baseline.milestones": [2],
    "stages.baseline.warmup_epochs": 1,
    "stages.experts.epochs": 1,
    "stages.experts.milestones": [],
}
# The runs by themselves see whole images of 256x128, those of the sweep a quarter of each side.
FULL = Size(
    people=24,
    architecture="ViT-B-16-quickgelu",
    alone=_SHORT | {"data.batch_size": 8},
    sweep=_SHORT | {"data.batch_size": 16, "data.height": 64, "data.width": 32, "data.padding": 3},
)
# For a test: two runs, on the smallest encoder with as many blocks as the paper's.
SMALL = Size(
    people=4,
    architecture="ViT-S-32-alt",
    alone=_SHORT | {"data.batch_size": 4, "model.architecture": "ViT-S-32-alt", "model.stride": 32},
    sweep=_SHORT | {"data.batch_size": 4, "model.architecture": "ViT-S-32-alt", "model.stride": 32},
    only="baseline hat",
)
