"""The options of a synthetic world from what a user asks for, as the settings of a run are."""

from dataclasses import asdict

from mosaicreid.config.parsing import build, merge, parse_settings
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.world_options import WorldOptions


def world_options(like: str, settings: str = "") -> WorldOptions:
    """The options of a dataset's world, with those of ``settings`` (``"legibility=0.8 marks=2"``) in place.

    Raises:
        InputError: unknown dataset or option, a value of the wrong type or out of range.
    """
    own = asdict(get_folder_dataset(like).synthetic.options)
    return build(WorldOptions, merge(own, parse_settings(settings), "the world"), "the world")
