"""A reader's own results, beside the committed ones: tables and figures of a sweep on real images, or of a rehearsal.

They come from the folder ``own_folder`` (default ``runs/paper/results``; the variable ``MOSAICREID_OWN_RESULTS`` names
another), where ``experiment_data.csv`` says whose images they are of. Without that file a book has committed results
alone. A page that shows any of a reader's says so at its top, and each table and figure says whose it is.
"""

import csv
import os
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

# What a sweep computes from its runs; everything else in the folder is the paper's own numbers once more.
OF_RUNS = ("experiment_", "robust_", "oracle_", "shapley_", "unread", "verdicts")
PAPERS = ("market1501", "dukemtmc")
FIGURE = "own-figure"
COMMITTED = "Synthetic worlds, committed: "
COLUMNS = ("dataset", "title", "source", "profile")
NOTHING = "a rehearsal's, whose numbers mean nothing: its images are drawn and its weights random"


class Own(NamedTuple):
    """The folder, the title of each dataset as print has it, the profile, and whether it is a rehearsal's."""

    folder: Path
    titles: dict[str, str]
    profile: str
    rehearsal: bool

    def has(self, name: str) -> bool:
        return name.startswith(OF_RUNS) and (self.folder / name).is_file()

    def whose(self, datasets: list[str]) -> str:
        """How a table or figure of ``datasets`` is marked; none for all of them."""
        listed = ", ".join(self.titles[dataset] for dataset in datasets or self.titles)
        return f"Rehearsal, meaningless ({listed}): " if self.rehearsal else f"Your runs ({listed}): "

    def shown_as(self, dataset: str) -> list[str]:
        """The datasets to show where a page shows ``dataset`` of the package; others come with the first of these."""
        others = [name for name in self.titles if name not in PAPERS] if dataset == PAPERS[0] else []
        return [name for name in (dataset, *others) if name in self.titles]

    def wheres(self, where: str) -> list[tuple[str, str]]:
        """The selections of rows that stand for a page's ``where``, each with what marks it."""
        conditions = [condition.strip() for condition in where.split(",")]
        of_dataset = [condition for condition in conditions if condition.startswith("dataset=")]
        if not of_dataset:
            return [(where, self.whose([]))]
        return [
            (where.replace(of_dataset[0], f"dataset={dataset}"), self.whose([dataset]))
            for dataset in self.shown_as(of_dataset[0].removeprefix("dataset="))
        ]


def read_own(env: BuildEnvironment) -> Own | None:
    """A reader's own results; None where there are none."""
    if not env.config.own_state:
        return None
    folder = Path(env.srcdir, env.config.own_folder).resolve()
    rows = [line.split("\t") for line in env.config.own_state]
    titles = {dataset: f"world like {title}" if source == "world" else title for dataset, title, source, _ in rows}
    return Own(folder, titles, rows[0][3], any(source == "rehearsal" for _, _, source, _ in rows))


def look(app: Sphinx, config: Config) -> None:
    """Note whose results there are, so that pages are built anew when that changes."""
    path = Path(app.srcdir, config.own_folder, "experiment_data.csv").resolve()
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if rows and set(COLUMNS) <= set(reader.fieldnames or ()):
        config.own_state = ["\t".join(row[key] or "" for key in COLUMNS) for row in rows]
    else:
        logger.warning("%s: expected rows of %s; what is in its folder is not shown", path, ", ".join(COLUMNS))


def mark(document: nodes.document) -> None:
    """Note that a page shows a reader's own results."""
    document["own"] = True


class OwnFigures(SphinxTransform):
    """A reader's figure after each committed one of the same name, and the note at the top of a page."""

    default_priority = 400

    def apply(self, **_kwargs: object) -> None:
        own = read_own(self.env)
        if own is None:
            return
        for figure in list(self.document.findall(nodes.figure)):
            image = figure.next_node(nodes.image)
            if image is None or "results/figures/" not in image["uri"]:
                continue
            name = Path(image["uri"]).name
            of_dataset = next((dataset for dataset in PAPERS if dataset in name), None)
            named = (
                [(name, [])]
                if of_dataset is None
                else [(name.replace(of_dataset, dataset), [dataset]) for dataset in own.shown_as(of_dataset)]
            )
            shown = [
                self.figure(own, image, file, datasets)
                for file, datasets in named
                if file.startswith(OF_RUNS) and (own.folder / "figures" / file).is_file()
            ]
            if shown:
                caption = figure.next_node(nodes.caption)
                if caption is not None:
                    caption.insert(0, nodes.strong("", COMMITTED))
                figure.parent[figure.parent.index(figure) + 1 : figure.parent.index(figure) + 1] = shown
                mark(self.document)
        if "own" in self.document:
            self.announce(own)

    def figure(self, own: Own, image: nodes.image, file: str, datasets: list[str]) -> nodes.figure:
        path = own.folder / "figures" / file
        self.env.note_dependency(str(path))
        copy = image.deepcopy()
        copy["uri"] = os.path.relpath(path, Path(self.env.doc2path(self.env.docname)).parent)
        copy["alt"] = f"{own.whose(datasets)}{image.get('alt', '')}"
        caption = nodes.caption("", "", nodes.strong("", own.whose(datasets)), nodes.Text("as the figure above."))
        # Numbered like the others, which asks for an id.
        return nodes.figure("", copy, caption, ids=[nodes.make_id(f"own-{Path(file).stem}")], classes=[FIGURE])

    def announce(self, own: Own) -> None:
        what = NOTHING if own.rehearsal else "of your own runs"
        note = nodes.warning if own.rehearsal else nodes.note
        said = f"Beside the committed results this page shows those in {own.folder.name} that are {what}."
        place = next(iter(self.document.findall(nodes.title)), None)
        if place is not None:
            place.parent.insert(place.parent.index(place) + 1, note("", nodes.paragraph("", said)))


class OwnResults(SphinxDirective):
    """``{own-results}``: which results of a reader's own this book shows."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        own = read_own(self.env)
        if own is None:
            said = "This book was built without results of your own: there were none in the folder that it looks in."
            return [nodes.note("", nodes.paragraph("", said))]
        mark(self.state.document)
        listed = ", ".join(own.titles.values())
        said = f"This book was built with results of the profile {own.profile} on {listed}"
        end = f", {NOTHING}." if own.rehearsal else "."
        return [nodes.note("", nodes.paragraph("", said + end))]


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("own_folder", os.environ.get("MOSAICREID_OWN_RESULTS") or "../runs/paper/results", "env")
    app.add_config_value("own_state", [], "env")
    app.connect("config-inited", look)
    app.add_directive("own-results", OwnResults)
    app.add_transform(OwnFigures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
