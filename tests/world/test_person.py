"""Every attribute leaves its mark on the pixels, from every side; people with equal attributes still differ."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.world.body import Body, Outfit
from mosaicreid.world.scene import Camera, render_background, render_person
from mosaicreid.world.wardrobe import COLOURS, Detail, Shot

VIEWS = {"front": 0.1, "back": 0.5, "left": 0.75, "right": 0.9}
# The clearest picture: no cast, no blur, nothing in the way.
CAMERA = Camera(gains=(1.0, 1.0, 1.0), gamma=1.0, softness=0.0, seed=1)
SHOT = replace(
    Shot.draw(np.random.default_rng(0)), shift_x=0.5, shift_y=0.5, light=0.5, blur=0, occluder=1, low_light=1
)


def some_detail(number: int) -> Detail:
    # Without a texture, so that the mean of a region is the garment's own colour.
    return replace(Detail.draw(np.random.default_rng(number)), up_texture=0.0, leg_texture=0.0, up_shade=0.5)


def look(dataset: str, **values: str) -> dict[str, tuple[str, ...]]:
    plain = {group.name: (group.values[0],) for group in get_schema(dataset).groups}
    usual = {"age": "adult", "clothes": "pants", "up": "long", "top": "long", "upcolour": "green", "downcolour": "blue"}
    known = {name: (value,) for name, value in (usual | values).items() if name in plain}
    return plain | known


def picture(
    shown: Mapping[str, tuple[str, ...]], view: str = "front", number: int = 0, *, height: int = 128
) -> np.ndarray:
    detail = some_detail(number)
    shot = replace(SHOT, view=VIEWS[view])
    image = render_person(Outfit.of(shown, detail), detail, shot, CAMERA, height=height, width=height // 2)
    return np.asarray(image, dtype=float)


def share_changed(first: np.ndarray, second: np.ndarray) -> float:
    return float((np.abs(first - second).max(axis=-1) > 24).mean())


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_value_of_every_attribute_changes_the_picture(dataset: str, view: str) -> None:
    for group in get_schema(dataset).groups:
        pictures = [picture(look(dataset, **{group.name: value}), view) for value in group.values]
        for index, first in enumerate(pictures):
            for second in pictures[:index]:
                assert share_changed(first, second) > 0.004, (group.name, group.values[index])


@pytest.mark.parametrize("view", VIEWS)
def test_attributes_survive_small_images(view: str) -> None:
    for name, (plain, worn) in {
        "hat": ("no", "yes"),
        "backpack": ("no", "yes"),
        "hair": ("short", "long"),
        "down": ("long", "short"),
    }.items():
        first, second = (picture(look("market1501", **{name: value}), view, height=32) for value in (plain, worn))
        assert share_changed(first, second) > 0.01, name


@pytest.mark.parametrize(
    ("attribute", "rows", "name"), [("upcolour", (42, 58), "up"), ("downcolour", (80, 96), "down")]
)
def test_garments_have_their_named_colour(attribute: str, rows: tuple[int, int], name: str) -> None:
    values = get_schema("market1501").group(attribute).values
    named = np.array([COLOURS[value] for value in values], dtype=float)
    for index, value in enumerate(values):
        pixels = picture(look("market1501", **{attribute: value}), "back")[rows[0] : rows[1], 24:40].reshape(-1, 3)
        # Legs leave background between them: the garment is where this picture differs from one without its colour.
        other = picture(look("market1501", **{attribute: values[index - 1]}), "back")[rows[0] : rows[1], 24:40]
        garment = pixels[np.abs(pixels - other.reshape(-1, 3)).max(axis=1) > 60]
        assert len(garment) > 50
        nearest = np.argmin(((np.median(garment, axis=0) - named) ** 2).sum(axis=1))
        assert values[nearest] == value


def test_two_colours_are_both_there_and_no_colour_is_none_of_the_named() -> None:
    both = look("dukemtmc") | {"downcolour": ("red", "blue")}
    legs = picture(both, "back")[80:100].reshape(-1, 3)
    for value in ("red", "blue"):
        assert (np.abs(legs - COLOURS[value]).max(axis=1) < 45).sum() > 30
    none = picture(look("dukemtmc") | {"upcolour": ()}, "back")[44:56, 28:36].reshape(-1, 3)
    distances = np.abs(np.median(none, axis=0) - np.array(list(COLOURS.values()))).max(axis=1)
    assert distances.min() > 40


def test_equal_attributes_do_not_make_equal_people() -> None:
    details = [Detail.draw(np.random.default_rng(number)) for number in range(6)]
    outfits = [Outfit.of(look("market1501"), detail) for detail in details]
    drawn = [
        np.asarray(render_person(outfit, detail, SHOT, CAMERA), dtype=float)
        for outfit, detail in zip(outfits, details, strict=True)
    ]
    for index, first in enumerate(drawn):
        for second in drawn[:index]:
            assert share_changed(first, second) > 0.03


def test_children_are_smaller_and_the_old_stoop() -> None:
    bodies = {}
    for age in ("young", "teenager", "adult", "old"):
        detail = some_detail(0)
        bodies[age] = Body.of(Outfit.of(look("market1501", age=age), detail), detail, replace(SHOT, view=VIEWS["left"]))
    assert bodies["young"].stature < bodies["teenager"].stature < bodies["adult"].stature
    assert bodies["young"].head / bodies["young"].stature > bodies["adult"].head / bodies["adult"].stature
    assert bodies["old"].lean(bodies["old"].shoulder_y) > bodies["adult"].lean(bodies["adult"].shoulder_y) == 0


def test_a_picture_is_a_function_of_its_arguments() -> None:
    np.testing.assert_array_equal(picture(look("market1501")), picture(look("market1501")))


def test_a_camera_casts_its_colour_and_low_light_darkens() -> None:
    detail = some_detail(0)
    outfit = Outfit.of(look("market1501"), detail)
    neutral = np.asarray(render_person(outfit, detail, SHOT, CAMERA), dtype=float)
    reddish = np.asarray(render_person(outfit, detail, SHOT, replace(CAMERA, gains=(1.1, 1.0, 0.9))), dtype=float)
    dark = np.asarray(render_person(outfit, detail, replace(SHOT, low_light=0.0), CAMERA), dtype=float)
    assert reddish[..., 0].mean() > neutral[..., 0].mean()
    assert reddish[..., 2].mean() < neutral[..., 2].mean()
    assert dark.mean() == pytest.approx(0.72 * neutral.mean(), rel=0.02)


def test_a_false_alarm_shows_the_place_alone() -> None:
    place = np.asarray(render_background(SHOT, CAMERA), dtype=float)
    person = picture(look("market1501"))
    assert place.shape == (128, 64, 3)
    # The person covers the middle and leaves the upper corners.
    assert share_changed(place[40:90, 28:36], person[40:90, 28:36]) > 0.5
    np.testing.assert_array_equal(place[:10, :10], person[:10, :10])
