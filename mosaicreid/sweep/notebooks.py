"""Notebooks of a sweep: what one does first, refuse parameters that it does not know; and one as a page of the book."""

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosaicreid.errors import InputError, one_of
from mosaicreid.files import atomic_path

INJECTED = "# Parameters"
PATHS = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")  # set by papermill itself under --inject-paths


def check_parameters(namespace: Mapping[str, object], /, **known: type) -> None:
    """Refuse an unknown or mistyped parameter; the first call after a notebook's cell tagged ``parameters``.

    ``check_parameters(globals(), dataset=str, seed=int)`` names every parameter with its type. papermill only logs a
    warning for a misspelt ``-p`` and runs on with the default, so the names are read from the cell that it injects
    (it starts with ``# Parameters``) in IPython's history ``In``. Running the notebook by hand, once or again,
    injects nothing and passes.

    Args:
        namespace: the notebook's ``globals()``.
        known: the type of every parameter; an int is accepted where a float is wanted, a bool only where a bool is.

    Raises:
        InputError: a name that papermill set is not in ``known``, a known parameter is not set at all, or its value
            has another type.
    """
    history = namespace.get("In")
    for source in history if isinstance(history, list) else []:
        for name in _assigned(source) if source.startswith(INJECTED) else []:
            if name not in known and name not in PATHS:
                raise one_of("parameter", name, known)
    for name, wanted in known.items():
        if name not in namespace:
            raise InputError(f"parameter {name!r} is not set; expected a default in the cell tagged 'parameters'")
        value = namespace[name]
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise InputError(
                f"parameter {name!r} is {value!r} ({type(value).__name__}); expected {wanted.__name__}"
                f"{f' (papermill: -r {name} TEXT passes text as it stands)' if wanted is str else ''}"
            )


def _assigned(source: str) -> list[str]:
    """The names that the top level of a cell assigns, in order."""
    assignments = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    return [target.id for node in assignments for target in node.targets if isinstance(target, ast.Name)]


_LARGEST = 1_500_000  # bytes; a page is downloaded whole


def write_executed(source: Path, target: Path, *, title: str) -> None:
    """Copy the executed notebook ``source`` to ``target``, whole or not at all, under the heading ``title``.

    What goes: the standard error stream (progress and warnings, with paths of the machine), and papermill's own
    metadata apart from the parameters.

    Raises:
        InputError: no notebook at ``source``, a cell failed or was not executed, an image has no text alternative, an
            absolute path is left over, or the page would be larger than 1.5 MB.
    """
    import nbformat

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
