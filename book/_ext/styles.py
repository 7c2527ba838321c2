"""Rules of the theme's style sheet for elements that the site does not have are left out of it.

A selector stays unless it asks for a class that stands nowhere, neither in a page nor as a word or the beginning of one
in a script. What a selector excludes (``:not(.x)``) keeps nothing out.
"""

import re
from collections.abc import Iterable, Iterator

WORD = re.compile(r"[A-Za-z_][\w-]*")


class Known:
    """The words of pages and scripts, and the beginnings that scripts complete."""

    def __init__(self, pages: Iterable[str], scripts: Iterable[str]) -> None:
        scripts = list(scripts)
        self.words = {
            word for text in pages for names in re.findall(r'class="([^"]*)"', text) for word in names.split()
        }
        self.words |= {word for text in scripts for word in WORD.findall(text)}
        beginnings = {start for text in scripts for start in re.findall(r"[A-Za-z][\w-]*-(?=[\"'`$])", text)}
        self.beginnings = tuple(start for start in beginnings if len(start) > 2)

    def holds(self, selector: str) -> bool:
        asked = re.findall(r"\.(-?[A-Za-z_][\w-]*)", re.sub(r":(?:not|where|is)\([^()]*\)|\[[^\]]*\]", "", selector))
        return all(name in self.words or name.startswith(self.beginnings) for name in asked)


def rules(css: str) -> Iterator[tuple[str, str]]:
    """Head and body of every block at the top of a style sheet, and statements with an empty body."""
    start = place = 0
    while place < len(css):
        if css[place] == ";":
            yield css[start : place + 1], ""
            start = place + 1
        elif css[place] in "\"'":
            place = css.index(css[place], place + 1)
        elif css[place] == "{":
            end = closing(css, place)
            yield css[start:place], css[place + 1 : end]
            start = place = end + 1
            continue
        place += 1
    if css[start:].strip():
        yield css[start:], ""


def closing(css: str, opening: int) -> int:
    """The place of the brace that closes the one at ``opening``; braces in strings do not count."""
    depth, place = 0, opening
    while True:
        letter = css[place]
        if letter in "\"'":
            place += 1
            while css[place] != letter:
                place += 2 if css[place] == "\\" else 1
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return place
        place += 1


def split_selectors(head: str) -> list[str]:
    """The selectors of a list; commas in parentheses belong to one."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(head):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(head[start:place])
            start = place + 1
    return [*parts, head[start:]]


def purge(css: str, known: Known) -> str:
    """``css`` without comments and without the selectors that ask for a class which stands nowhere."""
    kept = []
    for head, body in rules(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)):
        name = head.strip()
        if name.startswith(("@media", "@supports", "@layer", "@container")):
            inner = purge(body, known)
            kept += [f"{name}{{{inner}}}"] if inner else []
        elif name.startswith("@") or not body:
            kept.append(f"{name}{{{body}}}" if body else name)
        elif selectors := [part for part in split_selectors(name) if known.holds(part)]:
            kept.append(f"{','.join(selectors)}{{{body}}}")
    return "".join(kept)
