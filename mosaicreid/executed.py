"""A notebook that papermill executed, as a page of the book: outputs stay, the machine that made them goes."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path

_LARGEST = 1_500_000  # bytes; a page is downloaded whole


def write_executed(source: Path, target: Path, *, title: str) -> None:
    """Copy the executed notebook ``source`` to ``target``, whole or not at all, under the heading ``title``.

    What goes: the standard error stream (progress and warnings, with paths of the machine), and papermill's own
    metadata apart from the parameters.

    Raises:
        InputError: no notebook at ``source``, a cell failed or was not executed, an image has no text alternative, an
            absolute path is left over, or the page would be larger than 1.5 MB.
    """
    try:
        notebook = nbformat.read(source, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: not a notebook that can be read: {error}") from error
    recorded = notebook.metadata.pop("papermill", None)
    if recorded is None or recorded.get("exception") is not None:
        raise InputError(f"{source}: not the complete output of papermill; expected one without a failed cell")
    notebook.metadata["parameters"] = recorded["parameters"]
    notebook.cells[0].source = re.sub(r"^# .*", f"# {title}", notebook.cells[0].source, count=1)
    for number, cell in enumerate(notebook.cells, 1):
        _clean(cell)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])) and not _alternative(cell):
            raise InputError(
                f"{source}: cell {number} shows an image without a text alternative; "
                "expected the cell metadata mystnb: {image: {alt: ...}}"
            )
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    for path in (Path.cwd(), Path.home()):
        if len(path.parts) > 1 and str(path) in text:
            raise InputError(f"{source}: names the folder {path} of this machine; run the sweep with relative paths")
    if len(text.encode()) > _LARGEST:
        raise InputError(f"{source}: {len(text.encode()):,} bytes as a page, expected at most {_LARGEST:,}")
    with atomic_path(target) as temporary:
        temporary.write_text(text)


def _clean(cell: Any) -> None:
    cell.metadata.pop("papermill", None)
    cell.metadata.pop("execution", None)
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def _alternative(cell: Any) -> str:
    return str(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")).strip()
