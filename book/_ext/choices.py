"""``{open-choices}``: the table of `mosaicreid.sweep.choices`, with each setting's values in both profiles."""

from collections.abc import Sequence

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typeset import typeset

from mosaicreid.config.profiles import PROFILES
from mosaicreid.config.settings import Config
from mosaicreid.sweep.choices import CHOICES

HEADERS = ("Choice", "Setting", "Usual (paper, tiny)", "Also", "What the paper says", "Trained by")
TRAINED = {
    "sweep": "every sweep",
    "paper": "make paper, make choices",
    "choices": "make choices",
    "alone": "a sweep of its own",
}


def value_of(config: Config, name: str) -> str:
    found: object = config
    for part in name.split("."):
        found = getattr(found, part)
    return spelt(found)


def spelt(value: object) -> str:
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


class OpenChoices(SphinxDirective):
    """A row per open choice or control; the directive takes nothing."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for choice in CHOICES:
            usual = dict.fromkeys(value_of(PROFILES[name], choice.setting) for name in ("paper", "tiny"))
            cells = (
                choice.what,
                choice.setting,
                ", ".join(usual),
                ", ".join(map(spelt, choice.values)),
                choice.why,
                TRAINED[choice.trained],
            )
            rows.append(row(cells))
        table = nodes.table(classes=["open-choices"])
        group = nodes.tgroup(cols=len(HEADERS))
        group += [nodes.colspec(colwidth=1) for _ in HEADERS]
        group += nodes.thead("", row(HEADERS))
        group += nodes.tbody("", *rows)
        table += group
        return [nodes.container("", table, classes=["scroll-x"])]


def with_code(text: str) -> list[nodes.Node]:
    """``text``, with what stands in backticks as code."""
    return [
        nodes.literal("", part) if place % 2 else nodes.Text(typeset(part))
        for place, part in enumerate(text.split("`"))
        if part
    ]


def row(cells: Sequence[str]) -> nodes.row:
    """A row of texts; the second is a setting's name, as it is typed."""
    texts = [nodes.paragraph("", "", *with_code(cell)) for cell in cells]
    if cells[1] != HEADERS[1]:
        texts[1] = nodes.paragraph("", "", nodes.literal("", cells[1]))
    return nodes.row("", *[nodes.entry("", text) for text in texts])


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("open-choices", OpenChoices)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
