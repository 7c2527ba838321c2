"""What a person carries: backpack, shoulder bag, handbag, walking stick."""

from mosaicreid.world.body import Body, Brush, Point
from mosaicreid.world.wardrobe import LUGGAGE, RGB, Detail, contrast


def _colours(detail: Detail, kind: int) -> tuple[RGB, RGB]:
    """A bag's colour and its contrasting edge, which keeps it visible on clothes of any colour."""
    colour = LUGGAGE[(int(detail.luggage * len(LUGGAGE)) + 2 * kind) % len(LUGGAGE)]
    return colour, contrast(colour, 0.6)


def draw_backpack(brush: Brush, body: Body, detail: Detail) -> None:
    """The pack: on the back from behind, behind it from the side, its outline past the shoulders from the front."""
    colour, edge = _colours(detail, 0)
    half_height = (0.115 + 0.02 * detail.luggage_shape) * (body.stature / 0.88) ** 0.5
    y = body.shoulder_y - 0.75 * half_height
    if body.side:
        x, half_width = body.lean(body.shoulder_y) - body.shoulder - 0.045, 0.062
    elif body.view == "back":
        x, half_width = 0.0, 0.92 * body.shoulder
    else:
        # From the front the pack would be hidden: it is wide enough to stand out on both sides of the neck.
        x, half_width, y = 0.0, 1.02 * body.shoulder, y + 0.055
    brush.box(x, y, half_width + 0.008, half_height + 0.008, edge, round=0.035)
    brush.box(x, y, half_width, half_height, colour, round=0.03)
    if body.view != "front":
        brush.box(x, y - 0.4 * half_height, 0.62 * half_width, 0.4 * half_height, edge, round=0.015)
        brush.box(x, y - 0.4 * half_height, 0.62 * half_width - 0.007, 0.4 * half_height - 0.007, colour, round=0.01)


def draw_straps(brush: Brush, body: Body, detail: Detail) -> None:
    """The straps of a backpack over the shoulders, for the front and the side."""
    colour, edge = _colours(detail, 0)
    top, low = body.shoulder_y + 0.012, body.waist_y - 0.01
    if body.side:
        x = body.lean(body.shoulder_y)
        strap = ((x, top), (x + 0.75 * body.shoulder, top - 0.05), (x - 0.6 * body.shoulder, low))
        brush.line(strap, 0.034, edge)
        brush.line(strap, 0.020, colour)
        return
    for part in (-0.58, 0.58):
        rows = ((part * body.shoulder, top), (1.15 * part * body.half_width(low), low))
        brush.line(rows, 0.040, edge)
        brush.line(rows, 0.024, colour)


def draw_shoulder_bag(brush: Brush, body: Body, detail: Detail) -> None:
    """A bag at the left hip on a strap across the torso."""
    colour, edge = _colours(detail, 1)
    top = body.shoulder_y + 0.008
    half_width, half_height = 0.056 + 0.012 * detail.luggage_shape, 0.050
    y = body.hip_y + 0.015
    if body.side:
        x, start = -0.01, body.lean(top) + 0.5 * body.shoulder
    else:
        x, start = -body.hip - 0.012, 0.62 * body.shoulder
    brush.line(((start, top), (x, y + half_height)), 0.030, edge)
    brush.line(((start, top), (x, y + half_height)), 0.018, colour)
    brush.box(x, y, half_width + 0.008, half_height + 0.008, edge, round=0.012)
    brush.box(x, y, half_width, half_height, colour, round=0.01)
    brush.box(x, y + 0.45 * half_height, half_width, 0.008, edge)


def draw_handbag(brush: Brush, hand: Point, detail: Detail) -> None:
    """A small bag hanging from one hand by its handle."""
    colour, edge = _colours(detail, 2)
    x, y = hand
    half_width = 0.046 + 0.01 * detail.luggage_shape
    handle = ((x - 0.6 * half_width, y - 0.055), (x, y), (x + 0.6 * half_width, y - 0.055))
    brush.line(handle, 0.014, edge)
    shape = ((x - 0.75 * half_width, y - 0.045), (x + 0.75 * half_width, y - 0.045))
    brush.polygon((*shape, (x + 1.2 * half_width, y - 0.128), (x - 1.2 * half_width, y - 0.128)), edge)
    inner = ((x - 0.6 * half_width, y - 0.053), (x + 0.6 * half_width, y - 0.053))
    brush.polygon((*inner, (x + 1.0 * half_width, y - 0.120), (x - 1.0 * half_width, y - 0.120)), colour)


def draw_stick(brush: Brush, body: Body, hand: Point) -> None:
    """A walking stick under the left hand: with grey hair and a stoop, the mark of old age."""
    x, y = hand
    foot = x + (0.03 if body.side else -0.02)
    brush.line(((x, y + 0.012), (foot, 0.012)), 0.020, (70, 42, 20))
    brush.line(((x - 0.025, y + 0.016), (x + 0.025, y + 0.016)), 0.020, (70, 42, 20))
