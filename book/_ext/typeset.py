"""How numbers are set, wherever a page shows one: a minus sign, powers of ten, no unit broken off its number."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment)
# The sign of what was rounded to zero.
NO_SIGN = re.compile(r"(?<![\w.\-–−+])[+−](?=0(?:\.0+)?(?![\d.]*\d))")
EXPONENT = re.compile(r"(?<![\w.])(\d(?:\.\d+)?)[eE]([+-]\d+)\b")


def power(number: re.Match[str]) -> str:
    """A number in computer notation: plain where it has a few digits, a power of ten otherwise."""
    value = float(number.group(0))
    if value == 0 or 1e-3 <= value < 1e6:
        return f"{value:,.0f}" if value >= 1e4 else f"{value:.4g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}\u202f×\u202f10{str(int(exponent)).translate(RAISED)}"


def typeset(text: str) -> str:
    """``text`` with its numbers set as in print."""
    text = EXPONENT.sub(power, text)
    text = re.sub(r"(?<![\w.\-–−])-(?=\.?\d)", "−", text)
    text = NO_SIGN.sub("", text)
    return re.sub(r"(?<=\d) ?%", "\u00a0%", text)


def typeset_cell(text: str) -> str:
    """A cell that pandas wrote: as ``typeset``, and no more than three decimals of a number that has five or more."""
    if re.fullmatch(r"-?\d+\.\d{5,}", text):
        value = float(text)
        text = f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
    return typeset(text)


class Typeset(SphinxPostTransform):
    default_priority = 15

    def run(self, **_kwargs: object) -> None:
        for text in list(self.document.findall(nodes.Text)):
            if any(isinstance(above, VERBATIM) for above in ancestors(text)):
                continue
            new = typeset(text.astext())
            # A number of a result, and its unit in the text behind.
            if new.startswith(" %"):
                new = "\u00a0" + new[1:]
            if new != text.astext():
                text.parent.replace(text, nodes.Text(new))


def ancestors(node: nodes.Node) -> list[nodes.Node]:
    above = []
    while node.parent is not None:
        node = node.parent
        above.append(node)
    return above


def setup(app: Sphinx) -> dict[str, object]:
    app.add_post_transform(Typeset)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
