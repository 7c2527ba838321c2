"""``{how-to-cite}``: version and date of what is shown, and how to cite it and the paper, from ``CITATION.cff``."""

from pathlib import Path

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FILE = "CITATION.cff"


class HowToCite(SphinxDirective):
    """Two sentences and a BibTeX entry each; no arguments."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir, "..", FILE).resolve()
        self.env.note_dependency(str(path))
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
        paper = stated["references"][0]
        shown = f"What is shown here is version {stated['version']} of {stated['date-released']}."
        number = paper["identifiers"][0]["value"].removeprefix("arXiv:")
        authors = " and ".join(f"{person['family-names']}, {person['given-names']}" for person in paper["authors"])
        entries = [
            entry("software", "mosaicreid", author=" and ".join(person["name"] for person in stated["authors"]))
            + entry_end(title=stated["title"], version=stated["version"], year=str(stated["date-released"])[:4]),
            entry("article", "mosaic", author=authors)
            + entry_end(title=paper["title"], journal=f"arXiv:{number}", year=str(paper["year"])),
        ]
        block = nodes.literal_block("\n".join(entries), "\n".join(entries), language="bibtex")
        return [nodes.paragraph("", shown + " To cite it, and the paper that it reproduces:"), block]


def entry(kind: str, key: str, *, author: str) -> str:
    return f"@{kind}{{{key},\n  author = {{{author}}},\n"


def entry_end(**fields: str) -> str:
    return "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items()) + "}\n"


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("how-to-cite", HowToCite)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
