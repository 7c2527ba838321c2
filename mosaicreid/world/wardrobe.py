"""What a synthetic person wears and is, beyond the annotated attributes: palettes, and one identity's own detail."""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")

RGB = tuple[int, int, int]

# Far enough apart that camera casts, shading and one identity's own shade never turn one named colour into another.
COLOURS: dict[str, RGB] = {
    "black": (26, 26, 30),
    "white": (240, 240, 236),
    "red": (200, 28, 36),
    "purple": (122, 40, 158),
    "yellow": (240, 208, 30),
    "gray": (132, 134, 138),
    "blue": (34, 84, 200),
    "green": (30, 140, 58),
    "pink": (246, 138, 178),
    "brown": (112, 70, 36),
}
# Worn where the annotation gives no colour: clearly none of the named ones.
OTHER_COLOUR: RGB = (96, 200, 204)

SKIN: tuple[RGB, ...] = ((246, 214, 188), (228, 186, 150), (196, 146, 108), (146, 100, 70), (96, 64, 46))
HAIR: tuple[RGB, ...] = ((24, 20, 20), (52, 34, 24), (96, 60, 32), (176, 132, 70), (124, 48, 26))
GREY_HAIR: RGB = (206, 206, 208)
LUGGAGE: tuple[RGB, ...] = ((70, 52, 40), (156, 96, 44), (40, 56, 84), (88, 96, 60), (150, 40, 40), (196, 170, 130))
HATS: tuple[RGB, ...] = ((236, 150, 30), (214, 40, 40), (40, 90, 190), (240, 240, 236), (50, 120, 60))
TEXTURES = ("plain", "hoops", "stripes", "check", "print", "open", "yoke", "band")
LEG_TEXTURES = ("plain", "piped", "faded", "cuffed")


def shade(colour: RGB, factor: float) -> RGB:
    """Scale a colour's brightness by ``factor``, clipped to 0..255."""
    r, g, b = colour
    return min(255, int(r * factor)), min(255, int(g * factor)), min(255, int(b * factor))


def blend(first: RGB, second: RGB, weight: float) -> RGB:
    """Mix two colours: ``weight`` 0 gives the first, 1 the second."""
    r, g, b = (int(x + (y - x) * weight) for x, y in zip(first, second, strict=True))
    return r, g, b


def contrast(colour: RGB, weight: float) -> RGB:
    """A second tone for a texture: the colour moved towards white if it is dark, towards black if it is light."""
    dark = sum(colour) < 380
    return blend(colour, (255, 255, 255) if dark else (0, 0, 0), weight)


@dataclass(frozen=True)
class Detail:
    """What tells two people with equal attributes apart; drawn independently of the attributes.

    Every field is a uniform number in [0, 1) that the drawing turns into a size, a shade or a choice. Because the
    fields do not depend on the attributes, they carry no information on them: an attribute can be read from an image
    through its own evidence only, which is what makes the ground truth of the world computable.
    """

    height: float
    build: float
    skin: float
    hair: float
    hair_shape: float
    up_shade: float
    down_shade: float
    up_texture: float
    up_scale: float
    up_tone: float
    leg_texture: float
    shoes: float
    luggage: float
    luggage_shape: float
    hat: float
    hem: float
    belt: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> "Detail":
        """Draw one identity's detail."""
        return cls(*generator.random(len(fields(cls))).tolist())

    def spread(self, factor: float) -> "Detail":
        """This detail with height, build, shades and contrast of texture ``factor`` times as far from the mean.

        These fields then leave [0, 1) where the factor is above 1.
        """
        names = ("height", "build", "up_shade", "down_shade", "up_tone")
        return replace(self, **{name: _spread(getattr(self, name), 0.5, factor) for name in names})


@dataclass(frozen=True)
class Shot:
    """What differs between two images of one identity: uniform numbers in [0, 1) that the drawing interprets."""

    view: float
    phase: float
    arms: float
    lean: float
    scale: float
    shift_x: float
    shift_y: float
    background_x: float
    background_y: float
    light: float
    low_light: float
    blur: float
    occluder: float
    occluder_place: float
    occluder_tone: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> "Shot":
        """Draw one image's circumstances."""
        return cls(*generator.random(len(fields(cls))).tolist())

    def calmed(self, factor: float) -> "Shot":
        """This shot with scale, shift and light ``factor`` times as far from the mean, and dark, blurred and
        obstructed images ``factor`` times as frequent."""
        names = ("scale", "shift_x", "shift_y", "light")
        rarer = max(factor, 1e-9)
        return replace(
            self,
            **{name: _spread(getattr(self, name), 0.5, factor) for name in names},
            low_light=self.low_light / rarer,
            occluder=self.occluder / rarer,
            # What is blurred has the largest of these numbers, the others the smallest.
            blur=1 - (1 - self.blur) / rarer,
        )


def _spread(value: float, mean: float, factor: float) -> float:
    # So written, a factor of 1 changes no bit.
    return value + (factor - 1) * (value - mean)


def pick(choices: tuple[Choice, ...], uniform: float) -> Choice:
    """The choice that a uniform number in [0, 1) falls on."""
    return choices[int(uniform * len(choices))]
