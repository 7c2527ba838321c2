"""Options of a world from one line of settings."""

from dataclasses import replace

import pytest

from mosaicreid.config.worlds import world_options
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.errors import InputError


def test_what_is_said_replaces_the_datasets_own() -> None:
    own = get_folder_dataset("market1501").synthetic.options
    said = world_options("market1501", "legibility=0.5 marks=1 images_per_camera=[1,3] nuisance=0")
    assert said == replace(own, legibility=0.5, marks=1, images_per_camera=(1, 3), nuisance=0.0)
    assert said.private_cues == own.private_cues
    assert world_options("dukemtmc") == get_folder_dataset("dukemtmc").synthetic.options


@pytest.mark.parametrize(
    ("dataset", "settings", "message"),
    [
        ("cuhk03", "", "unknown dataset 'cuhk03'"),
        ("market1501", "legible=1", "unknown setting of the world 'legible'; expected one of: legibility, nuisance"),
        ("market1501", "marks=two", r"the world\.marks is 'two' \(str\); expected int"),
        ("market1501", "nuisance=3", "nuisance is 3.0; expected a number from 0 to 2"),
        ("market1501", "images_per_camera=2", "images_per_camera is 2; expected a list"),
        ("market1501", "marks", "expected NAME=VALUE"),
    ],
)
def test_bad_settings_are_named(dataset: str, settings: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        world_options(dataset, settings)
