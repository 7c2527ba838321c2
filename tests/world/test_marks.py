"""Marks: none by default, more of them with every step, seen from every side, in hues of the person's own."""

from dataclasses import replace

import numpy as np
import pytest

from mosaicreid.world.body import Outfit
from mosaicreid.world.marks import NO_MARKS, Marks
from mosaicreid.world.scene import Camera, render_person
from mosaicreid.world.wardrobe import Detail, Shot

CAMERA = Camera((1.0, 1.0, 1.0), 1.0, 0.0, 1)
LOOK = {"gender": ("male",), "upcolour": ("green",), "downcolour": ("blue",), "down": ("long",), "up": ("long",)}


def picture(marks: Marks, view: float = 0.1) -> np.ndarray:
    detail = Detail.draw(np.random.default_rng(0))
    shot = replace(Shot.draw(np.random.default_rng(0)), view=view, occluder=1.0, blur=0.0, low_light=1.0)
    return np.asarray(render_person(Outfit.of(LOOK, detail), detail, shot, CAMERA, marks=marks), dtype=float)


def changed(first: np.ndarray, second: np.ndarray) -> float:
    return float((np.abs(first - second).max(axis=-1) > 24).mean())


@pytest.mark.parametrize("view", [0.1, 0.5, 0.75, 0.9], ids=["front", "back", "left", "right"])
def test_more_marks_change_more_of_the_picture(view: float) -> None:
    plain = picture(NO_MARKS, view)
    shares = [changed(plain, picture(Marks.draw(amount, np.random.default_rng(1)), view)) for amount in range(5)]
    assert shares[0] == 0
    assert 0.005 < shares[1] < shares[2] < shares[3] < 0.12
    assert shares[3] < shares[4] < 0.25


def test_hues_are_the_persons_own_and_do_not_depend_on_the_amount() -> None:
    people = [Marks.draw(2, np.random.default_rng(seed)) for seed in range(30)]
    assert len({marks.colours for marks in people}) == 30
    assert Marks.draw(1, np.random.default_rng(5)).colours == people[5].colours
    # Vivid: far from grey, whatever the hue.
    assert all(max(colour) - min(colour) > 150 for marks in people for colour in marks.colours)
