"""The explorer: its data are those of the result files, and a browser shows them, asks nobody, and keeps the view."""

import re
import shutil
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from explorer_data import explorer_data, files, masks, pack, presets
from playwright.sync_api import Browser, Page, sync_playwright
from sources import source_of
from sphinx.application import Sphinx

from mosaicreid.published import DATASETS, METRICS, attributes, load_experiments, load_table
from results import ResultError, read_table, select

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
ASSETS = ROOT / "book" / "_assets"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = {
    "index": ".. explorer::\n   :small:\n   :full: explorer\n\n.. toctree::\n\n   explorer\n   plain\n",
    "explorer": ".. explorer::\n",
    "plain": "No explorer here.\n",
}


def subsets(dataset: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"leakage_subsets_{dataset}.csv")


def unpacked(packed: dict) -> list[float]:
    texts = re.findall("." * packed["width"], packed["text"])
    return [int(text, 36) / packed["scale"] for text in texts]


def rounded(number: float) -> str:
    """As the page shows a score: two digits below one, else one, ties away from zero."""
    digits = Decimal("0.01") if abs(number) < 1 else Decimal("0.1")
    return str(Decimal(number).quantize(digits, ROUND_HALF_UP)).replace("-", "−")


def build(folder: Path, pages: dict[str, str], results: Path = RESULTS) -> tuple[Path, str]:
    """A site of these pages in the book's theme, and what Sphinx warned of."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name, text in pages.items():
        (source / f"{name}.rst").write_text(f"{name}\n========\n\n{text}")
    settings = {
        "extensions": ["explorer"],
        "html_theme": "sphinx_book_theme",
        "html_context": {"default_mode": "auto"},
        "html_static_path": [str(ASSETS)],
        "html_css_files": ["book.css"],
        "results_folder": str(results),
    }
    warnings = StringIO()
    places = (str(source), None, str(folder / "html"), str(folder / "trees"))
    Sphinx(*places, "html", confoverrides=settings, status=None, warning=warnings).build()
    # Sphinx says so of the second application in one process.
    said = [line for line in warnings.getvalue().splitlines() if "is already registered" not in line]
    return folder / "html", "\n".join(said)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    html, warnings = build(tmp_path_factory.mktemp("explorer"), PAGES)
    assert warnings == ""
    return html


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian's package is `chromium`)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page as wide as a phone, whose test fails where it asks another host or has an error."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("requestfailed", lambda request: wrong.append(request.url))
    opened.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
    yield opened
    context.close()
    assert wrong == []


def cell(page: Page, dataset: str, row: str) -> str:
    return page.locator(f"[data-dataset={dataset}] [data-row={row}] td").inner_text()


def note(page: Page, dataset: str, row: str) -> str:
    return page.locator(f"[data-dataset={dataset}] [data-row={row}] small").inner_text()


def alone(dataset: str, chosen: set[str], metric: str = "mAP") -> float:
    table = subsets(dataset)
    names = list(attributes(dataset))
    return table[(table[names] == [name in chosen for name in names]).all(axis=1)][metric].item()


@pytest.mark.parametrize("dataset", DATASETS)
def test_packed_subsets_are_the_files(dataset: str) -> None:
    whole = explorer_data(RESULTS, small=False)["datasets"][DATASETS.index(dataset)]
    table = subsets(dataset)
    columns = {"mAP": "mAP", "rank1": "rank1", "bits": "entropy_bits", "shared": "shared_identities"}
    assert whole["packed"].keys() == columns.keys()
    for name, column in columns.items():
        assert unpacked(whole["packed"][name]) == table[column].tolist(), name
    assert whole["attributes"] == list(attributes(dataset))
    assert masks(table, whole["attributes"], "") == list(range(len(table)))


@pytest.mark.parametrize("dataset", DATASETS)
def test_trained_sets_are_those_of_the_paper_and_ours(dataset: str) -> None:
    whole = explorer_data(RESULTS, small=False)["datasets"][DATASETS.index(dataset)]
    sets = {entry["name"]: entry for entry in whole["sets"]}
    published, ours = load_table(3, dataset), pd.read_csv(RESULTS / f"experiment_table3_{dataset}.csv")
    gains = pd.read_csv(RESULTS / "robust_gains.csv").query("dataset == @dataset").set_index("configuration")
    assert set(sets) == set(published["configuration"]) == set(ours["configuration"])
    for row in published.to_dict("records"):
        members = {
            name for bit, name in enumerate(whole["attributes"]) if sets[row["configuration"]]["mask"] >> bit & 1
        }
        assert members == {name for name in whole["attributes"] if row[name] == 1}
        assert sets[row["configuration"]]["paper"] == {metric: row[metric] for metric in METRICS}
    for row in ours.to_dict("records"):
        entry = sets[row["configuration"]]
        assert entry["ours"] == {metric: [row[metric], row[f"{metric}_sd"]] for metric in METRICS}
        assert entry["seeds"] == row["seeds"]
        if row["configuration"] != "baseline":
            assert entry["gain"] == gains.loc[row["configuration"], ["gain", "sim_low", "sim_high"]].tolist()
    assert "gain" not in sets["baseline"]


def test_controls_are_the_files() -> None:
    table = pd.read_csv(RESULTS / "oracle_controls.csv").query("level == 0")
    for whole in explorer_data(RESULTS, small=False)["datasets"]:
        rows = table[table["dataset"] == whole["name"]].set_index("control")[["mAP", "ci_low", "ci_high"]]
        found = {control["title"]: control["mAP"] for control in whole["controls"]}
        assert found["labels alone, no image"] == rows.loc["labels"].tolist()
        assert found["experts trained on permuted labels"] == rows.loc["permuted-trained"].tolist()
        assert found["no experts, labels added (weight cross-fitted)"] == rows.loc["fusion-crossfit"].tolist()
        assert found["experts, predicted labels"] == rows.loc["predicted"].tolist()


def told(page: Page, selector: str) -> list[dict[str, str]]:
    """What the marks say of where they lead, with what is shown of each."""
    marks = f".explorer {selector}[data-file]"
    return page.eval_on_selector_all(marks, "all => all.map(one => ({...one.dataset, shown: one.textContent}))")


def lines(mark: dict[str, str]) -> list[pd.Series]:
    """The rows of the file that a mark names, by its conditions, which have to be those of its lines."""
    table = read_table(RESULTS, mark["file"])
    found = [select(table, where) for where in mark["row"].split(" less ")]
    assert [len(rows) for rows in found] == [1] * len(found)
    assert " less ".join(str(rows.index[0] + 2) for rows in found) == mark["line"]
    return [rows.iloc[0] for rows in found]


VIEWS = ["gender,age,hat,upcolour,downcolour", "upcolour", "upcolour&score=rank1", "none", "bag,top,up,boots"]


@pytest.mark.parametrize("view", [*VIEWS, "all"])
def test_every_number_leads_to_its_cells(page: Page, site: Path, view: str) -> None:
    page.goto((site / "explorer.html").as_uri() + (f"#explore={view}" if view != "all" else ""))
    # Scores that are not there have no mark, all others have one.
    for cell_text, links in page.eval_on_selector_all(
        ".explorer-card td", "all => all.map(td => [td.textContent, td.querySelectorAll('a[data-file]').length])"
    ):
        assert links == (cell_text not in ("", "not run")), cell_text
    marks = told(page, "a.result")
    assert {mark["file"] for mark in marks} >= {f"leakage_subsets_{dataset}.csv" for dataset in DATASETS}
    for mark in marks:
        assert mark["code"] == source_of(mark["file"]).code
        if mark["file"] == "published_glm.csv":
            table = read_table(RESULTS, mark["file"])
            coefficients = select(table, mark["row"])[mark["column"]].astype(float)
            assert len(coefficients) in (11, 13)
            continue
        cells = [[float(row[column]) for column in mark["column"].split(", ")] for row in lines(mark)]
        stated = [[float(cell) for cell in part.split(", ")] for part in mark["cell"].split(" less ")]
        assert stated == cells, mark
        shown = float(re.match(r"[+−]?[\d.]+", mark["shown"])[0].replace("−", "-"))
        value = cells[0][0] if len(cells) == 1 else cells[0][0] - cells[1][0]
        assert abs(shown) == pytest.approx(abs(value), abs=0.0501), mark
    heads = told(page, "a.source-mark")
    assert [head["file"] for head in heads] == [f"leakage_subsets_{dataset}.csv" for dataset in DATASETS]
    for head in heads:
        (row,) = lines(head)
        assert head["column"] in row


def test_a_number_opens_its_file_row_and_command(page: Page, site: Path) -> None:
    page.goto((site / "explorer.html").as_uri() + "#explore=upcolour")
    page.locator("[data-dataset=dukemtmc] [data-row=paper] td a").tap()
    dialog = page.get_by_role("dialog")
    assert "configuration=upcolour" in dialog.inner_text()
    assert "mosaicreid analyse" in dialog.inner_text()
    address = dialog.get_by_role("link", name="table3_dukemtmc.csv").get_attribute("href")
    assert (site / address).read_bytes() == (RESULTS / "table3_dukemtmc.csv").read_bytes()
    dialog.get_by_role("button", name="Close").tap()
    # The interval of the GLM needs three files, which all can be had.
    page.locator("[data-dataset=market1501] [data-row=glm] td a").tap()
    for link in dialog.get_by_role("link", name="published_glm").all():
        assert (site / link.get_attribute("href")).is_file()
    assert dialog.get_by_role("link", name="published_glm").count() == 3
    page.keyboard.press("Escape")
    page.goto((site / "index.html").as_uri())
    page.locator("[data-dataset=market1501] [data-row=alone] td a").tap()
    assert "leakage_subsets_market1501.csv" in dialog.inner_text()
    assert "mosaicreid leakage --annotations DIR" in dialog.inner_text()


def test_packing_by_hand() -> None:
    assert pack(["0", "1.5", "129.6"], 1) == {"text": "000" + "00f" + "100", "width": 3, "scale": 10}


def test_a_preset_has_one_meaning() -> None:
    def dataset(title: str, names: list[str], mask: int) -> dict:
        return {"title": title, "attributes": names, "sets": [{"name": "lower", "mask": mask}]}

    one, other = dataset("One", ["hat", "shoes"], 0b10), dataset("Two", ["hat", "boots"], 0b10)
    assert presets({"datasets": [one, other]}) == [("lower", ["One", "Two"], {"shoes", "boots"})]
    other["sets"][0]["mask"] = 0b01
    with pytest.raises(ResultError, match="'lower' means different sets of shared attributes in One and Two"):
        presets({"datasets": [one, other]})


def test_what_does_not_fit_is_a_warning_that_says_why(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    for name in files(small=False):
        shutil.copy(RESULTS / name, results)
    table = pd.read_csv(results / "leakage_subsets_dukemtmc.csv", dtype=str)
    table.iloc[::-1].to_csv(results / "leakage_subsets_dukemtmc.csv", index=False)
    _, warnings = build(tmp_path / "reversed", {"index": PAGES["explorer"]}, results)
    assert "leakage_subsets_dukemtmc.csv does not list all subsets of backpack, bag" in warnings
    (results / "robust_gains.csv").unlink()
    table.to_csv(results / "leakage_subsets_dukemtmc.csv", index=False)
    with pytest.raises(ResultError, match=r"no result file 'robust_gains\.csv'"):
        explorer_data(results, small=False)
    twice = PAGES["explorer"] + "\n.. explorer::\n   :small:\n"
    _, warnings = build(tmp_path / "twice", {"index": twice + "\n.. explorer::\n"})
    assert ":small: and :full: go together" in warnings
    assert "2 on one page, whose address holds one view" in warnings


def test_the_whole_is_light(site: Path) -> None:
    explorer = re.search(r'<div class="explorer".*?</noscript>', (site / "explorer.html").read_text(), re.DOTALL)
    shared = sum(len((ASSETS / f"explorer.{ending}").read_bytes()) for ending in ("js", "css"))
    assert len(explorer[0].encode()) + shared < 150_000
    assert "explorer.js" not in (site / "plain.html").read_text()


class Static(HTMLParser):
    """The rows of the table inside noscript."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(re.search(r"<noscript><p>The explorer(.*?)</noscript>", text, re.DOTALL)[1])

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1][-1] += data


def test_without_script_there_is_a_table(site: Path) -> None:
    rows = {row[0]: row[1:] for row in Static((site / "explorer.html").read_text()).rows}
    colours = {"downcolour"}
    market, duke = (load_table(3, dataset).set_index("configuration")["mAP"] for dataset in DATASETS)
    expected = [alone("market1501", colours), market["downcolour"], alone("dukemtmc", colours), duke["downcolour"]]
    assert rows["Colour of lower garment"] == [f"{number:.1f}" for number in expected]
    assert rows["Upper garment + colour of lower garment"][:2] == ["–", "–"]
    assert len(rows) == 1 + len({*market.index, *duke.index})
    assert "needs JavaScript" in (site / "index.html").read_text()


def test_clicks_show_the_numbers_of_the_files(page: Page, site: Path) -> None:
    page.goto((site / "explorer.html").as_uri())
    page.get_by_role("button", name="Untick all").tap()
    page.get_by_role("checkbox", name="Colour of upper garment").tap()
    page.get_by_role("checkbox", name="Boots").tap()
    page.get_by_role("checkbox", name="Length of upper garment").focus()
    page.keyboard.press("Space")
    chosen = {"upcolour", "boots", "top"}
    for dataset in DATASETS:
        assert cell(page, dataset, "alone") == rounded(alone(dataset, chosen))
        shared = subsets(dataset)
        names = list(attributes(dataset))
        row = shared[(shared[names] == [name in chosen for name in names]).all(axis=1)].iloc[0]
        told = Decimal(str(shared["entropy_bits"][0])) - Decimal(str(row["entropy_bits"]))
        assert f"{told.quantize(Decimal('0.1'))} of " in note(page, dataset, "alone")
        assert f"{row['shared_identities']:,.0f} of {shared['shared_identities'][0]:,} people" in note(
            page, dataset, "alone"
        )
        for name in names:
            changed = alone(dataset, chosen ^ {name}) - alone(dataset, chosen)
            shown = page.locator(f"td[data-dataset={dataset}][data-attribute={name}]").inner_text()
            assert float(shown.lstrip("★ ").replace("−", "-")) == pytest.approx(changed, abs=0.0501)
        free = {name: alone(dataset, chosen | {name}) for name in names if name not in chosen}
        starred = page.locator(f"td[data-dataset={dataset}]", has_text="★").get_attribute("data-attribute")
        assert starred == max(free, key=free.__getitem__)
    # Market-1501 has a run with upper colour alone; DukeMTMC has none with these three.
    assert cell(page, "market1501", "paper") == "90.3"
    assert cell(page, "dukemtmc", "paper") == cell(page, "dukemtmc", "ours") == "not run"
    assert page.get_by_role("status").inner_text().startswith("3 attributes and no image: mAP ")


@pytest.mark.parametrize("metric", METRICS)
def test_trained_sets_show_the_paper_and_ours(page: Page, site: Path, metric: str) -> None:
    page.goto((site / "explorer.html").as_uri())
    page.get_by_role("radio", name={"mAP": "mAP", "rank1": "Rank-1"}[metric]).tap()
    for option in ("Upper garment", "Footwear", "No attributes (baseline)", "Intrinsic + lower garment"):
        page.get_by_role("combobox").select_option(label=option)
        for dataset in DATASETS:
            table = load_table(3, dataset).set_index("configuration")
            name = option.replace("none (", "").replace(")", "").replace(" ", "")
            if name not in table.index:
                continue
            ours = pd.read_csv(RESULTS / f"experiment_table3_{dataset}.csv").set_index("configuration").loc[name]
            members = {attribute for attribute in attributes(dataset) if ours[attribute] == 1}
            assert cell(page, dataset, "alone") == rounded(alone(dataset, members, metric))
            assert cell(page, dataset, "paper") == f"{table.loc[name, metric]:.1f}"
            assert cell(page, dataset, "ours") == rounded(ours[metric])
            assert f"SD {ours[f'{metric}_sd']:.1f}" in note(page, dataset, "ours")
    assert page.locator(".explorer-ours").first.inner_text().startswith("Ours: synthetic Market-like world")


def test_controls_stand_beside_all_attributes_alone(page: Page, site: Path) -> None:
    page.goto((site / "explorer.html").as_uri())
    labels = pd.read_csv(RESULTS / "oracle_controls.csv").query("control == 'labels'").set_index("dataset")
    for dataset in DATASETS:
        row = page.locator(f".explorer-ours[data-dataset={dataset}] tr", has_text="Labels alone, no image")
        assert row.locator("td").inner_text() == rounded(labels.loc[dataset, "mAP"])
        assert f"{labels.loc[dataset, 'ci_low']:.1f} to {labels.loc[dataset, 'ci_high']:.1f}" in row.inner_text()
    page.get_by_role("checkbox", name="Gender").tap()
    assert not page.get_by_text("Labels alone, no image").first.is_visible()
    assert "tick all to see them" in page.locator(".explorer-ours").first.inner_text()


@pytest.mark.parametrize("metric", METRICS)
def test_the_glm_predicts_with_the_interval_of_least_squares(page: Page, site: Path, metric: str) -> None:
    for chosen in ({"gender", "upcolour", "hat", "downcolour"}, set()):
        # Another address of the same page restores another view.
        page.goto(f"{(site / 'explorer.html').as_uri()}#explore={','.join(chosen) or 'none'}&score={metric}")
        for dataset in DATASETS:
            names = list(attributes(dataset))
            experiments = load_experiments(dataset)
            fitted = sm.OLS(experiments[metric], sm.add_constant(experiments[names].astype(float))).fit()
            row = np.array([[1.0, *(name in chosen for name in names)]])
            expected = fitted.get_prediction(row).summary_frame(alpha=0.05).iloc[0]
            assert cell(page, dataset, "glm") == f"{expected['mean']:.1f}"
            assert f"{expected['obs_ci_lower']:.1f} to {expected['obs_ci_upper']:.1f}:" in note(page, dataset, "glm")


def test_the_address_holds_the_view(page: Page, site: Path) -> None:
    page.goto((site / "explorer.html").as_uri())
    page.get_by_role("button", name="Untick all").tap()
    page.get_by_role("checkbox", name="Hat").tap()
    page.get_by_role("checkbox", name="Age group").tap()
    page.get_by_role("radio", name="Rank-1").tap()
    assert page.url.endswith("#explore=age,hat&score=rank1")
    assert page.get_by_role("link", name="Link to this view").get_attribute("href") == "#explore=age,hat&score=rank1"
    before = page.locator(".explorer").inner_text()
    page.goto("about:blank")
    page.goto(f"{(site / 'explorer.html').as_uri()}#explore=age,hat&score=rank1")
    assert page.locator(".explorer").inner_text() == before
    page.evaluate("location.hash = '#explore=hat,trousers'")
    page.get_by_text("The address also names what is not here: trousers.").wait_for()
    assert cell(page, "market1501", "alone") == rounded(alone("market1501", {"hat"}))
    # An address within the page that is none of the explorer's leaves it alone.
    page.evaluate("location.hash = '#elsewhere'")
    assert page.get_by_role("checkbox", checked=True).count() == 1


def test_the_small_one_leads_to_the_whole(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    assert cell(page, "dukemtmc", "alone") == rounded(subsets("dukemtmc")["mAP"].iloc[-1])
    page.get_by_role("checkbox", name="Boots").tap()
    assert cell(page, "dukemtmc", "alone") == rounded(alone("dukemtmc", {*attributes("dukemtmc")} - {"boots"}))
    page.get_by_role("link", name="This view in the explorer").tap()
    page.wait_for_url("**/explorer.html#explore=*")
    assert cell(page, "dukemtmc", "alone") == rounded(alone("dukemtmc", {*attributes("dukemtmc")} - {"boots"}))
    assert not page.get_by_role("checkbox", name="Boots").is_checked()


@pytest.mark.parametrize("name", ["index", "explorer"])
def test_nothing_is_wider_than_a_phone(page: Page, site: Path, name: str) -> None:
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    beyond = "[...document.querySelectorAll('.explorer *')].filter(e => e.getBoundingClientRect().right > 390).length"
    assert page.evaluate(beyond) == 0
    small = (
        "[...document.querySelectorAll('.explorer label')].filter(e => e.getBoundingClientRect().height < 40).length"
    )
    assert page.evaluate(small) == 0


def test_every_control_has_a_name(page: Page, site: Path) -> None:
    page.goto((site / "explorer.html").as_uri())
    tree = page.locator(".explorer").aria_snapshot()
    assert re.findall(r"- (?:checkbox|radio|button|combobox|table|region)(?! \")[^\n]*", tree) == []
    assert tree.count("- checkbox") == len({name for dataset in DATASETS for name in attributes(dataset)})
