"""What the theme ships and the book does not need is left out, and what it marks up badly is mended, after each build.

The theme's icon script holds two thousand icons (1.5 MB), and two thirds of its style sheet are for elements that no
page has. The icons in use become a font of their own; one that the font lacks fails the build. Pictures made of pixels
are stored as WebP, drawings without what does not show. Search scripts load on the search page alone. Every step reads
the theme's own files and may run again on pages that it has done.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import myst_nb
import pydata_sphinx_theme
import sphinx_design
from drawings import lighten_drawings
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from styles import Known, purge
from typeset import typeset_cell

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
# Style sheets of extensions: how each is called in a book, and the whole of it.
SHEETS = {
    "sphinx-design.min.css": Path(sphinx_design.__file__).with_name("static") / "sphinx-design.min.css",
    "mystnb.*.css": Path(myst_nb.__file__).with_name("static") / "mystnb.css",
}
# Class that chooses a font, for each font file of the theme.
FONTS = {
    "fa-solid-900": ("fa-solid", "fas", "fa"),
    "fa-regular-400": ("fa-regular", "far"),
    "fa-brands-400": ("fa-brands", "fab"),
}
STYLES = {style for names in FONTS.values() for style in names}
ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
FACE = re.compile(r"@font-face\{[^}]*fontawesome/webfonts/([a-z0-9-]+)\.woff2[^}]*\}")
SMALLEST_PICTURE = 20_000
QUALITY = 65


def icons_by_name(css: str) -> dict[str, int]:
    """The code point of every icon that the theme's style sheet names."""
    return {
        name: int(code, 16)
        for names, code in ICON_RULE.findall(css)
        for name in re.findall(r"\.(fa-[a-z0-9-]+)", names)
    }


def used_classes(texts: Iterable[str]) -> Iterator[list[str]]:
    """The classes of every element, in pages and in scripts, that asks for an icon."""
    for text in texts:
        for classes in re.findall(r"""["']([^"'<>{}]*\bfa[a-z]?[ -][^"'<>{}]*)["']""", text):
            words = classes.split()
            if STYLES & set(words):
                yield words


def choose_icons(texts: Iterable[str], css: str) -> dict[str, set[int]]:
    """The code points that pages and scripts need of each font.

    Raises:
        ExtensionError: an element asks for an icon that the theme does not have.
    """
    known = icons_by_name(css)
    rest = ICON_RULE.sub("", css)
    chosen: dict[str, set[int]] = {font: set() for font in FONTS}
    # Icons that style sheets put before or after elements (admonitions, links to other sites).
    chosen["fa-solid-900"] |= {int(code, 16) for code in re.findall(r'"\\([ef][0-9a-f]{3})"', rest)}
    for icon in set(re.findall(r"--pst-icon-admonition-\w+: ?var\((--pst-icon-[\w-]+)\)", rest)):
        chosen["fa-solid-900"] |= {ord(letter) for letter in re.findall(f'{icon}: ?"([\ue000-\uf8ff])"', rest)}
    for words in used_classes(texts):
        font = next(font for font, names in FONTS.items() if set(names) & set(words))
        for word in words:
            if word in known:
                chosen[font].add(known[word])
            elif word.startswith("fa-") and word not in STYLES and not re.search(rf"\.{word}\b", rest):
                raise ExtensionError(f"no icon {word!r} in the theme's fonts; an element has the classes {words}")
    return {font: codes for font, codes in chosen.items() if codes}


def write_font(source: Path, codes: set[int], target: Path) -> None:
    """The glyphs of ``codes`` from a TrueType font, as WOFF.

    Raises:
        ExtensionError: the font lacks one of them.
    """
    with TTFont(source) as font:
        missing = codes - set(font.getBestCmap())
        if missing:
            raise ExtensionError(f"{source.name} has no glyphs {sorted(map(hex, missing))}, which pages or styles use")
        options = subset.Options(flavor="woff", notdef_outline=True, layout_features=[], recalc_timestamp=False)
        cut = subset.Subsetter(options)
        cut.populate(unicodes=codes)
        cut.subset(font)
        subset.save_font(font, str(target), options)


def trim_style(css: str, chosen: dict[str, set[int]]) -> str:
    """The theme's style sheet with the rules of the chosen icons only and the fonts written here."""
    codes = set().union(*chosen.values())
    css = ICON_RULE.sub(lambda rule: rule.group(0) if int(rule.group(2), 16) in codes else "", css)
    # The theme's script turned icons into SVG; its rules for them hold for the letters of the font.
    css = css.replace(":not(svg)", ":not(svg, i)").replace("form.bd-search svg", "form.bd-search i")
    return FACE.sub(lambda face: shorten_face(face, chosen), css)


def shorten_face(face: re.Match[str], chosen: dict[str, set[int]]) -> str:
    name = face.group(1)
    if name not in chosen:
        return ""
    source = f'src:url(../vendor/fontawesome/webfonts/{name}.woff) format("woff")'
    return re.sub(r"src:[^}]*(?=\})", source, face.group(0))


def lighten_theme(static: Path, pages: dict[Path, str]) -> None:
    css = (THEME / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    own = [
        file.read_text(encoding="utf-8")
        for pattern in ("*.js", "*.css", "scripts/*.js", "styles/sphinx-book-theme.css")
        for file in sorted(static.glob(pattern))
        if file.name != "fontawesome.js"
    ]
    more = "".join(text for text in own if "Awesome" in text)
    chosen = choose_icons([*pages.values(), *own], css + more)
    scripts = [file.read_text(encoding="utf-8") for file in static.glob("**/*.js") if file.name != "fontawesome.js"]
    known = Known(pages.values(), scripts)
    css = purge(trim_style(css, chosen), known)
    (static / "styles" / "pydata-sphinx-theme.css").write_text(css, encoding="utf-8")
    for name, whole in SHEETS.items():
        for file in static.glob(name):
            file.write_text(purge(whole.read_text(encoding="utf-8"), known), encoding="utf-8")
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    for old in {*fonts.glob("*"), *(static / "scripts").glob("fontawesome.js"), *static.rglob("*.map")}:
        old.unlink()
    for name, codes in chosen.items():
        write_font(THEME / "vendor" / "fontawesome" / "webfonts" / f"{name}.ttf", codes, fonts / f"{name}.woff")


def lighten_pictures(images: Path) -> None:
    """Store large PNG files as WebP where that is smaller, under the same name with ``.webp``."""
    for file in sorted(images.glob("*.png")):
        if file.stat().st_size < SMALLEST_PICTURE:
            continue
        webp = file.with_suffix(".webp")
        with Image.open(file) as picture:
            picture.convert("RGB").save(webp, quality=QUALITY, method=4)
        smaller = webp.stat().st_size < file.stat().st_size
        (file if smaller else webp).unlink()


def mend(text: str, name: str, webp: set[str]) -> str:
    """A page without what it does not need, and with names for what the theme leaves nameless."""
    text = re.sub(r'\s*<script defer src="[^"]*scripts/fontawesome\.js[^"]*"></script>', "", text)
    if name != "search.html":
        scripts = r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
        text = re.sub(scripts, "", text)
    if not re.search(r'class="(?:[^"]* )?sd-', text):
        design = r"\s*<(?:link|script)[^>]*_static/(?:sphinx-design\.min\.css|design-tabs\.js)[^>]*>(?:</script>)?"
        text = re.sub(design, "", text)
    text = re.sub(r"\n\s*<!--(?! ?\[if).*?-->", "", text, flags=re.DOTALL)
    text = text.replace('<meta name="viewport" content="width=device-width, initial-scale=1"/>', "")
    text = text.replace('<meta name="viewport" content="width=device-width, initial-scale=1" />', "")
    text = re.sub(r'(<(?:i|span) class="[^"]*\bfa-[^"]*")(?![^>]*aria-hidden)', r'\1 aria-hidden="true"', text)
    text = re.sub(r"<summary>(?=<span class=\"toctree-toggle)", '<summary aria-label="Pages of this section">', text)
    text = text.replace(
        '<div id="pst-primary-sidebar" class=',
        '<div id="pst-primary-sidebar" role="complementary" aria-label="Book" class=',
    )
    # A list has items; the role of an entry in a bibliography is deprecated.
    text = text.replace('role="doc-biblioentry"', 'role="listitem"')
    # The corner of a table that pandas wrote is no heading.
    text = re.sub(r"<td>([-\d.e+]+)</td>", lambda cell: f"<td>{typeset_cell(cell.group(1))}</td>", text)
    text = re.sub(r"<th\b[^>]*>\s*(?:<p>\s*</p>)?\s*</th>", "<td></td>", text)
    return re.sub(
        r'((?:src|href)="[^"]*_images/)([^"/]+)\.png"',
        lambda found: f'{found.group(1)}{found.group(2)}.{"webp" if found.group(2) in webp else "png"}"',
        text,
    )


def lighten_index(index: Path) -> None:
    """Drop the index entries from the search index, which repeat its objects."""
    head, text, tail = re.fullmatch(
        r"(Search\.setIndex\()(.*)(\))\s*", index.read_text(encoding="utf-8"), re.S
    ).groups()
    content = json.loads(text) | {"indexentries": {}}
    index.write_text(head + json.dumps(content, ensure_ascii=False, separators=(",", ":")) + tail, encoding="utf-8")


def lighten(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    lighten_pictures(out / "_images")
    lighten_drawings(out / "_images")
    lighten_index(out / "searchindex.js")
    webp = {file.stem for file in (out / "_images").glob("*.webp")}
    files = [file for file in out.rglob("*.html") if static not in file.parents]
    pages = {file: file.read_text(encoding="utf-8") for file in files}
    lighten_theme(static, pages)
    for file, text in pages.items():
        mended = mend(text, file.name, webp)
        if mended != text:
            file.write_text(mended, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, object]:
    app.connect("build-finished", lighten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
