"""What of a synthetic world may be set, beside who is in it: how hard its images make it to know a person again."""

import math
from dataclasses import dataclass

from mosaicreid.errors import InputError


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """How legible attributes are, what cameras do, and what tells people apart beyond their attributes.

    The defaults are a world in which much is hidden.

    Attributes:
        legibility: 0..1, how much of what images hide they show after all: a visibility v becomes
            v + legibility * (1 - v), so that attributes keep their order. 1 shows everything.
        nuisance: 0..2, a factor on what cameras and shots do to a picture: colour cast, gamma, softness, scale, shift
            and light, and how often it is dark, blurred or obstructed. Viewpoint, pose and background stay.
        private_cues: 0..2, a factor on how much people differ from the mean in height, build, shades of clothes and
            contrast of textures, which no attribute names.
        marks: 0..4, what people wear in hues of their own and no attribute names: 1 a scarf and a belt, 2 knee bands
            too, 3 all of them larger, 4 larger still.
        train_share: 0.1..0.9, share of the people who are for training.
        images_per_camera: the least and the most images that a camera takes of a person, beside a query.
        distractor_identities: 0..0.9, share of the test people who are in no query, their images all in the gallery.

    Raises:
        InputError: a value of another type or out of range.
    """

    legibility: float = 0.0
    nuisance: float = 1.0
    private_cues: float = 1.0
    marks: int = 0
    train_share: float = 0.5
    images_per_camera: tuple[int, int] = (1, 4)
    distractor_identities: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        for name, most in _LARGEST.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not 0 <= value <= most:
                raise InputError(f"the world's {name} is {value!r}; expected a number from 0 to {most:g}")
        if not isinstance(self.marks, int):
            raise InputError(f"the world's marks is {self.marks!r}; expected a whole number from 0 to 4")
        if not 0.1 <= self.train_share <= 0.9:
            raise InputError(f"the world's train_share is {self.train_share!r}; expected a number from 0.1 to 0.9")
        images = self.images_per_camera
        whole = isinstance(images, tuple) and len(images) == 2 and all(type(number) is int for number in images)
        if not whole or not 1 <= images[0] <= images[1] <= 99:
            raise InputError(
                f"the world's images_per_camera is {images!r}; expected the least and the most, from 1 to 99"
            )


_LARGEST = {
    "legibility": 1.0,
    "nuisance": 2.0,
    "private_cues": 2.0,
    "marks": 4.0,
    "train_share": 0.9,
    "distractor_identities": 0.9,
}
