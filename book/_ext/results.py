"""A role and a directive that put numbers of ``results/*.csv`` into pages, so that prose cannot drift from them.

``{result}`file.csv where column format``` gives one formatted number; ``where`` is ``column=value,...`` naming exactly
one row (in quotes where a value has spaces), or ``-`` for a table of one row. ``{result-table}`` gives rows and columns
of a file as a table. A page depends on every file it reads, so a changed result shows on the next plain build. What
does not match is a warning, which ``-W`` turns into an error.
"""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from own import COMMITTED, mark, read_own
from sources import marks_of, number_mark
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from typeset import typeset

from mosaicreid.datasets import DATASETS
from mosaicreid.names.provenance import GIVEN, KINDS, data_title
from mosaicreid.names.shown import title_of
from mosaicreid.results import kinds_of

logger = logging.getLogger(__name__)

# Columns of p-values, and letters of a name that is never broken, such as Market-like world.
PROBABILITY = re.compile(r"(^|_)p(_|$)")
LONGEST_WORD = 18
# What bytes are shown in, named as a format: disks are sold in GB, memory in GiB.
UNITS = {"GB": 1e9, "GiB": 2**30}


class ResultError(ValueError):
    """A reference to a result that is not there."""


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """The CSV file ``name`` in the results folder, every cell a string as written."""
    path = folder / name
    if not path.is_file():
        raise ResultError(f"no result file {name!r} in {folder.name}/")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def select(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows of ``table`` where every ``column=value`` of the comma-separated ``where`` holds; ``-`` for all."""
    for condition in [] if where.strip() in {"", "-"} else where.split(","):
        column, _, value = condition.strip().partition("=")
        if column not in table:
            raise ResultError(f"no column {column!r}; there are: {', '.join(table)}")
        matches = table[column] == value
        if not matches.any():
            raise ResultError(f"no row with {column}={value!r}; there are: {', '.join(table[column].unique()[:30])}")
        table = table[matches]
    return table


def render(cell: str, spec: str, *, probability: bool = False) -> str:
    """``cell`` formatted by a Python format specification, or bytes in one of ``UNITS``; strings pass through ``s`` and
    empty cells show a dash. A probability that is rounded to zero is said to be less than the last digit."""
    if cell == "":
        return "–"
    if spec in {"", "s"}:
        return typeset(cell)
    number = float(cell)
    if math.isnan(number):
        raise ResultError(f"{cell!r} is not a number, which the format {spec!r} needs")
    if probability and number > 0 and spec.endswith("f") and float(format(number, spec)) == 0:
        return f"<\u202f{10.0 ** -int(spec.strip('+.f')):g}"
    if spec.endswith("d"):
        # Groups of three help from five digits on.
        return typeset(
            format(round(number), spec.replace("d", ",d") if abs(number) >= 10_000 and "," not in spec else spec)
        )
    if spec in UNITS:
        return f"{number / UNITS[spec]:.1f}\u00a0{spec}"
    return typeset(format(number, spec))


def shown_name(column: str, cell: str, row: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    """A name in a cell as a reader is shown it; ``row`` is the whole row, ``kinds`` the kind of each dataset's data."""
    dataset = row.get("dataset", "")
    if column == "dataset" and dataset in DATASETS:
        stated = row.get("source", "")
        return data_title(dataset, stated if stated in KINDS else kinds.get(dataset, GIVEN))
    if column == "dataset" and cell == "all":
        return "both datasets"
    return title_of(column, cell, dataset=dataset if dataset in DATASETS else "")


@dataclass(frozen=True)
class Found:
    """One cell: its file, what is shown of it, and its place: ``row``, ``line``, ``column``, and ``cell`` itself."""

    file: str
    shown: str
    place: dict[str, str]


def look_up(folder: Path, text: str) -> Found:
    """The cell that the text of a ``result`` role stands for, formatted."""
    parts = shlex.split(text)
    if len(parts) not in {3, 4}:
        raise ResultError(f"expected 'file.csv where column [format]', got {text!r}")
    name, where, column, spec = [*parts, "s"][:4]
    rows = select(read_table(folder, name), where)
    if len(rows) != 1:
        raise ResultError(f"{where!r} selects {len(rows)} rows of {name}, expected one")
    if column not in rows:
        raise ResultError(f"no column {column!r} in {name}; there are: {', '.join(rows)}")
    cell = rows[column].iloc[0]
    if cell.strip().lstrip("+-").lower() in {"", "nan", "inf", "infinity"}:
        raise ResultError(f"{column} of {where!r} in {name} is {cell!r}, expected a number or a text to say in prose")
    if spec == "s":
        shown = shown_name(column, cell, {str(key): str(value) for key, value in rows.iloc[0].items()}, {})
    else:
        shown = cell
    place = {"row": where, "line": str(rows.index[0] + 2), "column": column, "cell": cell}
    return Found(name, render(shown, spec), {key: value for key, value in place.items() if value != "-"})


def results_folder(env: object) -> Path:
    return Path(env.srcdir, env.config.results_folder).resolve()  # type: ignore[attr-defined]


class ResultRole(SphinxRole):
    """``{result}`file.csv where column format```: one number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        folder = results_folder(self.env)
        self.env.note_dependency(str(folder / self.text.split()[0]))
        try:
            found = look_up(folder, self.text)
        except (ResultError, ValueError, LookupError) as error:
            logger.warning("result %r: %s", self.text, error, location=self.get_location())
            return [nodes.problematic(self.rawtext, self.rawtext)], []
        return [number_mark(found.shown, found.file, **found.place)], []


class ResultTable(SphinxDirective):
    """``{result-table} file.csv``: rows and columns of a result file, scrollable on a narrow screen.

    With ``:machine:`` the file is one of this checkout's own sweep, or a note says that there is none yet.
    """

    required_arguments = 1
    has_content = False
    option_spec = {  # noqa: RUF012 - docutils' own protocol
        "where": directives.unchanged,
        "columns": directives.unchanged,
        "headers": directives.unchanged,
        "format": directives.unchanged,
        "caption": directives.unchanged,
        "name": directives.unchanged,
        "code": directives.unchanged,
        "machine": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        folder = results_folder(self.env)
        if "machine" in self.options:
            folder = Path(self.env.srcdir, self.env.config.machine_folder).resolve()
        self.env.note_dependency(str(folder / name))
        if "machine" in self.options and not (folder / name).is_file():
            text = "No sweep has been run in this checkout; after `make reproduce` its numbers stand here."
            inline, messages = self.state.inline_text(text.replace("`", "``"), self.lineno)
            return [nodes.note("", nodes.paragraph("", "", *inline)), *messages]
        where, own = self.options.get("where", "-"), read_own(self.env)
        theirs = [] if own is None or "machine" in self.options or not own.has(name) else own.wheres(where)
        try:
            kinds = {} if "machine" in self.options else kinds_of(folder / name)
            committed = self.table(select(read_table(folder, name), where), kinds, COMMITTED if theirs else "")
        except (ResultError, ValueError, LookupError) as error:
            logger.warning("result-table %r: %s", name, error, location=self.get_location())
            return []
        self.add_name(committed.next_node(nodes.table))
        if own is None or not theirs:
            return [committed]
        self.env.note_dependency(str(own.folder / name))
        mark(self.state.document)
        return [committed, *(self.own_table(own.folder / name, rows, whose) for rows, whose in theirs)]

    def own_table(self, path: Path, where: str, whose: str) -> nodes.Node:
        """The same rows of a reader's own results, or a line that says why they cannot be shown."""
        try:
            return self.table(select(read_table(path.parent, path.name), where), kinds_of(path), whose, own=True)
        except (ResultError, ValueError, LookupError, OverflowError) as error:
            return nodes.paragraph("", f"{whose}nothing to show here ({error})")

    def table(self, rows: pd.DataFrame, kinds: Mapping[str, str], whose: str, *, own: bool = False) -> nodes.Node:
        columns = split(self.options.get("columns", "")) or list(rows)
        headers = split(self.options.get("headers", "")) or columns
        specs = dict(item.split("=", 1) for item in split(self.options.get("format", "")))
        code = split(self.options.get("code", ""))
        unknown = [column for column in [*columns, *specs, *code] if column not in rows]
        if unknown or len(headers) != len(columns):
            raise ResultError(f"unknown columns {unknown} or {len(headers)} headers for {len(columns)} columns")
        table = nodes.table(classes=["result-table"])
        if whose or "caption" in self.options:
            text, messages = self.state.inline_text(self.options.get("caption", ""), self.lineno)
            marked = [nodes.strong("", whose)] if whose else []
            # Marks lead to committed files; a reader's own lie beside the checkout.
            marks = (
                [] if own else [marks_of(self.arguments[0], machine="machine" in self.options, **self.place(columns))]
            )
            table += nodes.title("", "", *marked, *text, *marks, *messages)
        group = nodes.tgroup(cols=len(columns))
        table += group
        group += [nodes.colspec(colwidth=1) for _ in columns]
        head = [nodes.entry("", nodes.paragraph("", typeset(header))) for header in headers]
        group += nodes.thead("", nodes.row("", *head))
        body = nodes.tbody()
        for line in rows.to_dict("records"):
            told = {str(key): str(value) for key, value in line.items()}
            body += nodes.row("", *[self.entry(told, column, specs.get(column, "s"), kinds) for column in columns])
        group += body
        return nodes.container("", table, classes=["scroll-x"])

    def place(self, columns: list[str]) -> dict[str, str]:
        """Which rows and columns of the file are shown."""
        place = {"row": self.options.get("where", ""), "column": ", ".join(columns)}
        return {key: value for key, value in place.items() if value}

    def entry(self, line: dict[str, str], column: str, spec: str, kinds: Mapping[str, str]) -> nodes.entry:
        """A cell: a number flush right, a name as a reader is shown it, or in ``:code:`` columns as files have it."""
        if column in split(self.options.get("code", "")):
            return nodes.entry("", nodes.paragraph("", "", nodes.literal("", line[column])))
        cell = shown_name(column, line[column], line, kinds) if spec == "s" else line[column]
        shown = render(cell, spec, probability=PROBABILITY.search(column) is not None)
        whole = len(shown) <= LONGEST_WORD and (" " not in shown or column == "dataset")
        kind = "number" if spec != "s" else "word" if whole else ""
        return nodes.entry("", nodes.paragraph("", shown), classes=[kind] if kind else [])


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def setup(app: Sphinx) -> dict[str, object]:
    app.setup_extension("own")
    app.add_config_value("results_folder", "../results", "env")
    app.add_config_value("machine_folder", "../runs/tiny/results", "env")
    app.setup_extension("sources")
    app.add_role("result", ResultRole())
    app.add_directive("result-table", ResultTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
