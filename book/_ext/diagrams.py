"""Pictures of the method, drawn by functions: ``{diagram} NAME`` with ``:alt:`` and a caption.

They are SVG inside the page, in the page's own colours, so that they follow light and dark; 360 units wide, so that a
phone shows their letters at full size. What is trained has a thick border, what is frozen a thin one, what is off a
dashed one: colour repeats this and carries nothing alone. Attributes, values and stages come from the package.
"""

from collections.abc import Callable
from html import escape

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from mosaicreid.attributes import AttributeGroup, AttributeType
from mosaicreid.config.profiles import make_config
from mosaicreid.datasets import get_schema

logger = logging.getLogger(__name__)
WIDTH = 360


class Drawing:
    """Boxes, arrows and words on a sheet ``WIDTH`` wide; ``y`` runs down."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def words(self, x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, lines: str, kind: str = "frozen") -> None:
        """A box with lines of text in its middle; ``kind``: frozen, trained, active, off or plain."""
        self.parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" class="{kind}" />')
        split = lines.split("\n")
        for place, line in enumerate(split):
            self.words(x + width / 2, y + height / 2 + 4.5 + 15 * (place - (len(split) - 1) / 2), line)

    def arrow(self, *points: tuple[float, float]) -> None:
        line = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline points="{line}" class="arrow" marker-end="url(#arrowhead)" />')

    def sum(self, x: float, y: float) -> None:
        """A plus sign in a circle."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="10" class="plain" />')
        self.words(x, y + 5, "+")

    def svg(self, height: float, alt: str) -> str:
        head = (
            '<defs><marker id="arrowhead" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0 8 4 0 8z" class="head" /></marker></defs>'
        )
        label = escape(alt, quote=True)
        return (
            f'<svg class="diagram" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">'
            f"{head}{''.join(self.parts)}</svg>"
        )


def forward() -> tuple[Drawing, float]:
    """Image, frozen block, gate, experts, pooled sum."""
    draw = Drawing()
    draw.box(10, 8, 100, 36, "image", "plain")
    draw.box(220, 8, 130, 36, "labels of the\nperson shown", "plain")
    draw.box(10, 66, 100, 36, "patches,\nfirst blocks")
    draw.arrow((60, 44), (60, 66))
    draw.parts.append('<rect x="4" y="124" width="352" height="330" rx="8" class="frame" />')
    draw.words(118, 142, "each of the last K blocks", "small", "start")
    draw.arrow((60, 102), (60, 152))
    draw.box(10, 152, 100, 36, "attention,\nresidual sum")
    draw.arrow((60, 188), (60, 330))
    draw.words(66, 214, "tokens", "small", "start")
    draw.box(10, 330, 100, 36, "MLP,\nresidual sum")
    draw.box(220, 66, 130, 36, "oracle router,\nnot learnt", "plain")
    draw.arrow((285, 44), (285, 66))
    group = get_schema("market1501").group("up")
    names = ["hat", *(f"{value}\nsleeves" for value in group.expert_values), "…"]
    gates = (0, *(int(value == "short") for value in group.expert_values), None)
    draw.arrow((60, 232), (150, 232), (150, 252))
    draw.words(122, 226, "one token: mean", "small", "start")
    for place, (name, gate) in enumerate(zip(names, gates, strict=True)):
        x = 122 + 58 * place
        draw.box(x, 254, 54, 40, name, "off" if gate == 0 else "active" if gate else "plain")
        if gate is not None:
            draw.words(x + 27, 196, str(gate), "number")
    draw.arrow((285, 102), (285, 176))
    draw.words(278, 170, "gate", "small", "end")
    draw.words(235, 212, "1: switched on, 0: off", "small")
    draw.words(352, 312, "trained: the experts", "small", "end")
    draw.box(166, 330, 140, 36, "mean of the experts\nthat are on: s", "plain")
    draw.arrow((236, 294), (236, 330))
    draw.arrow((60, 366), (60, 400))
    draw.sum(60, 410)
    draw.arrow((236, 366), (236, 410), (70, 410))
    draw.words(150, 404, "s, on every token", "small")
    draw.words(352, 446, "MLP and attention: frozen", "small", "end")
    draw.arrow((60, 420), (60, 476))
    draw.box(10, 476, 100, 36, "feature of\nthe image", "plain")
    draw.arrow((110, 494), (166, 494))
    draw.box(166, 476, 184, 36, "distances: mAP, Rank-1\nof this configuration", "plain")
    return draw, 520


def stages() -> tuple[Drawing, float]:
    """The four stages: what each trains, what it leaves alone, and for how long in the paper's profile."""
    draw = Drawing()
    settings = make_config("paper").stages
    tell = (
        ("pretrain", "image and text towers", "", "profile tiny only"),
        ("prompts", "four words per person", "both towers", f"{settings.prompts.epochs} epochs"),
        ("baseline", "image encoder, classifiers", "prompts, text tower", f"{settings.baseline.epochs} epochs"),
        ("experts", "experts, classifiers", "encoder, prompts", f"{settings.experts.epochs} epochs"),
    )
    for place, (name, learns, frozen, long) in enumerate(tell):
        y = 8 + 104 * place
        draw.words(4, y + 12, f"{place + 1}. {name}", "strong", "start")
        draw.words(356, y + 12, long, "small", "end")
        draw.box(4, y + 20, 186 if frozen else 352, 50, f"learns:\n{learns}", "trained")
        if frozen:
            draw.box(196, y + 20, 160, 50, f"frozen:\n{frozen}")
        if place < len(tell) - 1:
            draw.arrow((97, y + 70), (97, y + 96))
    return draw, 8 + 104 * 3 + 78


def types() -> tuple[Drawing, float]:
    """One group of experts for each type of attribute, with the expert that a value switches on."""
    draw = Drawing()
    schema = get_schema("market1501")
    y = 8.0
    for name, shown in (("hat", ("yes", "no")), ("up", ("short",)), ("age", ("adult",))):
        group = schema.group(name)
        for value in shown:
            draw.words(4, y + 14, f"{KINDS[group.type]}: {group.description.lower()}", "strong", "start")
            draw.box(4, y + 24, 64, 40, f"label:\n{value}", "plain")
            draw.arrow((68, y + 44), (94, y + 44))
            draw_group(draw, group, value, y + 24)
            y += 84
    return draw, y - 8


KINDS = {
    AttributeType.single_state: "Single-state",
    AttributeType.dual_state: "Dual-state",
    AttributeType.multiclass: "Multiclass",
}


def draw_group(draw: Drawing, group: AttributeGroup, value: str, y: float) -> None:
    width = (WIDTH - 98) / max(len(group.expert_values), 3)
    for place, own in enumerate(group.expert_values):
        on = own == value
        state = "on" if on else "off"
        label = group.name if len(group.expert_values) == 1 else own
        draw.box(96 + width * place, y, width - 4, 40, f"{label}\n{state}", "active" if on else "off")


def labels() -> tuple[Drawing, float]:
    """Labels against experts: two ways from the same labels to a score, and what their difference says."""
    draw = Drawing()
    draw.words(85, 20, "experts and labels", "strong")
    draw.words(275, 20, "labels alone", "strong")
    steps = (
        (32, "image", "plain", "image", "plain"),
        (92, "frozen encoder\nwith experts", "active", "frozen encoder,\nno expert", "frozen"),
        (166, "distance", "plain", "distance", "plain"),
    )
    for y, left, left_kind, right, right_kind in steps:
        height = 44 if "\n" in left else 30
        draw.box(20, y, 130, height, left, left_kind)
        draw.box(210, y, 130, height, right, right_kind)
    for x in (85, 275):
        draw.arrow((x, 62), (x, 92))
        draw.arrow((x, 136), (x, 166))
    draw.box(152, 52, 56, 30, "labels", "plain")
    draw.arrow((166, 82), (166, 114), (150, 114))
    draw.words(158, 130, "gate", "small", "start")
    draw.arrow((194, 82), (194, 220), (264, 220))
    draw.arrow((194, 82), (194, 220), (96, 220))
    draw.words(188, 214, "agreement", "small", "end")
    for x in (85, 275):
        draw.arrow((x, 196), (x, 209))
        draw.sum(x, 220)
        draw.arrow((x, 230), (x, 252))
    draw.box(20, 252, 130, 30, "mAP with both", "plain")
    draw.box(210, 252, 130, 30, "mAP with labels", "plain")
    draw.arrow((85, 282), (85, 304), (140, 304), (140, 318))
    draw.arrow((275, 282), (275, 304), (220, 304), (220, 318))
    draw.box(70, 318, 220, 44, "the difference is what experts\nadd beyond their labels", "plain")
    return draw, 370


DIAGRAMS: dict[str, Callable[[], tuple[Drawing, float]]] = {
    "forward": forward,
    "stages": stages,
    "types": types,
    "labels": labels,
}


class diagram(nodes.General, nodes.Element):
    """A picture of the method, drawn when the page is written."""


class Diagram(SphinxDirective):
    """``{diagram} NAME``: one of ``DIAGRAMS``; its text alternative is required, the content is the caption."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required, "name": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in DIAGRAMS or "alt" not in self.options or not self.content:
            logger.warning(
                "diagram %r needs :alt:, a caption and a name among: %s",
                name,
                ", ".join(DIAGRAMS),
                location=self.get_location(),
            )
            return []
        figure = nodes.figure("", diagram(which=name, alt=self.options["alt"]))
        text, messages = self.state.inline_text(" ".join(self.content), self.lineno)
        figure += nodes.caption("", "", *text)
        self.add_name(figure)
        return [figure, *messages]


def visit_diagram(translator: HTML5Translator, node: diagram) -> None:
    drawing, height = DIAGRAMS[node["which"]]()
    translator.body.append(drawing.svg(height, node["alt"]))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("diagram", Diagram)
    app.add_node(diagram, html=(visit_diagram, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
