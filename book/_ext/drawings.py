"""SVG files as light as they look the same: matplotlib writes every style, identifier and decimal out in full."""

import re
from collections import Counter
from pathlib import Path

DONE = "<!-- lightened -->"


def lighten_drawings(images: Path) -> None:
    for file in sorted(images.glob("*.svg")):
        text = file.read_text(encoding="utf-8")
        if DONE not in text:
            file.write_text(lighten_drawing(text) + DONE + "\n", encoding="utf-8")


def lighten_drawing(text: str) -> str:
    """The same drawing without comments, names that nothing refers to and digits beyond a hundredth of a unit."""
    text = re.sub(r"<!--.*?-->|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(?:d|points|x|y|x1|x2|y1|y2|transform)="[^"]*"', shorten_coordinates, text)
    text = re.sub(r">\s+<", "><", text)
    return share_styles(shorten_names(text))


def shorten_coordinates(found: re.Match[str]) -> str:
    text = found.group(0)
    if "scale" not in text and "matrix" not in text:
        text = re.sub(r"\d*\.\d{3,}(?![\de])", lambda number: f"{float(number.group(0)):.2f}", text)
    return re.sub(r"\s+", " ", text).replace(' "', '"')


def shorten_names(text: str) -> str:
    """Short identifiers where something refers to them, none elsewhere."""
    used = dict.fromkeys(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    short = {a or b: f"i{place}" for place, (a, b) in enumerate(used)}
    text = re.sub(
        r' id="([^"]*)"', lambda name: f' id="{short[name.group(1)]}"' if name.group(1) in short else "", text
    )
    text = re.sub(r'href="#([^"]+)"', lambda name: f'href="#{short[name.group(1)]}"', text)
    return re.sub(r"url\(#([^)]+)\)", lambda name: f"url(#{short[name.group(1)]})", text)


def share_styles(text: str) -> str:
    """Styles that several elements have, as classes."""
    counts = Counter(re.findall(r' style="([^"]*)"', text))
    names = {style: f"s{place}" for place, (style, count) in enumerate(counts.most_common()) if count > 2}
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())
    text = re.sub(
        r' style="([^"]*)"',
        lambda style: f' class="{names[style.group(1)]}"' if style.group(1) in names else style.group(0),
        text,
    )
    # After matplotlib's own rule, and in front of what it holds for.
    return re.sub(r"(<svg[^>]*>)", lambda svg: f'{svg.group(1)}<style type="text/css">{rules}</style>', text, count=1)
