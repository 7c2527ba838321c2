"""Options of a world: what is refused, and that every dataset has some."""

from dataclasses import fields

import pytest

from mosaicreid.datasets import DATASETS, get_folder_dataset
from mosaicreid.datasets.marker import _Options
from mosaicreid.datasets.world_options import WorldOptions
from mosaicreid.errors import InputError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"legibility": 1.01}, "legibility is 1.01; expected a number from 0 to 1"),
        ({"legibility": float("nan")}, "legibility is nan"),
        ({"legibility": True}, "legibility is True"),
        ({"nuisance": -0.1}, "nuisance is -0.1; expected a number from 0 to 2"),
        ({"private_cues": "much"}, "private_cues is 'much'"),
        ({"train_share": 0.05}, "train_share is 0.05; expected a number from 0.1 to 0.9"),
        ({"train_share": 1.0}, "train_share is 1.0; expected a number from 0 to 0.9"),
        ({"marks": 5}, "marks is 5; expected a number from 0 to 4"),
        ({"marks": 1.5}, "marks is 1.5; expected a whole number"),
        ({"distractor_identities": 1.0}, "distractor_identities is 1.0; expected a number from 0 to 0.9"),
        ({"images_per_camera": (0, 2)}, r"images_per_camera is \(0, 2\); expected the least and the most"),
        ({"images_per_camera": (3, 2)}, "the least and the most"),
        ({"images_per_camera": (1, 2, 3)}, "the least and the most"),
        ({"images_per_camera": (1.0, 2)}, "the least and the most"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WorldOptions(**options)  # type: ignore[arg-type]


def test_the_ends_are_allowed() -> None:
    WorldOptions(legibility=1, nuisance=0, private_cues=2, marks=4, distractor_identities=0.9, images_per_camera=(1, 1))


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_has_its_own_world_with_the_share_of_people_in_no_query_of_the_real_one(name: str) -> None:
    dataset = get_folder_dataset(name)
    asked = dataset.counts["query"].identities
    nobody = 1 - asked / dataset.counts["gallery"].identities
    assert dataset.synthetic.options.distractor_identities == pytest.approx(nobody, abs=0.005)
    assert dataset.synthetic.options != WorldOptions()


def test_a_marker_states_every_option() -> None:
    assert {field.name for field in fields(WorldOptions)} == set(_Options.model_fields)
