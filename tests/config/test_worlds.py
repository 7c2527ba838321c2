"""Options of a world from one line of settings."""

import pytest

from mosaicreid.config.worlds import world_options
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.errors import InputError


def test_what_is_said_replaces_the_datasets_own() -> None:
    said = world_options("market1501", "legibility=0.8 marks=2 images_per_camera=[1,2] nuisance=0")
    assert said == WorldOptions(legibility=0.8, marks=2, images_per_camera=(1, 2), nuisance=0.0)
    assert world_options("dukemtmc") == WorldOptions()


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
