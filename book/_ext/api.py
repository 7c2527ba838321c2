"""API pages made from docstrings, and links from every code name in the text to its entry there.

A page under ``api/`` holds a comment ``% api: ROOM ...``; each room's modules stand there with their public functions
and classes. In any page, `` `mosaicreid.losses` ``, a file such as `` `mosaicreid/losses.py` ``, a public function's
name and a setting such as `` `experts.pooling` `` become links. ``ROOMS`` says what is public.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_type_hints

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

import mosaicreid
from mosaicreid.config.settings import Config

PACKAGE = Path(mosaicreid.__file__).parent
# Rooms whose functions and classes a user may call. Of the analyses, which belong to pages of the book, the modules are
# listed with what they are for; commands, figures' style and writing of files are the package's own business.
ROOMS = {
    **dict.fromkeys(
        ("attributes", "errors", "losses", "published", "datasets", "config", "retrieval", "statistics"), True
    ),
    **dict.fromkeys(("models", "data", "labels", "tables", "results", "records"), True),
    **dict.fromkeys(("world", "runs", "training", "sweep"), True),
    "analyses": False,
}


def modules(room: str) -> list[str]:
    """The dotted names of a room's modules, the room's own first."""
    folder = PACKAGE / room
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    names = [".".join(("mosaicreid", *file.relative_to(PACKAGE).with_suffix("").parts)) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names)


def room_text(room: str) -> str:
    """The text of a room's part of a page: a heading and an ``automodule`` for each module."""
    parts = []
    for module in modules(room):
        members = "   :members:\n   :undoc-members:\n   :ignore-module-all:\n" if ROOMS[room] else ""
        parts.append(f"## `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n{members}```\n")
    return "\n".join(parts)


def fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = re.sub(
        r"^% api: (.+)$", lambda found: "\n".join(map(room_text, found.group(1).split())), source[0], flags=re.MULTILINE
    )


def settings(kind: type = Config, prefix: str = "") -> dict[str, str]:
    """The full name of the field behind every dotted setting."""
    found = {}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        # From the ground up: autodoc writes a base's annotations into the class that inherits them.
        owner = next(base for base in reversed(kind.__mro__) if field.name in inspect.get_annotations(base))
        found[prefix + field.name] = f"{owner.__module__}.{owner.__qualname__}.{field.name}"
        if dataclasses.is_dataclass(hints[field.name]):
            found |= settings(hints[field.name], f"{prefix}{field.name}.")
    return {name: target for name, target in found.items() if "." in name}


def by_last_part(objects: dict[str, object]) -> dict[str, str]:
    """The full names that one last part alone stands for, of parts that no ordinary word equals."""
    found: dict[str, list[str]] = {}
    for name in objects:
        found.setdefault(name.rpartition(".")[2], []).append(name)
    return {part: names[0] for part, names in found.items() if len(names) == 1 and re.search(r"._.|[a-z][A-Z]", part)}


class LinkNames(SphinxPostTransform):
    """Make each code name that has an entry on an API page a link to it."""

    default_priority = 20

    def run(self, **_kwargs: object) -> None:
        domain = self.env.get_domain("py")
        objects = domain.objects
        short, options = by_last_part(objects), settings()
        last = ""
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, nodes.reference | nodes.title) or "xref" in literal["classes"]:
                continue
            text = literal.astext().removesuffix("()")
            if text.endswith(".py"):
                text = text.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if text.startswith("."):
                text = last.rpartition(".")[0] + text
            names = (text, f"mosaicreid.{text}" if "." in text else "", options.get(text, ""), short.get(text, ""))
            name = next((name for name in names if name in objects), None)
            if name is None:
                continue
            last = name
            entry = objects[name]
            link = make_refnode(
                self.app.builder, self.env.docname, entry.docname, entry.node_id, literal.deepcopy(), name
            )
            literal.replace_self(link)


def without_aliases(_app: Sphinx, _what: str, _name: str, _entry: object, _options: object, lines: list[str]) -> None:
    """What Python itself says of a named tuple's fields tells a reader nothing."""
    if lines and re.fullmatch(r"Alias for field number \d+", lines[0]):
        lines.clear()


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", without_aliases)
    app.add_post_transform(LinkNames)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
