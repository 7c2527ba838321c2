"""The directive ``{explorer}``: tick attributes, and see what is known of the set, in one page without requests.

``:small:`` leaves out the GLM, our runs and Rank-1, and links to the page named by ``:full:``. The data lie in the page
as JSON, packed by ``explorer_data``; the script and the style are static files of the book, loaded by pages that have
an explorer and by no other. A page shows one explorer, because its address holds the view.
"""

import json
from html import escape

from docutils import nodes
from docutils.parsers.rst import directives
from explorer_data import explorer_data, files, presets
from sources import PAGE, number_mark
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from mosaicreid.attributes import AttributeGroup
from mosaicreid.datasets import TITLES, get_schema
from mosaicreid.names.provenance import SYNTHETIC, data_title
from mosaicreid.names.shown import cluster_title, configuration_title
from mosaicreid.plotting import METRIC_TITLES
from mosaicreid.published import DATASETS, METRICS
from results import ResultError, results_folder

logger = logging.getLogger(__name__)
_CLUSTERS = ("intrinsic", "upper", "lower", "accessories")


class ExplorerNode(nodes.General, nodes.Element):
    """An explorer: ``data`` of ``explorer_data``, ``small``, and ``full``, the name of the page of the whole. A mark
    for each file lies inside, unseen, so that the page tells ``sources.js`` of it."""


class Explorer(SphinxDirective):
    """``{explorer}``: see the module."""

    has_content = False
    option_spec = {"small": directives.flag, "full": directives.unchanged}  # noqa: RUF012 - docutils' own protocol

    def run(self) -> list[nodes.Node]:
        folder, small = results_folder(self.env), "small" in self.options
        for name in files(small=small):
            self.env.note_dependency(str(folder / name))
        if small != ("full" in self.options):
            logger.warning("explorer: :small: and :full: go together", location=self.get_location())
            return []
        try:
            data = explorer_data(folder, small=small)
        except (ResultError, LookupError, ValueError) as error:
            logger.warning("explorer: %s", error, location=self.get_location())
            return []
        marks = [number_mark("", name) for name in files(small=small)]
        return [ExplorerNode("", *marks, data=data, small=small, full=self.options.get("full", ""))]


def groups() -> dict[str, list[tuple[AttributeGroup, list[str]]]]:
    """By cluster: every attribute of any dataset, once, with the datasets that have it."""
    found: dict[str, tuple[AttributeGroup, list[str]]] = {}
    for dataset in DATASETS:
        for group in get_schema(dataset).groups:
            known, owners = found.setdefault(group.name, (group, []))
            if (known.description, known.cluster) != (group.description, group.cluster):
                raise ResultError(f"attribute {group.name!r} means different things in {[*owners, dataset]}")
            owners.append(dataset)
    return {cluster: [item for item in found.values() if item[0].cluster == cluster] for cluster in _CLUSTERS}


def set_title(configuration: str) -> str:
    """A trained set as people call it: ``Upper garment + colour of lower garment``."""
    for dataset in DATASETS:
        schema = get_schema(dataset)
        known = {*schema.attributes, *schema.clusters, *schema.unions, "all", "baseline"}
        if set(configuration.split("+")) <= known:
            return configuration_title(dataset, configuration)
    raise ResultError(f"no dataset has the parts of the configuration {configuration!r}")


def markup(data: dict, *, small: bool, full: str, sources: str) -> str:
    """The explorer's HTML; ``full`` is the address of the page of the whole, where this is the small one, ``sources``
    that of the page of all files."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    size = "small" if small else "full"
    return "\n".join(
        [
            f'<div class="explorer" data-size="{size}" data-sources="{escape(sources)}" hidden>',
            choices(data, small=small),
            '<p class="explorer-said" role="status"></p>',
            '<div class="explorer-columns">',
            chips() if small else ticks(),
            '<div class="explorer-cards">',
            *(card(dataset, small=small) for dataset in data["datasets"]),
            "</div></div>",
            "" if small else ours(data),
            link(full) if small else '<p><a class="explorer-view" href="#explore=">Link to this view</a></p>',
            f'<script type="application/json" class="explorer-data">{text}</script>',
            "</div>",
            f"<noscript>{without_script(data, small=small)}</noscript>",
        ]
    )


def link(full: str) -> str:
    return (
        f'<p><a class="explorer-view" href="{escape(full)}#explore=">This view in the explorer</a>, with the paper\'s '
        "GLM, our runs and controls.</p>"
    )


def choices(data: dict, *, small: bool) -> str:
    """Buttons for all and none; on the page of the whole, trained sets and the metric too."""
    parts = [
        '<div class="explorer-choices"><button type="button" data-tick="all">Tick all</button>',
        '<button type="button" data-tick="none">Untick all</button>',
    ]
    if not small:
        parts.append('<label>A set that was trained <select class="explorer-sets"><option value="">choose</option>')
        by_owners: dict[str, list[str]] = {}
        for configuration, owners, members in presets(data):
            # In the order of the boxes, as the script writes a view.
            names = ",".join(group.name for row in groups().values() for group, _ in row if group.name in members)
            shown = f'<option value="{names or "none"}">{escape(set_title(configuration))}</option>'
            by_owners.setdefault(" and ".join(owners), []).append(shown)
        parts += [f'<optgroup label="{owners}">{"".join(shown)}</optgroup>' for owners, shown in by_owners.items()]
        parts.append('</select></label><fieldset class="explorer-metric"><legend>Score</legend>')
        for metric in METRICS:
            checked = " checked" if metric == METRICS[0] else ""
            parts.append(
                f'<label><input type="radio" name="explorer-metric" value="{metric}"{checked}> '
                f"{METRIC_TITLES[metric]}</label>"
            )
        parts.append("</fieldset>")
    return "".join([*parts, "</div>"])


def box(group: AttributeGroup, only: str = "") -> str:
    title = f"<span>{escape(group.description)}</span>"
    return f'<label><input type="checkbox" value="{group.name}"><span>{title}{only}</span></label>'


def chips() -> str:
    """The attributes as rows of boxes, by cluster."""
    parts = ['<div class="explorer-chips">']
    for cluster, members in groups().items():
        shown, title = [], cluster_title(cluster)
        for group, owners in members:
            only = "" if len(owners) == len(DATASETS) else f" <small>{TITLES[owners[0]]} only</small>"
            shown.append(box(group, only))
        parts.append(
            f'<div role="group" aria-label="{title}"><b aria-hidden="true">{title}</b><div>{"".join(shown)}</div></div>'
        )
    return "".join([*parts, "</div>"])


def ticks() -> str:
    """The attributes as a table: beside each box, what ticking adds or unticking takes away, per dataset."""
    heads = "".join(f'<th scope="col" data-dataset="{dataset}">{TITLES[dataset]}</th>' for dataset in DATASETS)
    parts = [
        '<table class="explorer-ticks"><caption>Tick what is known of every person. Beside it: the points of '
        '<span class="explorer-metric-title"></span> that ticking adds, or unticking takes away, with no image. ★ is '
        "what adds most or, with all ticked, takes most away; – is not annotated.</caption>",
        f'<thead><tr><th scope="col">Attribute</th>{heads}</tr></thead>',
    ]
    for cluster, members in groups().items():
        parts.append(
            f'<tbody><tr><th scope="rowgroup" colspan="{len(DATASETS) + 1}">{cluster_title(cluster)}</th></tr>'
        )
        for group, owners in members:
            cells = "".join(
                f'<td data-dataset="{dataset}" data-attribute="{group.name}"></td>'
                if dataset in owners
                else '<td><span aria-hidden="true">–</span><span class="explorer-unseen">not annotated</span></td>'
                for dataset in DATASETS
            )
            parts.append(f'<tr><th scope="row">{box(group)}</th>{cells}</tr>')
        parts.append("</tbody>")
    return "".join([*parts, "</table>"])


def card(dataset: dict, *, small: bool) -> str:
    """What is known of the real dataset: a row each with a name, a bar, a note and the score; the script fills them."""
    parts = [
        table_of(dataset, dataset["title"], ""),
        row("alone", "Attributes alone, no image"),
        row("paper", "The paper’s model with these experts"),
        "" if small else row("glm", "Predicted by the paper’s GLM"),
        '</tbody></table><p class="explorer-next"></p></section>',
    ]
    return "".join(parts)


def our_card(dataset: dict) -> str:
    """Our runs and controls in the world that is drawn like the dataset, as ``card``."""
    parts = [
        table_of(dataset, f"Ours: synthetic {data_title(dataset['name'], SYNTHETIC)}", " explorer-ours"),
        row("ours", "Our tiny model with these experts"),
        row("ours-baseline", "The same without experts"),
        '</tbody><tbody class="explorer-controls">',
        *(row(f"control-{place}", control["title"].capitalize()) for place, control in enumerate(dataset["controls"])),
        '</tbody></table><p class="explorer-controls-said"></p></section>',
    ]
    return "".join(parts)


def ours(data: dict) -> str:
    return f'<div class="explorer-cards explorer-both">{"".join(map(our_card, data["datasets"]))}</div>'


def table_of(dataset: dict, title: str, kind: str) -> str:
    return (
        f'<section class="explorer-card{kind}" data-dataset="{dataset["name"]}" aria-label="{title}"><table><caption>'
        f'{title} <span class="explorer-unit"><span class="explorer-metric-title"></span> in %</span></caption><tbody>'
    )


def row(name: str, title: str) -> str:
    kind = name.split("-")[0]
    return (
        f'<tr data-row="{name}"><th scope="row">{escape(title)}<span class="explorer-bar" data-kind="{kind}" '
        'aria-hidden="true"><span class="explorer-fill"></span><span class="explorer-whisker"></span></span>'
        "<small></small></th><td></td></tr>"
    )


def without_script(data: dict, *, small: bool) -> str:
    """What a reader without JavaScript sees: what is missing, and the trained sets as a plain table, in mAP."""
    by_name: dict[str, dict[str, tuple[str, str]]] = {}
    for dataset in data["datasets"]:
        packed = dataset["packed"]["mAP"]
        for entry in dataset["sets"]:
            start = entry["mask"] * packed["width"]
            alone = int(packed["text"][start : start + packed["width"]], 36) / packed["scale"]
            by_name.setdefault(entry["name"], {})[dataset["name"]] = (f"{alone:.1f}", f"{entry['paper']['mAP']:.1f}")
    heads = [f"{dataset['title']}: {what}" for dataset in data["datasets"] for what in ("alone", "paper")]
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(set_title(name))}</th>'
        + "".join(f"<td>{cell}</td>" for dataset in DATASETS for cell in scores.get(dataset, ("–", "–")))
        + "</tr>"
        for name, scores in by_name.items()
        if not small or len(scores) == len(DATASETS)
    )
    return (
        "<p>The explorer needs JavaScript, which is off: no box can be ticked here. Below are sets of attributes that "
        "the paper trained, out of all that the explorer knows: mAP (%) of the attributes alone, without any image, "
        "and of the paper’s model. All subsets are in the tables of the page on what attributes alone retrieve.</p>"
        f'<table class="explorer-static"><thead><tr><th scope="col">Attributes</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def visit(translator: HTML5Translator, node: ExplorerNode) -> None:
    here, address = translator.builder.current_docname, translator.builder.get_relative_uri
    full = address(here, node["full"]) if node["full"] else ""
    translator.body.append(markup(node["data"], small=node["small"], full=full, sources=address(here, PAGE)))
    raise nodes.SkipNode


def add_files(app: Sphinx, pagename: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """The scripts and the style, on pages with an explorer."""
    if doctree is None or not (found := list(doctree.findall(ExplorerNode))):
        return
    if len(found) > 1:
        logger.warning("explorer: %d on one page, whose address holds one view", len(found), location=pagename)
    for script in ("explorer_places.js", "explorer.js"):
        app.add_js_file(script, loading_method="defer")
    app.add_css_file("explorer.css")


def skip(translator: object, node: ExplorerNode) -> None:
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    app.setup_extension("results")
    app.add_node(ExplorerNode, html=(visit, None), latex=(skip, None), text=(skip, None))
    app.add_directive("explorer", Explorer)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
