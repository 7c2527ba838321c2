"""``{verdict-table}``: a row per claim, both datasets side by side in each cell, with the verdict and what it rests on.

Read from ``verdicts.csv``, whose columns ``verdicts.claims.judge_claims`` describes. A verdict has a mark and a word,
so that it can be told without colour.
"""

from pathlib import Path

import pandas as pd
from docutils import nodes
from sources import marks_of
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typeset import typeset

from mosaicreid.datasets import TITLES
from mosaicreid.results import kinds_of
from results import read_table, results_folder, shown_name

FILE = "verdicts.csv"
# A table of our runs, whose record says whose data they saw.
OF_RUNS = "oracle_split.csv"
# Whose evidence, and as a reader is told so.
KINDS = {
    "published": "In the paper's numbers",
    "runs": "In our runs, in synthetic worlds",
    "controls": "Under controls",
    "strength": "At other baselines and lengths of training",
}
MARKS = {"holds": "✓", "fails": "✗", "open": "?", "depends": "~", "found": "✓", "missed": "✗"}
NOTHING = "–"
# Its tables are of experiments of their own, which an own sweep has not.
OPTIONAL = "strength"
POOLED = "Drawn worlds"
_NAMES = {title: name for name, title in TITLES.items()}


class VerdictTable(SphinxDirective):
    """The table; no arguments."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        folder = results_folder(self.env)
        self.env.note_dependency(str(folder / FILE))
        rows = read_table(folder, FILE)
        kinds = {kind: told for kind, told in KINDS.items() if kind != OPTIONAL or set(rows[kind]) != {NOTHING}}
        table = nodes.table(classes=["result-table", "verdicts"])
        caption, messages = self.state.inline_text("The paper's main claims and how each is judged.", self.lineno)
        table += nodes.title("", "", *caption, marks_of(FILE), *messages)
        group = nodes.tgroup(cols=1 + len(kinds))
        table += group
        group += [nodes.colspec(colwidth=width) for width in (3, *[4] * len(kinds))]
        heads = [nodes.entry("", nodes.paragraph("", head)) for head in ("Claim of the paper", *kinds.values())]
        group += nodes.thead("", nodes.row("", *heads))
        body = nodes.tbody()
        for claim, of_claim in rows.groupby("claim", sort=False):
            body += nodes.row("", claim_cell(str(claim), of_claim), *[self.cell(of_claim, kind) for kind in kinds])
        group += body
        return [nodes.container("", table, classes=["scroll-x", "full-width"])]

    def cell(self, of_claim: pd.DataFrame, kind: str) -> nodes.entry:
        """What one kind of evidence says of one claim, a paragraph per dataset."""
        entry = nodes.entry()
        # The paper's numbers are of real images whatever our own runs saw.
        kinds = {} if kind == "published" else kinds_of(Path(results_folder(self.env)) / OF_RUNS)
        # What it says is the same of both datasets.
        rows = of_claim.head(1) if kind == OPTIONAL else of_claim
        for row in rows.to_dict("records"):
            told = {str(key): str(value) for key, value in row.items()}
            if told[kind] == NOTHING:
                continue
            word = told[kind].split()[0].rstrip(",")
            told["dataset"] = _NAMES[told["dataset"]]
            name = POOLED if kind == OPTIONAL else shown_name("dataset", told["dataset"], told, kinds)
            verdict = nodes.strong("", f"{MARKS[word]}\u00a0{told[kind]}", classes=["verdict", f"verdict-{word}"])
            said = nodes.inline("", typeset(told[f"{kind}_evidence"]), classes=["evidence"])
            entry += nodes.paragraph("", "", nodes.Text(f"{name}: "), verdict, nodes.Text(" "), said)
        return entry if len(entry) else nodes.entry("", nodes.paragraph("", NOTHING))


def claim_cell(claim: str, of_claim: pd.DataFrame) -> nodes.entry:
    """The claim, its place in the paper, and a link to the page that shows the evidence."""
    page, where = str(of_claim["page"].iloc[0]), str(of_claim["where"].iloc[0])
    link = addnodes.pending_xref(
        "",
        nodes.inline("", "the evidence"),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{page}",
        refexplicit=True,
        refwarn=True,
    )
    place = nodes.paragraph("", "", nodes.Text(f"Section {where}; " if where[0].isdigit() else f"{where}; "), link)
    return nodes.entry("", nodes.paragraph("", claim), place)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("verdict-table", VerdictTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
