"""A role and a directive that put numbers of ``results/*.csv`` into pages, so that prose cannot drift from them.

``{result}`file.csv where column format``` gives one formatted number; ``where`` is ``column=value,...`` naming exactly
one row (in quotes where a value has spaces), or ``-`` for a table of one row. ``{result-table}`` gives rows and columns
of a file as a table. A page depends on every file it reads, so a changed result shows on the next plain build. What
does not match is a warning, which ``-W`` turns into an error.
"""

import math
import shlex
from pathlib import Path

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from own import COMMITTED, mark, read_own
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole
from typeset import typeset

logger = logging.getLogger(__name__)


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


def render(cell: str, spec: str) -> str:
    """``cell`` formatted by a Python format specification; strings pass through ``s`` and empty cells show a dash."""
    if cell == "":
        return "–"
    if spec in {"", "s"}:
        return typeset(cell)
    number = float(cell)
    if math.isnan(number):
        raise ResultError(f"{cell!r} is not a number, which the format {spec!r} needs")
    if spec.endswith("d"):
        # Groups of three help from five digits on.
        return typeset(
            format(round(number), spec.replace("d", ",d") if abs(number) >= 10_000 and "," not in spec else spec)
        )
    return typeset(format(number, spec))


def look_up(folder: Path, text: str) -> tuple[str, str]:
    """The file name and the formatted number that the text of a ``result`` role stands for."""
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
    return name, render(cell, spec)


def results_folder(env: object) -> Path:
    return Path(env.srcdir, env.config.results_folder).resolve()  # type: ignore[attr-defined]


class ResultRole(SphinxRole):
    """``{result}`file.csv where column format```: one number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        folder = results_folder(self.env)
        self.env.note_dependency(str(folder / self.text.split()[0]))
        try:
            _, shown = look_up(folder, self.text)
        except (ResultError, ValueError) as error:
            logger.warning("result %r: %s", self.text, error, location=self.get_location())
            return [nodes.problematic(self.rawtext, self.rawtext)], []
        return [nodes.inline(self.rawtext, shown, classes=["result"])], []


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
            committed = self.table(select(read_table(folder, name), where), COMMITTED if theirs else "")
        except (ResultError, ValueError) as error:
            logger.warning("result-table %r: %s", name, error, location=self.get_location())
            return []
        self.add_name(committed.next_node(nodes.table))
        if own is None or not theirs:
            return [committed]
        self.env.note_dependency(str(own.folder / name))
        mark(self.state.document)
        return [committed, *(self.own_table(read_table(own.folder, name), rows, whose) for rows, whose in theirs)]

    def own_table(self, table: pd.DataFrame, where: str, whose: str) -> nodes.Node:
        """The same rows of a reader's own results, or a line that says why they cannot be shown."""
        try:
            return self.table(select(table, where), whose)
        except (ResultError, ValueError, OverflowError) as error:
            return nodes.paragraph("", f"{whose}nothing to show here ({error})")

    def table(self, rows: pd.DataFrame, whose: str) -> nodes.Node:
        columns = split(self.options.get("columns", "")) or list(rows)
        headers = split(self.options.get("headers", "")) or columns
        specs = dict(item.split("=", 1) for item in split(self.options.get("format", "")))
        unknown = [column for column in [*columns, *specs] if column not in rows]
        if unknown or len(headers) != len(columns):
            raise ResultError(f"unknown columns {unknown} or {len(headers)} headers for {len(columns)} columns")
        table = nodes.table(classes=["result-table"])
        if whose or "caption" in self.options:
            text, messages = self.state.inline_text(self.options.get("caption", ""), self.lineno)
            marked = [nodes.strong("", whose)] if whose else []
            table += nodes.title("", "", *marked, *text, *messages)
        group = nodes.tgroup(cols=len(columns))
        table += group
        group += [nodes.colspec(colwidth=1) for _ in columns]
        group += nodes.thead("", row(headers, ["s"] * len(headers)))
        cells = rows[columns].itertuples(index=False)
        group += nodes.tbody("", *[row(line, [specs.get(column, "s") for column in columns]) for line in cells])
        return nodes.container("", table, classes=["scroll-x"])


def row(cells: object, specs: list[str]) -> nodes.row:
    """One table row; cells with a numeric format are set flush right."""
    entries = []
    for cell, spec in zip(cells, specs, strict=True):  # type: ignore[call-overload]
        classes = [] if spec == "s" else ["number"]
        entries.append(nodes.entry("", nodes.paragraph("", render(cell, spec)), classes=classes))
    return nodes.row("", *entries)


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def setup(app: Sphinx) -> dict[str, object]:
    app.setup_extension("own")
    app.add_config_value("results_folder", "../results", "env")
    app.add_config_value("machine_folder", "../runs/tiny/results", "env")
    app.add_role("result", ResultRole())
    app.add_directive("result-table", ResultTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
