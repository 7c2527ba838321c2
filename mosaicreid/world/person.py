"""Draw one person: body, garments, luggage, head, in painter's order."""

from PIL import Image, ImageDraw

from mosaicreid.world.body import Body, Brush, Outfit, Point
from mosaicreid.world.head import draw_head
from mosaicreid.world.luggage import draw_backpack, draw_handbag, draw_shoulder_bag, draw_stick, draw_straps
from mosaicreid.world.marks import NO_MARKS, Marks, draw_marks
from mosaicreid.world.wardrobe import (
    LEG_TEXTURES,
    LUGGAGE,
    RGB,
    SKIN,
    TEXTURES,
    Detail,
    Shot,
    blend,
    contrast,
    pick,
    shade,
)


def draw_person(canvas: Image.Image, outfit: Outfit, detail: Detail, shot: Shot, marks: Marks = NO_MARKS) -> None:
    """Draw a person onto an RGB canvas, feet near its lower edge.

    Everything ``outfit`` says is visible from every side (a backpack shows its straps and its outline from the front),
    so an attribute is hidden only by the world's visibility, never by the viewpoint.
    """
    body = Body.of(outfit, detail, shot)
    width, height = canvas.size
    brush = Brush(
        ImageDraw.Draw(canvas),
        centre=width * (0.5 + 0.12 * (shot.shift_x - 0.5)),
        ground=height * (0.965 + 0.05 * (shot.shift_y - 0.5)),
        scale=min(height, 2 * width) * (0.96 + 0.08 * shot.scale),
        mirrored=body.mirrored,
    )
    skin = blend(pick(SKIN, detail.skin), (200, 150, 120), 0.15 * (detail.skin * 37 % 1))
    up = tuple(shade(colour, 0.86 + 0.28 * detail.up_shade) for colour in outfit.up)
    down = tuple(shade(colour, 0.86 + 0.28 * detail.down_shade) for colour in outfit.down)
    far_arm, near_arm = body.arms()

    _shadow(brush, body)
    if outfit.backpack and body.view != "back":
        draw_backpack(brush, body, detail)
    if body.side:
        _arm(brush, body, outfit, far_arm, shade(up[0], 0.75), shade(skin, 0.8))
    _legs(brush, body, outfit, detail, down, skin)
    if outfit.dress:
        _skirt(brush, body, outfit, detail, down)
    _torso(brush, body, detail, up)
    _neckline(brush, body, outfit, skin)
    draw_marks(brush, body, marks)
    if not body.side:
        _arm(brush, body, outfit, far_arm, shade(up[0], 0.84), skin)
    _arm(brush, body, outfit, near_arm, shade(up[-1], 0.84), skin)
    if outfit.backpack and body.view == "back":
        draw_backpack(brush, body, detail)
    if outfit.backpack and body.view != "back":
        draw_straps(brush, body, detail)
    if outfit.bag:
        draw_shoulder_bag(brush, body, detail)
    if outfit.handbag:
        draw_handbag(brush, near_arm[2], detail)
    if outfit.age == "old":
        draw_stick(brush, body, far_arm[2])
    draw_head(brush, body, outfit, detail, skin)


def _shadow(brush: Brush, body: Body) -> None:
    brush.ellipse(0, 0.012, 0.15 * body.stature + abs(body.stride), 0.014, (58, 58, 62))


def _arm(brush: Brush, body: Body, outfit: Outfit, joints: tuple[Point, ...], sleeve: RGB, skin: RGB) -> None:
    shoulder, elbow, hand = joints
    brush.limb(joints, 0.86 * body.limb, skin)
    brush.ellipse(hand[0], hand[1], 1.05 * body.limb, 1.2 * body.limb, skin)
    if outfit.long_sleeves:
        cuff = (elbow[0] + 0.86 * (hand[0] - elbow[0]), elbow[1] + 0.86 * (hand[1] - elbow[1]))
        brush.limb((shoulder, elbow, cuff), 1.12 * body.limb, sleeve)
    else:
        end = (shoulder[0] + 0.55 * (elbow[0] - shoulder[0]), shoulder[1] + 0.55 * (elbow[1] - shoulder[1]))
        brush.limb((shoulder, end), 1.3 * body.limb, sleeve)


def _legs(brush: Brush, body: Body, outfit: Outfit, detail: Detail, down: tuple[RGB, ...], skin: RGB) -> None:
    thigh = 0.42 * body.hip if not body.side else 0.62 * body.hip
    shoe = _shoe_colour(outfit, detail)
    tones = (down[0], down[-1])
    for index, (hip, knee, ankle) in enumerate(body.legs()):
        far = body.side and index == 0
        cloth = shade(tones[index], 0.8 if far else 0.95)
        bare = shade(skin, 0.8 if far else 1.0)
        brush.limb((hip, knee, ankle), 0.8 * body.limb * 1.25, bare)
        if not outfit.dress and outfit.long_legs:
            cuff = (knee[0] + 0.9 * (ankle[0] - knee[0]), knee[1] + 0.9 * (ankle[1] - knee[1]))
            brush.limb((hip, knee), thigh, cloth)
            brush.limb((knee, cuff), 0.82 * thigh, cloth)
            _leg_texture(brush, (hip, knee, cuff), thigh, cloth, detail)
        elif not outfit.dress:
            end = (hip[0] + 0.72 * (knee[0] - hip[0]), hip[1] + 0.72 * (knee[1] - hip[1]))
            brush.line((hip, end), 2.2 * thigh, cloth)
            brush.ellipse(hip[0], hip[1], thigh, thigh, cloth)
        if outfit.boots:
            top = (ankle[0] + 0.78 * (knee[0] - ankle[0]), ankle[1] + 0.78 * (knee[1] - ankle[1]))
            # Side by side, the two shafts leave a gap.
            shaft = 1.7 * body.limb if body.side else 0.8 * abs(ankle[0])
            brush.line((ankle, top), 2 * shaft, shoe)
            brush.box(top[0], top[1], 1.1 * shaft, 0.010, contrast(shoe, 0.45))
        _foot(brush, body, ankle, shade(shoe, 0.8 if far else 1.0))


def _shoe_colour(outfit: Outfit, detail: Detail) -> RGB:
    tone = detail.shoes * 7 % 1
    return shade((250, 246, 236), 0.88 + 0.12 * tone) if outfit.light_shoes else shade((44, 34, 30), 0.7 + 0.6 * tone)


def _foot(brush: Brush, body: Body, ankle: Point, colour: RGB) -> None:
    x, y = ankle
    if body.side:
        brush.box(x + 0.018, y - 0.012, 0.044, 0.021, colour, round=0.018)
    else:
        brush.box(x, y - 0.010, 0.033, 0.026, colour, round=0.02)


def _leg_texture(brush: Brush, joints: tuple[Point, ...], thigh: float, cloth: RGB, detail: Detail) -> None:
    hip, knee, cuff = joints
    texture = pick(LEG_TEXTURES, detail.leg_texture)
    second = contrast(cloth, 0.35)
    if texture == "piped":
        outward = 0.55 * thigh if hip[0] >= 0 else -0.55 * thigh
        brush.line([(x + outward, y) for x, y in (hip, knee, cuff)], 0.018, second)
    elif texture == "faded":
        brush.ellipse(hip[0], 0.55 * hip[1] + 0.45 * knee[1], 0.5 * thigh, 0.06, contrast(cloth, 0.2))
    elif texture == "cuffed":
        brush.box(cuff[0], cuff[1], 0.85 * thigh, 0.016, second)


def _skirt(brush: Brush, body: Body, outfit: Outfit, detail: Detail, down: tuple[RGB, ...]) -> None:
    hem = 0.09 * body.stature if outfit.long_legs else body.knee_y + 0.055 * body.stature
    flare = (1.75 if outfit.long_legs else 1.55) * body.hip * (0.95 + 0.15 * detail.hem)
    top = 0.75 * body.waist_y + 0.25 * body.hip_y
    upper = body.half_width(top)
    left, right = ((-upper, top), (0, top), (0, hem), (-flare, hem)), ((upper, top), (0, top), (0, hem), (flare, hem))
    brush.polygon(left, down[0])
    brush.polygon(right, down[-1])
    if pick(LEG_TEXTURES, detail.leg_texture) in ("piped", "cuffed"):
        brush.box(0, hem + 0.012, flare, 0.012, contrast(down[0], 0.35))
    for part in (-0.45, 0.0, 0.45):
        brush.line(((part * upper, top - 0.02), (part * flare, hem)), 0.006, shade(down[0], 0.8))


def _torso(brush: Brush, body: Body, detail: Detail, up: tuple[RGB, ...]) -> None:
    hem = body.hip_y + (0.012 + 0.03 * detail.hem) * body.stature
    rows = (body.shoulder_y, body.waist_y, hem)
    right = [(body.lean(y) + body.half_width(y), y) for y in rows]
    left = [(body.lean(y) - body.half_width(y), y) for y in rows]
    neck = (body.lean(body.shoulder_y), body.shoulder_y + 0.028 * body.stature)
    brush.polygon([neck, *right, *left[::-1]], up[0])
    if len(up) > 1:
        brush.polygon([neck, *right, (body.lean(hem), hem)], up[-1])
    _texture(brush, body, detail, hem, up[0])
    if detail.belt < 0.35:
        brush.box(0, hem, body.half_width(hem), 0.010, shade(pick(LUGGAGE, detail.belt * 2.8), 0.9))


def _texture(brush: Brush, body: Body, detail: Detail, hem: float, colour: RGB) -> None:
    kind = pick(TEXTURES, detail.up_texture)
    # The second tone stays on the garment's own hue: a texture marks a person, it must not change the named colour.
    second = contrast(colour, 0.28 + 0.17 * detail.up_tone)
    step = (0.045 + 0.035 * detail.up_scale) * body.stature
    top = body.shoulder_y - 0.01
    if kind in ("hoops", "check"):
        y = top - 0.5 * step
        while y > hem + 0.01:
            half = body.half_width(y)
            brush.line(((body.lean(y) - half, y), (body.lean(y) + half, y)), 0.36 * step, second)
            y -= step
    if kind in ("stripes", "check"):
        for part in (-0.6, -0.2, 0.2, 0.6):
            rows = (top, body.waist_y, hem)
            brush.line([(body.lean(y) + part * body.half_width(y), y) for y in rows], 0.013, second)
    elif kind == "print":
        y = top - 0.09 * body.stature
        size = 0.5 * (0.5 + 0.5 * detail.up_scale) * body.half_width(y)
        brush.ellipse(body.lean(y), y, size, 0.045 * body.stature, second)
    elif kind == "open":
        x = body.lean(top) + (0.5 * body.shoulder if body.side else 0.0)
        brush.line(((x, top + 0.01), (0.6 * x, hem)), 0.022 + 0.02 * detail.up_scale, second)
    elif kind == "yoke":
        y = top - (0.05 + 0.04 * detail.up_scale) * body.stature
        rim = [(body.lean(v) + s * body.half_width(v), v) for s, v in ((-1, top), (1, top), (1, y), (-1, y))]
        brush.polygon(rim, second)
    elif kind == "band":
        y = body.waist_y + 0.3 * step
        brush.box(body.lean(y), y, body.half_width(y), 0.4 * step, second)


def _neckline(brush: Brush, body: Body, outfit: Outfit, skin: RGB) -> None:
    x, y = body.lean(body.shoulder_y), body.shoulder_y
    neck = 0.20 * body.head if outfit.female else 0.30 * body.head
    brush.box(x, y + 0.030, neck, 0.034, shade(skin, 0.88))
    if body.view == "front":
        depth = 0.065 if outfit.female else 0.018
        brush.polygon(((x - 1.4 * neck, y + 0.024), (x + 1.4 * neck, y + 0.024), (x, y - depth)), skin)
