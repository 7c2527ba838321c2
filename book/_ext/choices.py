"""``{open-choices}``: the table of `mosaicreid.sweep.choices`, with each setting's values in both profiles."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mosaicreid.config.profiles import PROFILES
from mosaicreid.config.settings import Config
from mosaicreid.sweep.choices import CHOICES
from results import row

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
            rows.append(row(cells, ["s"] * len(cells)))
        table = nodes.table(classes=["result-table"])
        group = nodes.tgroup(cols=len(HEADERS))
        group += [nodes.colspec(colwidth=1) for _ in HEADERS]
        group += nodes.thead("", row(HEADERS, ["s"] * len(HEADERS)))
        group += nodes.tbody("", *rows)
        table += group
        return [nodes.container("", table, classes=["scroll-x"])]


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("open-choices", OpenChoices)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
