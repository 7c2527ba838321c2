"""The drawn body: an outfit, the proportions and joints that follow from it, and a brush in body coordinates.

Body coordinates: x in frame heights from the body's axis, positive towards the right of the image (before mirroring);
y in frame heights above the ground. An adult stands about 0.88 high.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from mosaicreid.world.wardrobe import COLOURS, OTHER_COLOUR, RGB, Detail, Shot

Point = tuple[float, float]

# (stature, head height, width of shoulders and limbs) by age; adults are the unit.
AGES: dict[str, tuple[float, float, float]] = {
    "young": (0.64, 0.168, 0.72),
    "teenager": (0.80, 0.155, 0.80),
    "adult": (1.0, 0.140, 1.0),
    "old": (0.90, 0.140, 1.0),
}


@dataclass(frozen=True)
class Outfit:
    """What an image shows of the attributes, whichever dataset's schema they came from."""

    female: bool
    age: str
    long_hair: bool
    hat: bool
    backpack: bool
    bag: bool
    handbag: bool
    boots: bool
    light_shoes: bool
    long_sleeves: bool
    long_legs: bool
    dress: bool
    up: tuple[RGB, ...]
    down: tuple[RGB, ...]

    @classmethod
    def of(cls, look: Mapping[str, Sequence[str]], detail: Detail) -> "Outfit":
        """Translate shown value names (attribute -> names) of either schema.

        What a schema does not annotate (hair, age, lower length and type in DukeMTMC; shoes in Market-1501) is the
        identity's own detail or the usual case. An empty list of colours is a colour without a name.
        """
        female = "female" in look.get("gender", ())
        sleeves = look.get("up", look.get("top", ()))
        return cls(
            female=female,
            age=next(iter(look.get("age", ())), "adult"),
            # Where hair is not annotated it follows the *shown* gender, so it tells no more than that does.
            long_hair="long" in look["hair"] if "hair" in look else detail.hair_shape < (0.8 if female else 0.1),
            hat="yes" in look.get("hat", ()),
            backpack="yes" in look.get("backpack", ()),
            bag="yes" in look.get("bag", ()),
            handbag="yes" in look.get("handbag", ()),
            boots="yes" in look.get("boots", ()),
            light_shoes="light" in look["shoecolour"] if "shoecolour" in look else detail.shoes < 0.5,
            long_sleeves="long" in sleeves,
            long_legs="long" in look.get("down", ("long",)),
            dress="dress" in look.get("clothes", ()),
            up=tuple(COLOURS[name] for name in look.get("upcolour", ())) or (OTHER_COLOUR,),
            down=tuple(COLOURS[name] for name in look.get("downcolour", ())) or (OTHER_COLOUR,),
        )


@dataclass(frozen=True)
class Body:
    """Joints and half-widths in frame heights, and where the body faces."""

    view: str
    mirrored: bool
    stature: float
    head: float
    shoulder: float
    waist: float
    hip: float
    limb: float
    shoulder_y: float
    waist_y: float
    hip_y: float
    knee_y: float
    stride: float
    swing: float
    stoop: float

    @property
    def side(self) -> bool:
        """Whether the body is seen from its side."""
        return self.view == "side"

    @classmethod
    def of(cls, outfit: Outfit, detail: Detail, shot: Shot) -> "Body":
        """Proportions from shown gender and age, the identity's height and build, and the pose of the shot."""
        stature, head, width = AGES[outfit.age]
        stature *= 0.88 * (0.97 + 0.06 * detail.height)
        width *= 0.90 + 0.20 * detail.build
        view = "front" if shot.view < 0.35 else "back" if shot.view < 0.7 else "side"
        shoulder, waist, hip, limb = (0.094, 0.062, 0.108, 0.021) if outfit.female else (0.132, 0.100, 0.088, 0.027)
        if outfit.age == "young":
            shoulder, hip = 0.5 * (shoulder + 0.110), 0.5 * (hip + 0.098)
        shoulder, waist, hip, limb = (size * width for size in (shoulder, waist, hip, limb))
        if view == "side":
            shoulder, waist, hip = 0.62 * shoulder, 0.72 * waist, 0.74 * hip
        stoop = 0.045 if outfit.age == "old" else 0.0
        hip_y = 0.47 * stature
        shoulder_y = stature - head - 0.030 * stature - 0.4 * stoop
        phase = 2 * shot.phase - 1
        return cls(
            view=view,
            mirrored=shot.view >= 0.85,
            stature=stature,
            head=head,
            shoulder=shoulder,
            waist=waist,
            hip=hip,
            limb=limb,
            shoulder_y=shoulder_y,
            waist_y=hip_y + 0.36 * (shoulder_y - hip_y),
            hip_y=hip_y,
            knee_y=0.25 * stature,
            stride=phase * (0.105 if view == "side" else 0.022) * stature,
            swing=(2 * shot.arms - 1) * (0.10 if view == "side" else 0.025) * stature,
            stoop=stoop,
        )

    def half_width(self, y: float) -> float:
        """Half the width of the torso at height ``y`` (piecewise linear: shoulders, waist, hips)."""
        if y >= self.waist_y:
            part = min(1.0, (y - self.waist_y) / (self.shoulder_y - self.waist_y))
            return self.waist + part * (self.shoulder - self.waist)
        part = min(1.0, (self.waist_y - y) / (self.waist_y - self.hip_y))
        return self.waist + part * (self.hip - self.waist)

    def lean(self, y: float) -> float:
        """How far the axis has moved forward at height ``y``: the stoop of old age, seen from the side."""
        if not self.side or y <= self.waist_y:
            return 0.0
        return self.stoop * ((y - self.waist_y) / (self.shoulder_y - self.waist_y)) ** 1.5

    def legs(self) -> tuple[tuple[Point, Point, Point], ...]:
        """Hip, knee and ankle of the far and the near leg."""
        ankle = 0.035 * self.stature
        if self.side:
            far, near = -self.stride, self.stride
            bend = 0.35 * abs(self.stride)
            return (
                ((0.0, self.hip_y), (0.5 * far + bend, self.knee_y), (far, ankle)),
                ((0.0, self.hip_y), (0.5 * near + bend, self.knee_y), (near, ankle)),
            )
        # Seen from front or back, a step lifts one foot a little and leaves the legs side by side.
        stance = 0.52 * self.hip
        up, down = max(0.0, self.stride), max(0.0, -self.stride)
        return (
            ((-stance, self.hip_y), (-stance * 1.02, self.knee_y + 0.3 * up), (-stance, ankle + up)),
            ((stance, self.hip_y), (stance * 1.02, self.knee_y + 0.3 * down), (stance, ankle + down)),
        )

    def arms(self) -> tuple[tuple[Point, Point, Point], ...]:
        """Shoulder, elbow and hand of the far (left) and the near (right) arm."""
        top, elbow, hand = self.shoulder_y - self.limb, 0.5 * (self.shoulder_y + self.hip_y) + 0.01, 0.96 * self.hip_y
        if self.side:
            x = self.lean(self.shoulder_y)
            return (
                ((x, top), (x - 0.4 * self.swing, elbow), (x - self.swing + 0.02, hand)),
                ((x, top), (x + 0.4 * self.swing, elbow), (x + self.swing + 0.02, hand)),
            )
        out = max(self.shoulder, self.hip) + 0.5 * self.limb
        edge = self.shoulder - 0.3 * self.limb
        left, right = out + 0.012 + abs(self.swing), out + 0.012
        return (
            ((-edge, top), (-0.5 * (edge + left) - 0.012, elbow), (-left, hand)),
            ((edge, top), (0.5 * (edge + right) + 0.012, elbow), (right, hand)),
        )


class Brush:
    """Draws in body coordinates onto a Pillow canvas."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, *, centre: float, ground: float, scale: float, mirrored: bool
    ) -> None:
        self._draw, self._centre, self._ground = draw, centre, ground
        self._x, self._y = (-scale if mirrored else scale), scale

    def _flat(self, points: Sequence[Point]) -> list[float]:
        flat: list[float] = []
        for x, y in points:
            flat += (self._centre + self._x * x, self._ground - self._y * y)
        return flat

    def polygon(self, points: Sequence[Point], colour: RGB) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._flat(points), fill=colour)

    def ellipse(self, x: float, y: float, half_width: float, half_height: float, colour: RGB) -> None:
        """Fill an axis-parallel ellipse about (x, y)."""
        cx, cy = self._centre + self._x * x, self._ground - self._y * y
        rx, ry = self._y * half_width, self._y * half_height
        self._draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=colour)

    def box(self, x: float, y: float, half_width: float, half_height: float, colour: RGB, *, round: float = 0) -> None:
        """Fill an axis-parallel box about (x, y), its corners rounded by ``round``."""
        cx, cy = self._centre + self._x * x, self._ground - self._y * y
        rx, ry = self._y * half_width, self._y * half_height
        self._draw.rounded_rectangle((cx - rx, cy - ry, cx + rx, cy + ry), radius=round * self._y, fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: RGB) -> None:
        """Draw a polyline of a given width."""
        self._draw.line(self._flat(points), fill=colour, width=max(1, int(self._y * width + 0.5)))

    def limb(self, points: Sequence[Point], half_width: float, colour: RGB) -> None:
        """Draw a polyline with round joints and ends, as a sleeve or a trouser leg."""
        self.line(points, 2 * half_width, colour)
        for x, y in points:
            self.ellipse(x, y, half_width, half_width, colour)
