"""The book builds without a warning, from committed results, reads offline, and cannot show a stale number."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chromium import browser, find
from fontTools.ttLib import TTFont
from look import HEAVIEST, HEAVIEST_FIRST_PAGE, broken_links, look_at
from site_names import figure_texts, raw_names, table_texts

from mosaicreid.datasets import TITLES
from results import ResultError, look_up, render

ROOT = Path(__file__).parents[1]
# Everything a page may read: pages, results, and the sources it quotes or links.
PARTS = [
    "book",
    "results",
    "mosaicreid",
    "notebooks",
    "_config.yml",
    "_toc.yml",
    "Makefile",
    "workflow",
    "README.md",
    "CITATION.cff",
]


def build(root: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "book/", *flags]
    environment = {**os.environ, "NO_COLOR": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment, check=False)


def copy_sources(destination: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(
                source, destination / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "_build")
            )
        elif source.exists():
            shutil.copy2(source, destination / part)
    return destination


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_sources(tmp_path_factory.mktemp("book"))
    done = build(root, "-W", "-n", "--keep-going")
    assert done.returncode == 0, "\n".join(
        line for line in (done.stdout + done.stderr).splitlines() if "WARNING" in line or "ERROR" in line
    )
    return root


class Page(HTMLParser):
    """What a page loads by itself, and the images that lack a text alternative."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.silent_images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in {"script", "img", "iframe", "source", "video", "audio"} and "src" in attributes:
            self.loads.append(attributes["src"])
        if tag == "link" and attributes.get("rel") not in {"canonical", "author", "search", "next", "prev", "index"}:
            self.loads.append(attributes.get("href", ""))
        if tag == "img" and not attributes.get("alt", "").strip():
            self.silent_images.append(attributes.get("src", ""))


def pages(root: Path) -> list[Path]:
    html = root / "_build" / "html"
    return sorted(path for path in html.rglob("*.html") if "_static" not in path.parts)


def test_toc_inside_the_book_equals_the_one_at_the_root() -> None:
    assert (ROOT / "book" / "_toc.yml").read_text() == (ROOT / "_toc.yml").read_text()


def test_every_page_is_in_the_toc() -> None:
    listed = set(re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text()))
    book = ROOT / "book"
    pages = [*book.glob("*.md"), *book.glob("api/*.md"), *(book / "executed").glob("*.ipynb")]
    assert {str(page.relative_to(book).with_suffix("")) for page in pages} == listed


def test_nothing_is_loaded_from_another_host(built: Path) -> None:
    assert pages(built)
    for path in pages(built):
        page = Page()
        page.feed(path.read_text())
        assert [url for url in page.loads if re.match(r"(https?:)?//", url)] == [], path.name
    for style in (built / "_build" / "html").rglob("*.css"):
        assert not re.search(r"""(url\(|@import)\s*["']?(https?:)?//""", style.read_text()), style.name


def test_every_image_has_a_text_alternative(built: Path) -> None:
    for path in pages(built):
        page = Page()
        page.feed(path.read_text())
        assert page.silent_images == [], path.name


def test_every_local_link_has_its_target_and_its_anchor(built: Path) -> None:
    missing = broken_links(built / "_build" / "html", pages(built))
    assert len(missing) == len(pages(built))
    assert {name: links for name, links in missing.items() if links} == {}


def weight(page: Path) -> int:
    """Bytes of a page and of all that it loads, the fonts of its style sheets included."""
    html = Page()
    html.feed(page.read_text())
    files = {page} | {(page.parent / re.sub(r"\?.*", "", url)).resolve() for url in html.loads if "data:" not in url}
    for style in [file for file in files if file.suffix == ".css"]:
        urls = re.findall(r"""url\(["']?([^"')?#]+)""", style.read_text())
        files |= {(style.parent / url).resolve() for url in urls if not url.startswith("data:")}
    return sum(file.stat().st_size for file in files if file.is_file())


def test_no_page_loads_more_than_a_megabyte(built: Path) -> None:
    weights = {path.name: weight(path) for path in pages(built)}
    assert min(weights.values()) > 300_000, "the theme's files are not counted"
    assert {name: size for name, size in weights.items() if size > 1_000_000} == {}


# One of each kind: explorer, prose with numbers, wide tables, code, executed notebook, docstrings.
LOOKED_AT = ("index", "explorer", "oracle", "tables", "training", "executed/train-dukemtmc", "api/people")


@pytest.mark.skipif(find() is None, reason="no Chromium on the path")
def test_pages_fit_load_nothing_from_elsewhere_and_have_no_barrier(built: Path) -> None:
    html = built / "_build" / "html"
    with browser() as tab:
        found = {name: look_at(tab, html / f"{name}.html", html) for name in LOOKED_AT}
    assert {name: problems for name, (problems, _, _) in found.items() if problems} == {}
    assert max(stored for _, stored, _ in found.values()) <= HEAVIEST
    assert found["index"][2] <= HEAVIEST_FIRST_PAGE


def test_every_icon_of_a_page_has_a_letter_in_the_font(built: Path) -> None:
    static = built / "_build" / "html" / "_static"
    style = (static / "styles" / "pydata-sphinx-theme.css").read_text()
    with TTFont(static / "vendor" / "fontawesome" / "webfonts" / "fa-solid-900.woff") as font:
        letters = set(font.getBestCmap())
    kinds = set(re.findall(r"--pst-icon-admonition-\w+: ?var\((--pst-icon-[\w-]+)\)", style))
    notes = {name: re.search(f'{name}: ?"(.)"', style).group(1) for name in kinds}
    assert {ord(letter) for letter in notes.values()} <= letters
    assert "--pst-icon-info-circle" in notes
    names = {name for path in pages(built) for name in re.findall(r'class="[^"]*\bfas? (fa-[a-z-]+)', path.read_text())}
    names |= {name for path in pages(built) for name in re.findall(r'"fa-solid (fa-[a-z-]+)', path.read_text())}
    assert {"fa-download", "fa-magnifying-glass"} <= names
    for name in names:
        code = re.search(rf'\.{name}:before[^{{}}]*\{{content:"\\([0-9a-f]+)"', style)
        assert code, name
        assert int(code.group(1), 16) in letters, name


def test_every_public_function_has_an_entry(built: Path) -> None:
    # Four lines of text, then compressed lines of: name, kind, and where it is.
    packed = (built / "_build" / "html" / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = [line.split(" ") for line in zlib.decompress(packed).decode().splitlines()]
    # A caption goes on in lines of its own.
    listed = {line[0] for line in lines if len(line) > 1 and line[1].startswith("py:")}
    rooms = re.findall(
        r"^% api: (.+)$", "\n".join(path.read_text() for path in (ROOT / "book" / "api").glob("*.md")), re.M
    )
    public = {room for line in rooms for room in line.split()}
    assert public >= {"attributes", "losses", "retrieval", "statistics", "models", "datasets", "training", "sweep"}
    missing = []
    for file in (ROOT / "mosaicreid").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        room = module.split(".")[1] if "." in module else ""
        if room not in public:
            continue
        definitions = [] if room == "analyses" else ast.parse(file.read_text()).body
        names = [
            f"{module}.{node.name}"
            for node in definitions
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        missing += [name for name in [module, *names] if name not in listed]
    assert missing == []


def test_code_names_in_the_text_are_links_to_their_entries(built: Path) -> None:
    method = (built / "_build" / "html" / "method.html").read_text()
    for target in (
        "api/models.html#module-mosaicreid.models.router",
        "api/models.html#module-mosaicreid.models.weights",
        "api/datasets.html#mosaicreid.config.settings.ExpertOptions.pooling",
    ):
        assert f'href="{target}"' in method, target


def test_tables_say_what_their_cells_are_and_show_no_computer_numbers(built: Path) -> None:
    for path in pages(built):
        text = path.read_text()
        for table in re.findall(r"<table.*?</table>", text, re.S):
            cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", table, re.S)
            shown = [re.sub(r"<(code|math).*?</\1>|<[^>]+>", "", cell, flags=re.S) for cell in cells]
            assert [cell for cell in shown if re.search(r"\de[+-]\d\d|(?<![\w.–-])-\d", cell)] == [], path.name
            if "docutils" in table.partition(">")[0]:
                assert "<th>" not in table
                assert '<th class="head"' not in table


def test_no_table_and_no_figure_shows_a_name_of_code(built: Path) -> None:
    found = {}
    for path in pages(built):
        # Pages of code, and the list of all of it.
        if "api" in path.parts or path.stem in ("api", "genindex", "py-modindex"):
            continue
        found[path.name] = raw_names(list(table_texts(path.read_text())))
    for path in (built / "results" / "figures").glob("*.svg"):
        found[path.name] = raw_names(figure_texts(path))
    assert {name: names for name, names in found.items() if names} == {}


def test_no_synthetic_world_bears_a_datasets_name(built: Path) -> None:
    drawn = ("experiment_", "robust_effects", "robust_gains", "oracle_", "shapley_", "strength", "world_truth")
    drawn += ("recovered", "lengths")
    titles = set(TITLES.values())
    for path in sorted((built / "results" / "figures").glob("*.svg")):
        if path.name.startswith(drawn):
            assert [text for text in figure_texts(path) if any(title in text for title in titles)] == [], path.name
    for path in sorted((built / "book" / "executed").glob("*.ipynb")):
        heading = json.loads(path.read_text())["cells"][0]["source"]
        heading = "".join(heading).splitlines()[0]
        named = any(title in heading for title in titles)
        assert named == path.name.startswith("paper-"), heading
    for name in ("experiment", "robust", "oracle", "shapley", "importance", "ablations"):
        page = (built / "_build" / "html" / f"{name}.html").read_text()
        assert [text for text in table_texts(page) if text in titles] == [], name


def test_every_number_table_and_figure_opens_its_source(built: Path) -> None:
    html = built / "_build" / "html"
    listed = (html / "sources.html").read_text()
    for path in sorted((built / "results").glob("*.csv")):
        assert (html / "_results" / path.name).read_bytes() == path.read_bytes()
        assert f'id="from-{path.stem}"' in listed, path.name
    for path in pages(built):
        text = path.read_text()
        tables = len(re.findall(r'<table class="[^"]*result-table', text))
        if path.name in ("sources.html", "machine.html"):
            continue
        marks = re.findall(r'<a class="source-mark"[^>]*data-file="([^"]+)"', text)
        drawn = {file.stem for file in (built / "results" / "figures").iterdir()}
        figures = sum(Path(name).stem in drawn for name in re.findall(r'<img [^>]*src="[^"]*_images/([^"]+)"', text))
        assert len(marks) == tables + figures, path.name
        for name in {*marks, *re.findall(r'<a class="result"[^>]*data-file="([^"]+)"', text)}:
            told = json.loads(re.search(r'id="sources-data">(.*?)</script>', text).group(1))
            command, address = told["files"][name]
            assert command
            assert (path.parent / address).is_file(), (path.name, address)
        if marks:
            assert all(told["codes"].values()), (path.name, told["codes"])


def test_pages_describe_themselves_and_search_holds_their_sentences(built: Path) -> None:
    html = built / "_build" / "html"
    for path in (html / "index.html", html / "method.html"):
        text = path.read_text()
        assert len(re.findall('<meta name="description" content="[^"]{60,}"', text)) == 1
        assert 'rel="icon"' in text
        assert "searchindex.js" not in text
    assert "_static/found.js" in (html / "search.html").read_text()
    assert "switches on the experts that match" in (html / "_static" / "found" / "method.js").read_text()


def test_a_changed_result_shows_on_the_next_plain_build(built: Path) -> None:
    summary = built / "results" / "digits_summary.csv"
    before = summary.read_text()
    assert "400" not in before
    summary.write_text(before.replace("398", "400"))
    try:
        assert build(built).returncode == 0
        page = (built / "_build" / "html" / "digits.html").read_text()
        assert re.search(r'class="result"[^>]*>400<', page)
        assert not re.search(r'class="result"[^>]*>398<', page)
    finally:
        # Other tests find the book as its results are.
        summary.write_text(before)
        build(built)


@pytest.mark.parametrize(
    ("cell", "spec", "shown"),
    [("nan", ".1f", None), ("inf", ".1f", None), ("-inf", "", None), ("", "", None), ("-1.25", ".1f", "−1.2")],
)
def test_prose_says_numbers(cell: str, spec: str, shown: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"name,value\nhat,{cell}\n")
    if shown is None:
        with pytest.raises(ResultError, match=r"value of 'name=hat' in a.csv is .* expected a number"):
            look_up(tmp_path, f"a.csv name=hat value {spec}")
    else:
        found = look_up(tmp_path, f"a.csv name=hat value {spec}")
        assert (found.file, found.shown) == ("a.csv", shown)
        assert found.place == {"row": "name=hat", "line": "2", "column": "value", "cell": cell}


def test_a_p_value_in_a_table_is_never_zero() -> None:
    assert render("3.2e-06", ".4f", probability=True) == "<\u202f0.0001"
    assert render("0.00049", ".3f", probability=True) == "<\u202f0.001"
    # Printed as zero by the paper, an effect of nothing, and what a digit can show.
    assert render("0.000", ".3f", probability=True) == "0.000"
    assert render("3.2e-06", ".4f") == "0.0000"
    assert render("0.00051", ".3f", probability=True) == "0.001"


def test_bytes_have_a_unit() -> None:
    assert render("3542482944", "GB") == "3.5\xa0GB"
    assert render("3537907712", "GiB") == "3.3\xa0GiB"


@pytest.mark.parametrize(
    ("cell", "spec", "shown"),
    [("-0.04", "+.1f", "0.0"), ("0.04", "+.1f", "0.0"), ("-0.004", ".0%", "0%"), ("-0.06", "+.1f", "\u22120.1")],
)
def test_what_is_rounded_to_zero_has_no_sign(cell: str, spec: str, shown: str) -> None:
    assert render(cell, spec).replace("\u202f", "").replace("\xa0", "") == shown


def test_a_wrong_key_is_a_warning_that_names_the_possible_ones(built: Path) -> None:
    page = built / "book" / "bibliography.md"
    before = page.read_text()
    page.write_text(before + "\n{result}`digits_summary.csv table=9 agree d` of them\n")
    try:
        done = build(built, "-W", "-n", "--keep-going")
        assert done.returncode != 0
        assert "no row with table='9'; there are: " in done.stdout + done.stderr
    finally:
        page.write_text(before)


def test_the_page_on_this_machine_fills_after_a_sweep(built: Path) -> None:
    page = built / "_build" / "html" / "machine.html"
    assert "No sweep has been run in this checkout" in page.read_text()
    own = built / "runs" / "tiny" / "results"
    own.mkdir(parents=True)
    (own / "machine_summary.csv").write_text(
        "dataset,runs,equal,mean_difference,mean_absolute,largest,root_mean_square,seed_sd,verdict\n"
        "dukemtmc,20,3,0,0.12,0.34,0.2,0.5,the same up to rounding\n"
    )
    try:
        assert build(built).returncode == 0
        assert "the same up to rounding" in page.read_text()
        assert broken_links(built / "_build" / "html", [page]) == {"machine.html": []}
    finally:
        shutil.rmtree(built / "runs")


def test_every_file_of_the_project_that_a_text_names_is_there() -> None:
    texts = [*(ROOT / "book").glob("*.md"), *ROOT.glob("*.md"), *(ROOT / "mosaicreid").rglob("*.py")]
    named = {
        (path.name, name)
        for path in texts
        for name in re.findall(
            r"\b(?:tests|mosaicreid|benchmarks|workflow|notebooks|config|profiles)/[\w./-]+\.\w+", path.read_text()
        )
        if path.name != "CHANGELOG.md"
    }
    assert {name for _, name in named} >= {"tests/test_rooms.py", "config/config.yaml"}
    places = (ROOT, ROOT / "mosaicreid")
    assert [item for item in sorted(named) if not any((place / item[1]).exists() for place in places)] == []
