"""What tells a person apart and no attribute names: a scarf, a belt and knee bands in hues of the person's own."""

from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np

from mosaicreid.world.body import Body, Brush
from mosaicreid.world.wardrobe import RGB

_MORE_THAN_BELT = 2
# By the amount; else one.
_SIZES = {3: 1.6, 4: 4.0}


@dataclass(frozen=True)
class Marks:
    """Colours of one identity's scarf, belt and knee bands.

    ``amount`` as in ``WorldOptions.marks``: 0 nothing of it is worn, 1 scarf and belt, 2 knee bands too, 3 all larger,
    4 larger still.
    """

    amount: int
    colours: tuple[RGB, RGB, RGB]

    @classmethod
    def draw(cls, amount: int, generator: np.random.Generator) -> "Marks":
        """Draw the three hues, which depend on no attribute and not on each other."""
        scarf, belt, knees = (_vivid(hue) for hue in generator.random(3).tolist())
        return cls(amount, (scarf, belt, knees))


def _vivid(hue: float) -> RGB:
    r, g, b = (int(255 * part) for part in hsv_to_rgb(hue, 0.85, 0.95))
    return r, g, b


NO_MARKS = Marks(0, ((0, 0, 0), (0, 0, 0), (0, 0, 0)))


def draw_marks(brush: Brush, body: Body, marks: Marks) -> None:
    """Draw what ``marks`` has, visible from every side: the scarf at the neck, the belt at the waist, bands at the
    knees, over trousers and skirts alike."""
    if not marks.amount:
        return
    scarf, belt, knees = marks.colours
    size = _SIZES.get(marks.amount, 1.0)
    neck = body.shoulder_y + 0.012
    brush.box(body.lean(body.shoulder_y), neck, 0.36 * body.head * size**0.5, 0.024 * size, scarf, round=0.012)
    brush.box(body.lean(body.waist_y), body.waist_y, 1.04 * body.half_width(body.waist_y), 0.016 * size, belt)
    if marks.amount >= _MORE_THAN_BELT:
        for _, (x, y), _ in body.legs():
            brush.box(x, y, 0.5 * body.hip, 0.018 * size, knees)
