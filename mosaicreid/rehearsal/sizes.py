"""How much of the paper's sweep a rehearsal runs: the profile's own settings, at sizes for two processor cores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a rehearsal: single runs on whole images outside of the sweep, and the sweep.

    ``people_alone`` and ``people``: identities of each half of a dataset, of the single runs and of the sweep;
    ``encoder_alone`` and ``encoder``: the encoders, by open_clip's names, with the strides ``stride_alone`` and
    ``stride``. ``settings``: of all runs; ``sweep``: of the sweep's alone. ``people_of_shapley`` and ``orders``: of the
    Shapley values. ``only``: the wanted runs of the sweep, which then has no analysis and no pages; empty for all.
    """

    people_alone: int
    people: int
    encoder_alone: str
    stride_alone: int
    encoder: str
    stride: int
    settings: Mapping[str, Any]
    sweep: Mapping[str, Any]
    people_of_shapley: int = 4
    orders: int = 2
    only: str = ""

    @property
    def of_alone(self) -> dict[str, Any]:
        """The settings of the single runs."""
        return {**self.settings, "model.architecture": self.encoder_alone, "model.stride": self.stride_alone}

    @property
    def of_sweep(self) -> dict[str, Any]:
        """The settings of the sweep."""
        return {**self.settings, **self.sweep, "model.architecture": self.encoder, "model.stride": self.stride}


_SHORT = {
    "data.batch_size": 8,
    "data.num_instances": 2,
    "data.evaluation_batch_size": 16,
    "data.workers": 1,
    "stages.prompts.epochs": 2,
    "stages.prompts.warmup_epochs": 1,
    "stages.baseline.epochs": 3,
    "stages.baseline.milestones": [2],
    "stages.baseline.warmup_epochs": 1,
    "stages.experts.epochs": 1,
    "stages.experts.milestones": [],
}
# Images in the sweep's models: a quarter of each side. A dozen steps at the paper's learning rate would leave all runs
# alike, and statistics refuse scores without variation.
_QUARTER = {"data.height": 64, "data.width": 32, "data.padding": 3, "stages.experts.learning_rate": 0.02}
# The smallest encoder that has as many blocks as the paper's, and that open_clip knows.
_SMALLEST, _ITS_STRIDE = "ViT-S-32-alt", 32

# The single runs have the paper's encoder on whole images; the sweep, of some sixty runs, the smallest one.
FULL = Size(
    people_alone=8,
    people=24,
    encoder_alone="ViT-B-16-quickgelu",
    stride_alone=16,
    encoder=_SMALLEST,
    stride=_ITS_STRIDE,
    settings=_SHORT,
    sweep=_QUARTER,
)
# For a test: two runs of a sweep, and the smallest encoder everywhere.
SMALL = Size(
    people_alone=4,
    people=4,
    encoder_alone=_SMALLEST,
    stride_alone=_ITS_STRIDE,
    encoder=_SMALLEST,
    stride=_ITS_STRIDE,
    settings=_SHORT | {"data.batch_size": 4},
    sweep=_QUARTER,
    only="baseline hat",
)
