"""Search that shows where it found a word, and a description of each page, both from the pages' own sentences.

Sphinx's search fetches every page that it lists, which browsers refuse for files on a disk. Here the sentences of each
page's sections lie in a script of their own, ``_static/found/PAGE.js``; ``_assets/found.js`` loads those of the pages
that it lists.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

DESCRIPTION = 160


def sentences(node: nodes.Element) -> str:
    """The text of a section without its subsections and its title, in one line."""
    parts = []
    for child in node.children:
        if not isinstance(child, nodes.section | nodes.title | nodes.comment | nodes.literal_block):
            parts += [piece.astext() for piece in pieces(child)]
    return re.sub(r"\s+", " ", " ".join(parts)).strip()


def pieces(node: nodes.Node) -> Iterator[nodes.Node]:
    """The node itself, or the captions and the cells of its tables that hold words."""
    tables = [node] if isinstance(node, nodes.table) else list(node.findall(nodes.table))
    if not tables:
        yield node
    for table in tables:
        cells = [*table.findall(nodes.title), *table.findall(nodes.entry)]
        yield from (cell for cell in cells if re.search(r"[^\W\d_]{2}", cell.astext()))


def sections(document: nodes.document) -> list[list[str]]:
    """Anchor, title and text of every section, in the order of the page."""
    found = []
    for section in document.findall(nodes.section):
        title = section.next_node(nodes.title)
        text = sentences(section)
        if title is not None and text:
            found.append([section["ids"][0], title.astext(), text])
    return found


def describe(document: nodes.document) -> str:
    """The first paragraphs of a page, shortened to whole words."""
    text = ""
    for paragraph in document.findall(nodes.paragraph):
        text = re.sub(r"\s+", " ", f"{text} {paragraph.astext()}").strip()
        if len(text) >= DESCRIPTION:
            break
    text = re.sub(r"^Question\. ", "", text)
    return text if len(text) <= DESCRIPTION else text[:DESCRIPTION].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def add_description(
    app: Sphinx, page: str, _template: str, context: dict[str, object], document: nodes.document | None
) -> None:
    if document is not None and 'name="description"' not in str(context.get("metatags", "")):
        tag = f'<meta name="description" content="{html.escape(describe(document))}" />'
        context["metatags"] = f"{context.get('metatags', '')}\n{tag}"
    if page == "search":
        app.add_js_file("found.js")


def write_text(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    for page in sorted(app.env.found_docs):
        text = json.dumps([page, sections(app.env.get_doctree(page))], ensure_ascii=False, separators=(",", ":"))
        file = Path(app.outdir) / "_static" / "found" / f"{page}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"found({text});\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("html-page-context", add_description)
    app.connect("build-finished", write_text)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
