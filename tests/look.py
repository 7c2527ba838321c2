"""Look at every page of a built book in headless Chromium: ``python tests/look.py _build/html``.

Every page is opened from ``file://`` at the width of a phone and of a desk, and laid out for paper. Reported, with exit
status 1: elements wider than the screen or cut on paper; tables and figures that scroll without a cue; labels of
figures too small to read; errors in the console; requests to another host or to a missing file; links without a
target; pages that weigh too much; what axe-core finds, light and dark. ``--pictures DIR`` keeps a picture of each page
and width, and words after the folder choose pages by name.
"""

import argparse
import gzip
import re
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from axe_playwright_python import base
from chromium import BrowserError, Tab, browser, find, local

AXE = Path(base.__file__).with_name("axe.min.js")
PHONE, DESK, PAPER = 390, 1400, 700
HEAVIEST = 1_000_000
HEAVIEST_FIRST_PAGE = 300_000
SMALLEST_LABEL = 6.9

# Two frames on, what listens to a change of size has heard of it; then changes of colour are brought to their end.
SETTLE = """
new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  document.getAnimations().forEach(animation => animation.finish());
  setTimeout(done, 100);
})))
"""

# Elements that stick out of the screen, unless an element around them scrolls or clips; and what scrolls sideways.
MEASURE = """
(() => {
  const name = element => element.tagName.toLowerCase() + (element.id ? "#" + element.id : "")
    + (element.classList.length ? "." + [...element.classList].slice(0, 3).join(".") : "")
    + " " + JSON.stringify(element.textContent.trim().slice(0, 30));
  const width = document.documentElement.clientWidth;
  const main = document.querySelector("main") || document.body;
  const wide = [], scrolls = [], small = [];
  const clips = element => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== "visible") return true;
    return false;
  };
  for (const element of main.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || getComputedStyle(element).position === "fixed") continue;
    if (box.right > width + 1 && !clips(element)) wide.push(name(element) + " to " + Math.round(box.right));
    const overflow = getComputedStyle(element).overflowX;
    if ((overflow === "auto" || overflow === "scroll") && element.scrollWidth > element.clientWidth + 1)
      scrolls.push([name(element), element.classList.contains("scrolls"), element.scrollWidth - element.clientWidth,
        !!element.querySelector("table")]);
  }
  for (const image of main.querySelectorAll("img"))
    small.push([image.getAttribute("src"), image.getBoundingClientRect().width, image.naturalWidth]);
  return {page: document.documentElement.scrollWidth, width, wide, scrolls, images: small};
})()
"""


class Links(HTMLParser):
    """The local targets that a page links or loads, and the anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in {"href", "src"} and value:
                self.targets.add(value)
            if key in {"id", "name"} and value:
                self.anchors.add(value)


def read_links(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def broken_links(html: Path, pages: list[Path]) -> dict[str, list[str]]:
    """Links of each page to files or anchors that are not there."""
    everything = {path.resolve(): read_links(path) for path in html.rglob("*.html") if "_static" not in path.parts}
    broken = {}
    for page in pages:
        missing = []
        for target in sorted(everything[page.resolve()].targets):
            parts = urlparse(target)
            if parts.scheme or parts.netloc:
                continue
            path = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
            known = everything.get(path)
            # What holds "=" is the state of a view, which a script reads, and no anchor.
            anchor = "" if "=" in parts.fragment else unquote(parts.fragment)
            if not path.is_file() or (anchor and known is not None and anchor not in known.anchors):
                missing.append(f"link to {target}")
        broken[str(page.relative_to(html))] = missing
    return broken


def smallest_font(svg: Path) -> float | None:
    """The smallest font size in an SVG, in its own units; matplotlib's outlines of letters are scaled by theirs."""
    text = svg.read_text(encoding="utf-8")
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', text)]
    sizes += [100 * float(size) for size in re.findall(r"scale\(([\d.]+) -", text)]
    return min(sizes) if sizes else None


def scale(svg: Path, shown: float) -> float:
    """Pixels on the screen for one unit of the SVG's own coordinates, shown ``shown`` pixels wide."""
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+)', svg.read_text(encoding="utf-8"))
    return shown / float(box.group(1)) if box else 1.0


def layout(tab: Tab, page: Path, label: str) -> list[str]:
    """What sticks out, scrolls without a cue or is too small to read, as laid out now."""
    seen = tab.evaluate(MEASURE)
    problems = [f"{label}: {what}" for what in seen["wide"][:3]]
    if seen["page"] > seen["width"] + 1:
        problems.append(f"{label}: the page is {seen['page']} px wide")
    problems += [f"{label}: scrolls without a cue: {what}" for what, cue, _, _ in seen["scrolls"] if not cue]
    for source, shown, _ in seen["images"]:
        file = page.parent / unquote(source.split("?")[0])
        if file.suffix == ".svg" and (font := smallest_font(file)) is not None and shown:
            size = font * scale(file, shown)
            if size < SMALLEST_LABEL:
                problems.append(f"{label}: labels of {size:.1f} px in {file.name}")
    return problems


def loads(events: list[dict[str, Any]]) -> tuple[list[str], set[Path]]:
    """Problems among what a page asked for and said, and the local files that it loaded."""
    problems, files = [], set()
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            url = urlparse(params["request"]["url"])
            if url.scheme == "file":
                files.add(Path(unquote(url.path)))
            elif url.scheme not in {"data", "blob"}:
                problems.append(f"request to {params['request']['url']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            problems.append(f"failed to load: {params.get('errorText')}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            problems.append(f"exception: {details.get('exception', {}).get('description', details['text'])[:200]}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "assert"}:
            problems.append(f"console: {[argument.get('value') for argument in params['args']]}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            problems.append(f"console: {params['entry']['text'][:200]}")
    return problems, files


def axe(tab: Tab) -> list[str]:
    """What keeps people out of the page, by the rules of axe-core, whose script a package brings along."""
    tab.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
    found = tab.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map("
        "rule => [rule.id, rule.impact, rule.nodes.length, rule.nodes[0].target.join(' ')]))"
    )
    return [f"axe {rule} ({impact}), {count} times, first {where}" for rule, impact, count, where in found]


def look_at(tab: Tab, page: Path, html: Path, pictures: Path | None = None) -> tuple[list[str], int, int]:
    """The problems of one page, its weight in bytes as stored and as a server would compress it."""
    tab.size(DESK)
    tab.media()
    problems, files = loads(tab.open(local(page)))
    for width, scheme in ((DESK, "light"), (PHONE, "light"), (DESK, "dark")):
        tab.size(width)
        tab.media(scheme=scheme)
        tab.evaluate(SETTLE)
        if scheme == "light":
            problems += layout(tab, page, f"{width} px")
        # Light is looked at for its layout at both widths; what axe finds hangs on the width or the colours alone.
        if (width, scheme) != (DESK, "light"):
            problems += [f"{width} px, {scheme}: {what}" for what in axe(tab)]
        if pictures:
            name = "-".join(page.relative_to(html).with_suffix("").parts)
            (pictures / f"{name}-{width}-{scheme}.png").write_bytes(tab.picture())
    tab.size(PAPER)
    tab.media("print")
    problems += [what for what in layout(tab, page, "paper") if "labels" not in what]
    there = [file for file in files if file.is_file()]
    return problems, sum(file.stat().st_size for file in there), sum(len(gzip.compress(f.read_bytes())) for f in there)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("html", type=Path)
    parser.add_argument("words", nargs="*", help="look only at pages whose path holds one of these words")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the pages")
    arguments = parser.parse_intermixed_args()
    html: Path = arguments.html
    if not (html / "index.html").is_file():
        parser.error(f"no index.html in {html}; build the book first: jupyter-book build book/")
    if find() is None:
        parser.error("no Chromium on the path; on Debian: apt-get install chromium")
    pages = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts]
    pages = [path for path in pages if not arguments.words or any(word in str(path) for word in arguments.words)]
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[str]] = defaultdict(list)
    for name, missing in broken_links(html, pages).items():
        found[name] += missing
    with browser() as tab:
        for page in pages:
            name = str(page.relative_to(html))
            try:
                problems, stored, compressed = look_at(tab, page, html, arguments.pictures)
            except BrowserError as error:
                problems, stored, compressed = [str(error)], 0, 0
            found[name] += problems
            if stored > HEAVIEST:
                found[name].append(f"weighs {stored} bytes with what it loads, over {HEAVIEST}")
            if name == "index.html" and compressed > HEAVIEST_FIRST_PAGE:
                found[name].append(f"weighs {compressed} bytes compressed, over {HEAVIEST_FIRST_PAGE}")
            print(f"{name}: {stored / 1000:.0f} kB, {compressed / 1000:.0f} kB compressed, {len(found[name])} problems")
            for problem in dict.fromkeys(found[name]):
                print(f"    {problem}")
    count = sum(map(len, found.values()))
    print(f"{len(pages)} pages, {count} problems")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
