"""Tables and figures that fit a phone: headers with a scope, rows that become cards, labels that stay legible.

What a column needs is estimated from its longest words. A table that needs more than a phone is wide gets the class
``stacks``, by which the style sheet sets each row as a card, every cell after its column's name; one with too many
cells for that scrolls, and ``_assets/scrolls.js`` says so. A figure whose smallest label would be too small scrolls.
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

PHONE = 350  # pixels of a column of text on a phone that is 390 wide
LETTER, PADDING = 6.4, 9  # pixels in a table on a phone
READABLE = 12  # letters that a column of sentences should have
MOST_CELLS = 300
DESK_READABLE = 18  # on a desk
DESK, DESK_LETTER = 770, 8.2  # pixels of the column of text on a desk, and of a letter there
SMALLEST_LABEL = 6.95


def need(cells: list[str], letter: float = LETTER, readable: int = READABLE) -> float:
    """Pixels that a column with these cells needs: its longest word, or a readable line of its sentences."""
    longest = max((len(word) for cell in cells for word in re.split(r"[\s/\-–]+", cell)), default=0)
    sentence = max((len(cell) for cell in cells), default=0)
    return max(longest, min(sentence, readable)) * letter + PADDING


def texts(row: nodes.Element) -> list[str]:
    """The text of each column in a row, a cell that spans several repeated."""
    return [entry.astext() for entry in row.findall(nodes.entry) for _ in range(1 + entry.get("morecols", 0))]


class MarkTables(SphinxPostTransform):
    """Give each body cell the name of its column, and choose how the table is set on a phone."""

    default_priority = 900
    formats = ("html",)

    def run(self, **_kwargs: object) -> None:
        # The theme's script looks for the margin's contents, which a page of one section does not have.
        has_margin = len(list(self.document.findall(nodes.section))) > 1
        for table in list(self.document.findall(nodes.table)):
            head, body = table.next_node(nodes.thead), table.next_node(nodes.tbody)
            if body is None:
                continue
            rows = list(body.findall(nodes.row))
            names = texts(list(head.findall(nodes.row))[-1]) if head is not None else []
            columns = list(zip(*map(texts, rows), strict=False))
            for line in rows:
                column = 0
                for entry in line.findall(nodes.entry):
                    if column < len(names):
                        entry["column"] = names[column]
                    column += 1 + entry.get("morecols", 0)
            total = sum(need([name, *cells]) for name, cells in zip(names, columns, strict=False))
            if names and total > PHONE and len(names) > 2 and len(rows) * len(names) <= MOST_CELLS:
                table["classes"].append("stacks")
            desk = sum(
                need([name, *cells], DESK_LETTER, DESK_READABLE) for name, cells in zip(names, columns, strict=False)
            )
            if has_margin and desk > DESK:
                if not isinstance(table.parent, nodes.container):
                    wide = nodes.container()
                    table.replace_self(wide)
                    wide += table
                table.parent["classes"].append("full-width")


def visit_entry(translator: HTML5Translator, node: nodes.entry) -> None:
    type(translator).visit_entry(translator, node)
    tag = translator.body[-1]
    if tag.startswith("<th"):
        scope = "col" if isinstance(node.parent.parent, nodes.thead) else "row"
        tag = tag.replace("<th", f'<th scope="{scope}"', 1)
    if "column" in node:
        tag = re.sub(r"^<(t[hd])", rf'<\1 data-column="{translator.attval(node["column"])}"', tag)
    translator.body[-1] = tag


def depart_entry(translator: HTML5Translator, node: nodes.entry) -> None:
    type(translator).depart_entry(translator, node)


@cache
def legible_width(path: Path) -> int | None:
    """Pixels that a figure of matplotlib's must be wide for its smallest label to be legible; None for others."""
    text = path.read_text(encoding="utf-8")
    scales = [float(scale) * 100 for scale in re.findall(r"scale\(([\d.]+) -", text)]
    scales += [float(size) for size in re.findall(r'font-size="([\d.]+)"', text)]
    box = re.search(r'viewBox="\S+ \S+ (\S+) ', text)
    return round(float(box.group(1)) * SMALLEST_LABEL / min(scales)) if scales and box else None


def visit_image(translator: HTML5Translator, node: nodes.image) -> None:
    source = Path(translator.builder.env.srcdir, node["candidates"].get("*", "") if "candidates" in node else "")
    wide = legible_width(source) if source.suffix == ".svg" and source.is_file() else None
    if wide is None or wide <= PHONE or not isinstance(node.parent, nodes.figure):
        type(translator).visit_image(translator, node)
        return
    translator.body.append('<div class="scroll-x">')
    type(translator).visit_image(translator, node)
    translator.body[-1] = translator.body[-1].replace("<img", f'<img style="min-width: {wide}px"', 1)
    translator.body.append("</div>\n")


def depart_image(translator: HTML5Translator, node: nodes.image) -> None:
    type(translator).depart_image(translator, node)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_post_transform(MarkTables)
    app.add_node(nodes.entry, override=True, html=(visit_entry, depart_entry))
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    app.add_js_file("scrolls.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
