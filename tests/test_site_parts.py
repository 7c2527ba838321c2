"""What the book's extension does to numbers, icons and names; what ``tests/look.py`` finds on a page in a browser."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from chromium import find

ROOT = Path(__file__).parents[1]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch):
    """Loads a module of ``book/_ext`` by its name."""
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("1.047000e+09", "1.05\u202f×\u202f10⁹"),
        ("p = 3.99e-06 (z)", "p = 3.99\u202f×\u202f10⁻⁶ (z)"),
        ("5.776000e+01", "57.76"),
        ("4.757000e+05", "475,700"),
        ("-2.6 (-7.4 to 2.3), -4% of it", "−2.6 (−7.4 to 2.3), −4\u00a0% of it"),
        ("-0.0 (-0.04 to +0.00), +0 % of -0.000", "0.0 (−0.04 to 0.00), 0\u00a0% of 0.000"),
        ("-0.05, +0.5, +0.", "−0.05, +0.5, 0."),
        ("95 % / 90%", "95\u00a0% / 90\u00a0%"),
        ("Market-1501, ViT-B-16, 10-15, a1e-3", "Market-1501, ViT-B-16, 10-15, a1e-3"),
    ],
)
def test_numbers_are_set_as_in_print(part, written: str, shown: str) -> None:
    assert part("typeset").typeset(written) == shown


def test_long_decimals_of_pandas_are_shortened_and_others_are_not(part) -> None:
    cell = part("typeset").typeset_cell
    assert [cell(text) for text in ("85.523523", "-0.000123456", "0.0341", "95.4", "-0.5")] == [
        "85.524",
        "−0.00012",
        "0.0341",
        "95.4",
        "−0.5",
    ]


CSS = (
    '.fa-sun:before{content:"\\f185"}.fa-search:before,.fa-magnifying-glass:before{content:"\\f002"}'
    '.fa-lg{font-size:2em}.note:before{content:"\\f05a"}html{--pst-icon-github:"\uf09b";--pst-icon-bell:"\uf0f3";'
    "--pst-icon-admonition-note:var(--pst-icon-bell)}"
)


def test_the_icons_that_pages_use_are_chosen_by_their_font(part) -> None:
    chosen = part("lighten").choose_icons(
        ['<i class="fa-solid fa-magnifying-glass fa-lg"></i>', 'x.classList="fas fa-sun"'], CSS
    )
    assert chosen == {"fa-solid-900": {0xF002, 0xF185, 0xF05A, 0xF0F3}}
    style = part("lighten").trim_style(CSS, {"fa-solid-900": {0xF002, 0xF05A}})
    assert ".fa-magnifying-glass:before" in style
    assert ".fa-sun" not in style


def test_an_icon_that_no_font_has_fails_the_build(part) -> None:
    with pytest.raises(Exception, match="no icon 'fa-mozaic'"):
        part("lighten").choose_icons(['<i class="fa-solid fa-mozaic"></i>'], CSS)
    lighten = part("lighten")
    with pytest.raises(Exception, match="has no glyphs"):
        lighten.write_font(
            lighten.THEME / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.ttf", {0xE999}, Path("unused.woff")
        )


def test_settings_and_files_have_the_name_of_their_entry(part) -> None:
    api = part("api")
    named = api.settings()
    assert named["experts.pooling"] == "mosaicreid.config.settings.ExpertOptions.pooling"
    assert named["experts.start"] == "mosaicreid.config.settings.ExpertConfig.start"
    assert named["stages.experts.id_weight"] == "mosaicreid.config.settings.StageConfig.id_weight"
    assert "mosaicreid.retrieval.ties" in api.modules("retrieval")
    assert api.modules("losses") == ["mosaicreid.losses"]
    alias, said = ["Alias for field number 2", ""], ["Boxes (B, 4).", ""]
    for lines in (alias, said):
        api.without_aliases(None, "attribute", "box", None, None, lines)
    assert (alias, said) == ([], ["Boxes (B, 4).", ""])


@pytest.mark.parametrize("name", ["forward", "stages", "types", "labels"])
def test_pictures_of_the_method_stay_on_their_sheet_and_say_what_they_show(part, name: str) -> None:
    import re

    diagrams = part("diagrams")
    drawing, height = diagrams.DIAGRAMS[name]()
    assert 'aria-label="a &amp; b"' in drawing.svg(height, "a & b")
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', "".join(drawing.parts))
    assert len(boxes) > 5
    for x, y, width, tall in boxes:
        assert float(x) + float(width) <= diagrams.WIDTH
        assert float(y) + float(tall) <= height


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>t</h1>{}</main></body></html>"""
FAULTS = {
    "wide": ('<div style="width: 500px">wide</div>', "390 px: div"),
    "scrolls": ('<div style="overflow-x: auto"><p style="width: 2000px">long</p></div>', "scrolls without a cue"),
    "console": ("<script>throw new Error('broken');</script>", "exception: Error: broken"),
    "host": ('<img alt="" src="http://other.invalid/a.png">', "request to http://other.invalid/a.png"),
    "link": ('<a href="gone.html">gone</a>', "link to gone.html"),
    "anchor": ('<a href="index.html#gone">gone</a>', "link to index.html#gone"),
    "barrier": ('<input type="text">', "390 px, light: axe label (critical), 1 times, first input"),
}


@pytest.mark.skipif(find() is None, reason="no Chromium on the path")
def test_look_reports_each_fault_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE.format('<p id="here"><a href="#here">fine</a></p>'))
    for name, (body, _) in FAULTS.items():
        (tmp_path / f"{name}.html").write_text(PAGE.format(body))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "look.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    told = {page.split(":")[0]: page for page in done.stdout.replace("\n    ", "\t").splitlines()}
    assert " 0 problems" in told["index.html"]
    for name, (_, problem) in FAULTS.items():
        assert problem in told[f"{name}.html"], told[f"{name}.html"]


def test_rules_for_classes_that_stand_nowhere_are_left_out(part) -> None:
    styles = part("styles")
    known = styles.Known(['<p class="note wide">'], ['x.classList.add("show"); y = `bs-tooltip-${side}`'])
    css = (
        '/* a */@charset "utf-8";.note,.gone,p{a:b}.gone .note{a:b}.note:not(.gone){a:b}.show{a:"}"}'
        "@media print{.gone{a:b}.wide{a:b}}@media screen{.gone{a:b}}.bs-tooltip-top{a:b}@font-face{src:url(x)}"
    )
    assert styles.purge(css, known) == (
        '@charset "utf-8";.note,p{a:b}.note:not(.gone){a:b}.show{a:"}"}'
        "@media print{.wide{a:b}}.bs-tooltip-top{a:b}@font-face{src:url(x)}"
    )


def test_drawings_lose_names_and_digits_and_keep_what_they_refer_to(part) -> None:
    style = ' style="fill: red"'
    drawing = (
        '<!DOCTYPE svg PUBLIC "x"><svg viewBox="0 0 9 9"><!-- word --><g id="axes_1">\n'
        f'<path id="m1" d="M 0.123456 1 z "{style}/><use xlink:href="#m1" x="1.23456"{style}/>'
        f'<g clip-path="url(#c)"{style}/>'
        '<clipPath id="c"/><g transform="translate(1.23456 2) scale(0.015625 -0.1)"/></g></svg>'
    )
    assert part("drawings").lighten_drawing(drawing) == (
        '<svg viewBox="0 0 9 9"><style type="text/css">.s0{fill: red}</style><g>'
        '<path id="i0" d="M 0.12 1 z" class="s0"/>'
        '<use xlink:href="#i0" x="1.23" class="s0"/><g clip-path="url(#i1)" class="s0"/>'
        '<clipPath id="i1"/><g transform="translate(1.23456 2) scale(0.015625 -0.1)"/></g></svg>'
    )
