"""Where an image is taken: a camera's place and colours, and what a shot does to the picture."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mosaicreid.world.body import Outfit
from mosaicreid.world.marks import NO_MARKS, Marks
from mosaicreid.world.person import draw_person
from mosaicreid.world.wardrobe import RGB, Detail, Shot, shade

# Figures are drawn on a canvas this many pixels high at least and then reduced: the only antialiasing, and a cheap one.
_CANVAS = 256


@dataclass(frozen=True)
class Camera:
    """One camera: ``gains`` (R, G, B) and ``gamma`` of its picture, ``softness`` of its lens, ``seed`` of its place."""

    gains: tuple[float, float, float]
    gamma: float
    softness: float
    seed: int

    @classmethod
    def draw(cls, generator: np.random.Generator) -> "Camera":
        """Draw a camera."""
        red, green, blue, gamma, softness = generator.random(5).tolist()
        gains = (0.90 + 0.20 * red, 0.95 + 0.10 * green, 0.90 + 0.20 * blue)
        return cls(gains, 0.88 + 0.24 * gamma, 0.5 * softness, int(generator.integers(2**32)))

    def calmed(self, factor: float) -> "Camera":
        """This camera with colours and lens ``factor`` times as far from a perfect one's; its place stays."""
        red, green, blue = (gain + (factor - 1) * (gain - 1) for gain in self.gains)
        gamma = self.gamma + (factor - 1) * (self.gamma - 1)
        return Camera((red, green, blue), gamma, factor * self.softness, self.seed)


@lru_cache(maxsize=64)
def _place(seed: int, width: int, height: int) -> Image.Image:
    """A camera's background, twice the width of an image: wall, ground, and things standing before the wall."""
    generator = np.random.default_rng(seed)
    wall, ground = generator.uniform(105, 190, 3), generator.uniform(95, 175, 3)
    grey = generator.uniform(0.45, 0.85)
    wall, ground = (tone.mean() * grey + tone * (1 - grey) for tone in (wall, ground))
    size = 2 * width, int(1.15 * height)
    place = Image.new("RGB", size, _rgb(wall))
    draw = ImageDraw.Draw(place)
    horizon = int(size[1] * generator.uniform(0.45, 0.7))
    for _ in range(6):
        left, top = generator.uniform(0, size[0]), generator.uniform(0, 0.8 * horizon)
        wide, high = generator.uniform(0.1, 0.5) * width, generator.uniform(0.1, 0.4) * height
        draw.rectangle(
            (left, top, left + wide, min(top + high, horizon)), fill=_rgb(wall * generator.uniform(0.7, 1.25))
        )
    draw.rectangle((0, horizon, *size), fill=_rgb(ground))
    for line in range(5):
        y = horizon + (size[1] - horizon) * (line / 5) ** 1.6
        draw.line((0, y, size[0], y), fill=_rgb(ground * 0.88), width=max(1, height // 128))
    return place


def _rgb(values: np.ndarray) -> RGB:
    r, g, b = np.clip(values, 0, 255).astype(int).tolist()
    return r, g, b


def render_person(
    outfit: Outfit,
    detail: Detail,
    shot: Shot,
    camera: Camera,
    *,
    marks: Marks = NO_MARKS,
    height: int = 128,
    width: int = 64,
) -> Image.Image:
    """Photograph one person: an RGB image of ``height`` x ``width`` pixels, a function of the arguments alone."""
    canvas = _canvas(shot, camera, height=height, width=width)
    draw_person(canvas, outfit, detail, shot, marks)
    return _photograph(canvas, shot, camera, height=height, width=width)


def render_background(shot: Shot, camera: Camera, *, height: int = 128, width: int = 64) -> Image.Image:
    """Photograph the place without a person: a detector's false alarm."""
    canvas = _canvas(shot, camera, height=height, width=width)
    return _photograph(canvas, shot, camera, height=height, width=width)


def _canvas(shot: Shot, camera: Camera, *, height: int, width: int) -> Image.Image:
    factor = max(2, -(-_CANVAS // height))
    size = factor * width, factor * height
    place = _place(camera.seed, *size)
    left = int(shot.background_x * (place.width - size[0]))
    top = int(shot.background_y * (place.height - size[1]))
    return place.crop((left, top, left + size[0], top + size[1]))


def _photograph(canvas: Image.Image, shot: Shot, camera: Camera, *, height: int, width: int) -> Image.Image:
    """Occluder, lens and light."""
    if shot.occluder < 0.25:
        _occlude(canvas, shot)
    image = canvas.reduce(canvas.height // height)
    # A box instead of a Gaussian: hardly to be told apart at a radius of a pixel, and five times as fast.
    blur = (0.8 * camera.softness + (0.7 * shot.blur if shot.blur > 0.6 else 0.0)) * height / 128
    if blur > 0.1:
        image = image.filter(ImageFilter.BoxBlur(blur))
    exposure = 0.9 + 0.2 * shot.light
    if shot.low_light < 0.15:
        exposure *= 0.72
    return image.point(_tone_curve(camera, round(exposure, 2)))


@lru_cache(maxsize=4096)
def _tone_curve(camera: Camera, exposure: float) -> list[int]:
    levels = np.linspace(0, 1, 256) ** camera.gamma
    curve = [np.clip(255 * exposure * gain * levels + 0.5, 0, 255) for gain in camera.gains]
    return np.concatenate(curve).astype(int).tolist()


def _occlude(canvas: Image.Image, shot: Shot) -> None:
    """A post at one edge of the image: it clips the outline of the person and hides no attribute."""
    width, height = canvas.size
    post = 0.10 * width
    left = (0.04 if shot.occluder_place < 0.5 else 0.86) * width
    top = (0.25 + 0.35 * (2 * shot.occluder_place % 1)) * height
    tone = shade((150, 150, 150), 0.5 + shot.occluder_tone)
    ImageDraw.Draw(canvas).rectangle((left, top, left + post, height), fill=tone)
