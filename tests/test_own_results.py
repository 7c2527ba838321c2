"""A reader's own results in the pages: beside the committed ones, each marked as whose it is; else nowhere."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from sphinx.application import Sphinx

PAGE = """# Scores

```{own-results}
```

```{result-table} experiment_table3.csv
:where: dataset=market1501
:columns: configuration, mAP
:format: mAP=.1f
:caption: In percent.
```

```{result-table} experiment_table3.csv
:columns: dataset, configuration, mAP
:caption: Everything.
```

```{result-table} table1.csv
:caption: The paper's.
```

```{figure} ../results/figures/experiment_table3.svg
:alt: Dots.
:name: fig-dots

Ours in the worlds.
```

```{figure} ../results/figures/experiment_forest_market1501_mAP.svg
:alt: Bars.
:name: fig-bars

Effects in one of them.
```
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><title>{}</title></svg>'


def write(folder: Path, score: str, datasets: tuple[str, ...] = ("market1501", "dukemtmc")) -> Path:
    (folder / "figures").mkdir(parents=True)
    rows = "".join(f"{dataset},all,{score}\n" for dataset in datasets)
    (folder / "experiment_table3.csv").write_text(f"dataset,configuration,mAP\n{rows}")
    kind = "given" if folder.name == "own" else "synthetic"
    kinds = {"data": dict.fromkeys(datasets, kind)}
    for name, parameters in {"experiment_table3": kinds, "table1": {}}.items():
        record = {"inputs": {}, "package": "mosaicreid", "parameters": parameters}
        (folder / f"{name}.json").write_text(json.dumps(record))
    (folder / "table1.csv").write_text(f"attribute,experts\nhat,{score}\n")
    for name in ("experiment_table3", *(f"experiment_forest_{dataset}_mAP" for dataset in datasets)):
        (folder / "figures" / f"{name}.svg").write_text(SVG.format(score))
    return folder


def whose(folder: Path, *rows: str) -> None:
    (folder / "experiment_data.csv").write_text("\n".join(["dataset,title,source,profile", *rows]) + "\n")


def build(folder: Path, own: str) -> tuple[str, str]:
    """The page as text and what Sphinx warned of."""
    (folder / "book").mkdir(exist_ok=True)
    (folder / "book" / "index.md").write_text(PAGE)
    if not (folder / "results").exists():
        write(folder / "results", "11.1")
    settings = {"extensions": ["myst_nb", "results"], "own_folder": own, "numfig": True, "html_theme": "basic"}
    warnings = StringIO()
    places = (str(folder / "book"), None, str(folder / "html"), str(folder / "trees"))
    Sphinx(*places, "html", confoverrides=settings, status=None, warning=warnings).build()
    html = (folder / "html" / "index.html").read_text()
    # Sphinx says so of the second application in one process.
    said = [line for line in warnings.getvalue().splitlines() if "is already registered" not in line]
    return re.sub(r"\s+", " ", html), "\n".join(said)


def test_without_results_of_ones_own_nothing_is_added(tmp_path: Path) -> None:
    html, warnings = build(tmp_path, "../nowhere")
    assert warnings == ""
    assert "built without results of your own" in html
    assert html.count("<table") == 3
    assert "Synthetic worlds" not in html


def test_own_results_stand_beside_the_committed_ones(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "77.7", ("market1501",))
    whose(own, "market1501,Market-1501,images,paper")
    html, warnings = build(tmp_path, "../own")
    assert warnings == ""
    assert "results of the profile paper on Market-1501." in html
    assert "Beside the committed results this page shows those in own that are of your own runs." in html
    # Both tables of runs twice; the paper's table, which a sweep computes again, once.
    assert html.count("<table") == 5
    assert html.count("Your runs (Market-1501): ") == 6
    assert html.count("Synthetic worlds, committed: ") == 4
    assert html.count("11.1") == 4
    assert html.count("77.7") == 2
    assert html.count("<img") == 4
    # Marks lead to committed files.
    assert html.count('class="source-mark"') == 2 * (3 + 2)
    assert {path.read_text() for path in (tmp_path / "html" / "_images").iterdir()} == {
        SVG.format("11.1"),
        SVG.format("77.7"),
    }


def test_results_that_come_later_show_on_the_next_build(tmp_path: Path) -> None:
    assert "Your runs" not in build(tmp_path, "../own")[0]
    whose(write(tmp_path / "own", "77.7"), "market1501,Market-1501,images,paper")
    assert "77.7" in build(tmp_path, "../own")[0]


def test_a_rehearsal_says_that_it_means_nothing(tmp_path: Path) -> None:
    whose(write(tmp_path / "own", "77.7"), "market1501,Market-1501,rehearsal,paper", "dukemtmc,Duke,rehearsal,paper")
    html, _ = build(tmp_path, "../own")
    assert html.count("Rehearsal, meaningless (Market-1501): ") == 3
    assert html.count("Rehearsal, meaningless (Market-1501, Duke): ") == 3
    assert html.count("whose numbers mean nothing: its images are drawn and its weights random") == 2


def test_a_dataset_of_ones_own_stands_where_the_first_of_the_paper_s_does(tmp_path: Path) -> None:
    whose(write(tmp_path / "own", "77.7", ("street",)), "street,Street,images,paper")
    html, warnings = build(tmp_path, "../own")
    assert warnings == ""
    assert html.count("Your runs (Street): ") == 6
    assert html.count("77.7") == 2


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("dataset,configuration,mAP\ndukemtmc,all,1\n", "no row with dataset="),
        ("dataset,configuration\nmarket1501,all\n", "unknown columns"),
        ("dataset,configuration,mAP\nmarket1501,all,high\n", "could not convert"),
    ],
)
def test_a_table_that_does_not_fit_the_page_is_said_and_breaks_no_build(
    tmp_path: Path, table: str, reason: str
) -> None:
    own = write(tmp_path / "own", "77.7")
    (own / "experiment_table3.csv").write_text(table)
    whose(own, "market1501,Market-1501,images,paper")
    html, warnings = build(tmp_path, "../own")
    assert warnings == ""
    assert f"Your runs (Market-1501): nothing to show here ({reason}" in html


def test_a_world_of_one_s_own_is_called_a_world(tmp_path: Path) -> None:
    whose(write(tmp_path / "own", "77.7"), "market1501,Market-1501,world,tiny")
    assert "Your runs (world like Market-1501): " in build(tmp_path, "../own")[0]


@pytest.mark.parametrize("content", ["", "dataset,title,source,profile\n", "dataset,title\nmarket1501,Market-1501\n"])
def test_a_damaged_description_is_one_warning_and_shows_nothing(tmp_path: Path, content: str) -> None:
    own = write(tmp_path / "own", "77.7")
    (own / "experiment_data.csv").write_text(content)
    html, warnings = build(tmp_path, "../own")
    assert len(warnings.splitlines()) == 1
    assert "experiment_data.csv: expected rows of dataset, title, source, profile; what is in its folder" in warnings
    assert "77.7" not in html
