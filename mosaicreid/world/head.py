"""The head: hair, face, hat."""

from mosaicreid.world.body import Body, Brush, Outfit
from mosaicreid.world.wardrobe import GREY_HAIR, HAIR, HATS, RGB, Detail, blend, pick, shade


def draw_head(brush: Brush, body: Body, outfit: Outfit, detail: Detail, skin: RGB) -> None:
    """Hair length, hat, and the face's share in gender and age, from any side."""
    half = 0.5 * body.head
    x = body.lean(body.shoulder_y) + (0.5 * body.stoop if body.side else 0.0)
    y = body.shoulder_y + 0.030 * body.stature + half - 0.012
    wide = (0.76 if outfit.female else 0.84) * half
    hair = GREY_HAIR if outfit.age == "old" else shade(pick(HAIR, detail.hair), 0.85 + 0.3 * (detail.hair * 11 % 1))
    if outfit.long_hair:
        _long_hair(brush, body, x, y, half, wide, hair)
    if body.view == "back":
        brush.ellipse(x, y, 1.08 * wide, half, hair)
        if not outfit.long_hair:
            # Short hair ends above the collar and leaves the neck free.
            brush.box(x, y - 0.72 * half, 0.52 * wide, 0.26 * half, shade(skin, 0.9), round=0.2 * half)
    else:
        brush.ellipse(x, y + 0.08 * half, 1.06 * wide, 0.98 * half, hair)
        _face(brush, body, outfit, detail, x, y, half, wide, skin, hair)
    if outfit.hat:
        _hat(brush, body, x, y, half, wide, detail)


def _long_hair(brush: Brush, body: Body, x: float, y: float, half: float, wide: float, hair: RGB) -> None:
    """Hair falling below the shoulders: down the back from behind, on both sides of the neck from the front."""
    low = body.shoulder_y - 0.075 * body.stature
    tone = shade(hair, 0.9)
    if body.view == "back":
        brush.polygon(((x - 1.1 * wide, y), (x + 1.1 * wide, y), (x + 1.2 * wide, low), (x - 1.2 * wide, low)), tone)
        brush.ellipse(x, low, 1.2 * wide, 0.2 * half, tone)
    elif body.side:
        brush.polygon(((x - 1.15 * wide, y), (x, y + 0.4 * half), (x - 0.35 * wide, low), (x - 1.7 * wide, low)), tone)
        brush.ellipse(x - 1.02 * wide, low, 0.68 * wide, 0.2 * half, tone)
    else:
        for sign in (-1, 1):
            near, far = x + sign * 0.62 * wide, x + sign * 1.32 * wide
            brush.polygon(
                ((near, y + 0.3 * half), (x + sign * 1.05 * wide, y + 0.2 * half), (far, low), (near, low)), tone
            )


def _face(
    brush: Brush,
    body: Body,
    outfit: Outfit,
    detail: Detail,
    x: float,
    y: float,
    half: float,
    wide: float,
    skin: RGB,
    hair: RGB,
) -> None:
    forward = 0.42 * wide if body.side else 0.0
    low = y - 0.16 * half
    brush.ellipse(x + forward, low, 0.82 * wide if not body.side else 0.74 * wide, 0.80 * half, skin)
    if not outfit.female and outfit.age != "young":
        # Stubble: the lower face darker.
        stubble = blend(skin, hair, 0.45)
        brush.ellipse(x + forward * 1.1, low - 0.46 * half, 0.56 * wide, 0.36 * half, stubble)
    eyes = (0.55,) if body.side else (-0.36, 0.36)
    for part in eyes:
        brush.ellipse(x + forward + part * wide, y - 0.02 * half, 0.10 * wide, 0.09 * half, (30, 26, 26))
    mouth = (196, 40, 60) if outfit.female else shade(skin, 0.6)
    brush.box(x + forward * 1.5, y - 0.55 * half, 0.26 * wide, 0.075 * half, mouth)
    if body.side:
        brush.ellipse(x + forward + 0.74 * wide, y - 0.16 * half, 0.12 * wide, 0.14 * half, skin)


def _hat(brush: Brush, body: Body, x: float, y: float, half: float, wide: float, detail: Detail) -> None:
    """A hat with a crown above and a brim across the forehead, lighter or darker than any hair."""
    colour = pick(HATS, detail.hat)
    rim = y + 0.34 * half
    brush.box(x, rim + 0.42 * half, 1.08 * wide, 0.46 * half, colour, round=0.3 * half)
    brush.box(x, rim, 1.12 * wide, 0.10 * half, shade(colour, 0.6))
    if body.side:
        brush.box(x + 0.75 * wide, rim, 1.1 * wide, 0.11 * half, colour, round=0.1 * half)
    else:
        brush.box(x, rim - 0.06 * half, 1.65 * wide, 0.11 * half, colour, round=0.1 * half)
