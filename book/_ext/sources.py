"""Where every number comes from: its file, row and column, the command that makes it, the code that computes it.

A number of a result, a table and a figure carry a mark: a link to the entry of their file on the page ``sources``,
which ``_assets/sources.js`` opens in place. ``{sources}`` lists every file. All files lie in the book's folder
``_results``, so that each can be downloaded. What is known of a file is written here once: ``SOURCES`` and
``figure_sources``.
"""

import html
import json
import posixpath
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docutils import nodes
from own import FIGURE as OWN_FIGURE
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from mosaicreid.analyses.experiment.write import FIGURES, FIGURES_OF_VARIANTS
from mosaicreid.analyses.importance.estimators import ESTIMATORS
from mosaicreid.analyses.lengths.write import FIGURES as LENGTHS
from mosaicreid.analyses.recovery.write import FIGURES as RECOVERED
from mosaicreid.analyses.shapley.write import FIGURES as CONTROL_FIGURES
from mosaicreid.datasets import DATASETS
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import data_titles
from mosaicreid.plotting import METRIC_TITLES
from mosaicreid.results import kinds_of

PAGE, FOLDER, MACHINE = "sources", "_results", "machine"
_ANALYSES = "mosaicreid.analyses"
_SWEEP = "make results"
_ANALYSE = "mosaicreid analyse"
_LEAKAGE = "mosaicreid leakage --annotations DIR"
# The start of a file's name: the command that writes it, and the module that computes it; the first that fits.
SOURCES = {
    "robust_coverage": ("mosaicreid coverage", f"{_ANALYSES}.coverage.compute"),
    "robust_contrasts": (_SWEEP, f"{_ANALYSES}.robust.contrasts"),
    "robust_": (_SWEEP, f"{_ANALYSES}.robust.compute"),
    "experiment_truth": (_SWEEP, f"{_ANALYSES}.experiment.known_truth"),
    "experiment_bits": (_SWEEP, f"{_ANALYSES}.experiment.known_truth"),
    "experiment_runs": (_SWEEP, f"{_ANALYSES}.experiment.collect"),
    **dict.fromkeys(
        [f"experiment_{name}" for name in ("glm", "welch", "forest", "shap")],
        (_SWEEP, f"{_ANALYSES}.experiment.compute"),
    ),
    "experiment_": (_SWEEP, f"{_ANALYSES}.experiment.tables"),
    "oracle_heads": (_SWEEP, "mosaicreid.labels.heads"),
    "oracle_": (_SWEEP, f"{_ANALYSES}.oracle.tables"),
    "shapley_": (_SWEEP, f"{_ANALYSES}.shapley.tables"),
    "unread": (_SWEEP, f"{_ANALYSES}.shapley.residual_information"),
    "verdicts_further": ("mosaicreid verdicts", f"{_ANALYSES}.verdicts.further"),
    "verdicts": ("mosaicreid verdicts", f"{_ANALYSES}.verdicts.claims"),
    "claims": (_ANALYSE, f"{_ANALYSES}.paper.claims"),
    "digits": (_ANALYSE, f"{_ANALYSES}.paper.digits"),
    "recovery": (_ANALYSE, f"{_ANALYSES}.paper.recovery"),
    "caveats_influence": (_ANALYSE, "mosaicreid.statistics.sensitivity"),
    "caveats_": (_ANALYSE, "mosaicreid.statistics.caveats"),
    "published_": (_ANALYSE, "mosaicreid.statistics.estimators"),
    "side_by_side": (_ANALYSE, f"{_ANALYSES}.paper.compute"),
    "table": (_ANALYSE, f"{_ANALYSES}.paper.tables"),
    "attributes": (_ANALYSE, f"{_ANALYSES}.paper.tables"),
    "leakage_relation": (_LEAKAGE, f"{_ANALYSES}.leakage.given_size"),
    "leakage_": (_LEAKAGE, f"{_ANALYSES}.leakage.tables"),
    "priors": ("mosaicreid priors --annotations DIR --synthetic FOLDER FOLDER", f"{_ANALYSES}.priors.compute"),
    "images": ("mosaicreid priors --annotations DIR --synthetic FOLDER FOLDER", "mosaicreid.data.check"),
    "cost_measured": (
        "mosaicreid cost --precisions no bf16 fp16 --steps 30 --results results",
        f"{_ANALYSES}.cost.measure",
    ),
    "cost_": ("mosaicreid cost --count --results results", f"{_ANALYSES}.cost.totals"),
    "world": ("mosaicreid world", "mosaicreid.world.people"),
    "strength_coverage": ("mosaicreid strength coverage", f"{_ANALYSES}.coverage.strength"),
    "strength_sensitivity": ("make strength", f"{_ANALYSES}.strength.sensitivity"),
    "strength_": ("make strength", f"{_ANALYSES}.strength.tables"),
    "lengths": ("make strength", f"{_ANALYSES}.lengths.tables"),
    "hardness": ("make hardness", f"{_ANALYSES}.hardness.tables"),
    "backbones_": ("make backbones", f"{_ANALYSES}.backbones.compute"),
    "recovered_coverage": ("mosaicreid recovery coverage", f"{_ANALYSES}.coverage.few_worlds"),
    **{
        start: ("make recovery", f"{_ANALYSES}.recovery.{module}")
        for start, module in (
            ("recovered_worlds", "estimates"),
            ("recovered_steps", "ceilings"),
            ("recovered_components", "components"),
            *(("recovered_power", "power"), ("recovered_needed", "power")),
            ("recovered_switched", "switched"),
            ("recovered_rare", "rare"),
            ("recovered_truth", "worlds"),
            ("recovered", "tables"),
        )
    },
    "machine_": ("make reproduce", f"{_ANALYSES}.machine.compute"),
}


class UnknownSourceError(LookupError):
    """A result of which nothing says how it is made."""


@dataclass(frozen=True)
class Source:
    """How a result is made: its CSV file, the command, and the module that computes it."""

    file: str
    command: str
    code: str


def source_of(file: str) -> Source:
    """The source of a result file.

    Raises:
        UnknownSourceError: ``SOURCES`` has no entry for it.
    """
    for start, (command, code) in SOURCES.items():
        if file.startswith(start):
            return Source(file, command, code)
    raise UnknownSourceError(f"nothing says how {file} is made; add it to SOURCES in {__name__}.py")


@cache
def figure_sources() -> dict[str, tuple[str, str]]:
    """By the name of a figure: the file that it is drawn from and the module that draws it."""
    found = {
        name: (f"{table}.csv", plot.__module__)
        for figures in (FIGURES, FIGURES_OF_VARIANTS, CONTROL_FIGURES)
        for name, (plot, table) in figures.items()
    }
    for estimator in ESTIMATORS:
        for name, plot in estimator.plots.items():
            for metric in METRIC_TITLES:
                for source in ("published", "experiment"):
                    drawn = (f"{source}_{estimator.name}.csv", plot.draw.__module__)
                    names = [name] if plot.together else [f"{name}_{dataset}" for dataset in DATASETS]
                    found |= {f"{source}_{each}_{metric}": drawn for each in names}
    paper, world = f"{_ANALYSES}.paper", "mosaicreid.world.contact_sheets"
    found |= {
        "recovery": ("recovery.csv", f"{paper}.figures"),
        "table6": ("table6.csv", f"{paper}.figures"),
        "caveats_influence": ("caveats_influence_summary.csv", f"{paper}.caveat_figures"),
        "caveats_confounding": ("caveats_confounding.csv", f"{paper}.caveat_figures"),
        "robust_coverage": ("robust_coverage.csv", f"{_ANALYSES}.coverage.figures"),
        "leakage-shapley": ("leakage_shapley.csv", f"{_ANALYSES}.leakage.figures"),
        "leakage-published": ("leakage_published.csv", f"{_ANALYSES}.leakage.figures"),
        "world_truth": ("world.csv", world),
        **{name: (f"{tables[0]}.csv", draw.__module__) for name, (draw, tables) in RECOVERED.items()},
        "strength": ("strength_curves.csv", f"{_ANALYSES}.strength.figures"),
        "strength_small": ("strength_curves.csv", f"{_ANALYSES}.strength.figures"),
        "backbones": ("backbones_attributes.csv", f"{_ANALYSES}.backbones.figures"),
        **dict.fromkeys(LENGTHS, ("lengths.csv", f"{_ANALYSES}.lengths.figures")),
    }
    for dataset in DATASETS:
        found[f"table3_{dataset}"] = (f"table3_{dataset}.csv", f"{paper}.figures")
        found[f"priors-{dataset}"] = ("priors.csv", f"{_ANALYSES}.priors.figures")
        for sheet in ("people", "values", "visibility"):
            found[f"world_{sheet}_{dataset}"] = ("world.csv", world)
    return found


class Mark(nodes.Inline, nodes.TextElement):
    """A link to where its text comes from; attributes ``file``, ``code`` and, of what is known, ``row``, ``line``,
    ``column``, ``cell``; ``machine`` where the file is this checkout's own."""


def number_mark(shown: str, file: str, **place: str) -> Mark:
    """A number of ``file``, which opens where it stands."""
    return Mark("", shown, file=file, code=source_of(file).code, place=place, classes=["result"])


def marks_of(file: str, code: str = "", *, machine: bool = False, **place: str) -> nodes.inline:
    """The marks behind a caption: what opens the source, and the file to download."""
    source = Mark("", "source", file=file, code=code or source_of(file).code, place=place, machine=machine)
    source["classes"] = ["source-mark"]
    download = Mark("", "CSV", file=file, code="", place={}, machine=machine, download=True, classes=["source-mark"])
    return nodes.inline("", "", nodes.Text(" "), source, nodes.Text(" "), download, classes=["source-marks"])


class MarkFigures(SphinxPostTransform):
    """Put marks behind the caption of each figure of a result."""

    default_priority = 10
    formats = ("html",)

    def run(self, **_kwargs: object) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            image, caption = figure.next_node(nodes.image), figure.next_node(nodes.caption)
            if image is None or caption is None or "results/figures/" not in image["uri"]:
                continue
            # Marks lead to committed files; a reader's own lie beside the checkout.
            if OWN_FIGURE in figure["classes"]:
                continue
            name = Path(image["uri"]).stem
            if name not in figure_sources():
                raise UnknownSourceError(f"nothing says how the figure {name} is made; see figure_sources")
            file, code = figure_sources()[name]
            caption += marks_of(file, code, figure=f"figures/{Path(image['uri']).name}")


def relative(translator: HTML5Translator, target: str) -> str:
    """The address of ``target``, a path below the book's folder, from the page that is being written."""
    return posixpath.relpath(target, posixpath.dirname(translator.builder.current_docname) or ".")


def visit_mark(translator: HTML5Translator, node: Mark) -> None:
    folder = f"{FOLDER}/{MACHINE}" if node.get("machine") else FOLDER
    kind = " ".join(node["classes"])
    if node.get("download"):
        label = f"Download {node['file']}"
        address = relative(translator, f"{folder}/{node['file']}")
        translator.body.append(f'<a class="{kind}" href="{address}" download aria-label="{label}">')
        return
    address = f"{translator.builder.get_relative_uri(translator.builder.current_docname, PAGE)}#{anchor(node['file'])}"
    if node.get("machine"):
        # The page of sources lists what is committed; a checkout's own file is shown itself.
        address = relative(translator, f"{folder}/{node['file']}")
    place = {"file": node["file"], "code": node["code"], **node["place"]}
    shown = "".join(f' data-{name}="{html.escape(value)}"' for name, value in place.items())
    label = "" if "result" in node["classes"] else f' aria-label="Source of {node["file"]}"'
    translator.body.append(f'<a class="{kind}" href="{address}"{shown}{label}>')


def depart_mark(translator: HTML5Translator, node: Mark) -> None:
    translator.body.append("</a>")


def anchor(file: str) -> str:
    return f"from-{Path(file).stem}"


def pass_by(translator: object, node: Mark) -> None:
    """Other writers set the text alone."""


def add_data(app: Sphinx, pagename: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """What the script shows of each file of a page, and the script itself."""
    marks = [] if doctree is None else [mark for mark in doctree.findall(Mark) if not mark.get("download")]
    if not marks:
        return
    objects = app.env.get_domain("py").objects
    here = posixpath.dirname(pagename) or "."
    files, codes = {}, {}
    for mark in marks:
        folder = f"{FOLDER}/{MACHINE}" if mark.get("machine") else FOLDER
        file, code = mark["file"], mark["code"]
        files[file] = [source_of(file).command, posixpath.relpath(f"{folder}/{file}", here)]
        entry = objects.get(code)
        link = app.builder.get_relative_uri(pagename, entry.docname) + f"#{entry.node_id}" if entry else ""
        codes[code] = link
    text = json.dumps({"files": files, "codes": codes}, separators=(",", ":")).replace("<", "\\u003c")
    context["body"] += f'<script type="application/json" id="sources-data">{text}</script>'
    app.add_js_file("sources.js", loading_method="defer")


class Sources(SphinxDirective):
    """``{sources}``: every result file with whose data it is about, how it is made, and a link to download it."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        folder = Path(self.env.srcdir, self.env.config.results_folder).resolve()
        by_command: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("*.csv")):
            self.env.note_dependency(str(path))
            by_command.setdefault(source_of(path.name).command, []).append(path)
        found: list[nodes.Node] = []
        for command, paths in by_command.items():
            section = nodes.section(ids=[nodes.make_id(f"made by {command}")])
            section += nodes.title("", "", nodes.literal("", command))
            section += self.table(paths)
            found.append(section)
        return found

    def table(self, paths: list[Path]) -> nodes.container:
        group = nodes.tgroup("", *[nodes.colspec(colwidth=width) for width in (4, 3, 4, 1)], cols=4)
        names = ("File", "Whose data", "Computed by", "Download")
        head = [nodes.entry("", nodes.paragraph("", name)) for name in names]
        group += nodes.thead("", nodes.row("", *head))
        group += nodes.tbody("", *map(self.row, paths))
        return nodes.container("", nodes.table("", group, classes=["result-table"]), classes=["scroll-x"])

    def row(self, path: Path) -> nodes.row:
        try:
            kinds = data_titles(kinds_of(path))
        except InputError as error:
            raise UnknownSourceError(str(error)) from error
        download = Mark("", "CSV", file=path.name, code="", place={}, download=True, classes=["source-mark"])
        cells = [
            nodes.paragraph("", "", nodes.literal("", path.name), ids=[anchor(path.name)]),
            nodes.paragraph("", ", ".join(kinds.values()) or "none of ours: published, annotated or simulated"),
            nodes.paragraph("", "", nodes.literal("", source_of(path.name).code)),
            nodes.paragraph("", "", download),
        ]
        return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def copy_results(app: Sphinx, error: Exception | None) -> None:
    """All result files, with the records beside them, into the book's folder."""
    if error is not None or app.builder.name != "html":
        return
    folders = {FOLDER: app.config.results_folder, f"{FOLDER}/{MACHINE}": app.config.machine_folder}
    for name, folder in folders.items():
        pattern = "machine_*" if name.endswith(MACHINE) else "*"
        for path in sorted(Path(app.srcdir, folder).resolve().glob(pattern)):
            if path.suffix in (".csv", ".json"):
                target = Path(app.outdir, name, path.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_node(Mark, html=(visit_mark, depart_mark), latex=(pass_by, pass_by), text=(pass_by, pass_by))
    app.add_directive("sources", Sources)
    app.add_post_transform(MarkFigures)
    app.connect("html-page-context", add_data)
    app.connect("build-finished", copy_results)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
