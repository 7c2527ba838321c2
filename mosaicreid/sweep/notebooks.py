"""Notebooks of a sweep: what one does first, refuse parameters that it does not know; and one as a page of the book."""

import ast
import importlib
import json
import os
import re
import warnings
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
    with warnings.catch_warnings():
        # Where ipywidgets are not installed, the first import of this, by whichever library, warns into the notebook.
        warnings.filterwarnings("ignore", message="IProgress not found")
        importlib.import_module("tqdm.auto")
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

    What goes: the standard error stream (progress and warnings), papermill's own metadata apart from the parameters,
    and the machine's folders in code and text: a parameter that is an absolute path keeps its last name, the working
    folder becomes ``.`` and the home folder ``~``. Pictures stay as they are.

    Raises:
        InputError: no notebook at ``source``, a cell failed or was not executed, an image has no text alternative, or
            the page would be larger than 1.5 MB.
    """
    import nbformat

    try:
        notebook = nbformat.read(source, as_version=4)
        nbformat.validate(notebook)
    # nbformat documents no exception for files that are not its own: whatever it raises means the same to a user.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{source}: not a notebook that can be read: {reason}") from error
    recorded = notebook.metadata.pop("papermill", None)
    complete = isinstance(recorded, dict) and recorded.get("exception") is None and notebook.cells
    if not complete or not isinstance(recorded.get("parameters"), dict):
        raise InputError(f"{source}: not the complete output of papermill; expected one without a failed cell")
    folders = _folders(recorded["parameters"])
    notebook.metadata["parameters"] = recorded["parameters"]
    notebook.cells[0].source = re.sub(r"^# .*", f"# {title}", notebook.cells[0].source, count=1)
    for number, cell in enumerate(notebook.cells, 1):
        _clean(cell)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])) and not _alternative(cell):
            raise InputError(
                f"{source}: cell {number} shows an image without a text alternative; "
                "expected the cell metadata mystnb: {image: {alt: ...}}"
            )
    page = _without_folders(notebook, folders)
    text = json.dumps(page, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if len(text.encode()) > _LARGEST:
        raise InputError(f"{source}: {len(text.encode()):,} bytes as a page, expected at most {_LARGEST:,}")
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _folders(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Folders of this machine, the longest first, and what a page shows instead."""
    paths = {value: f".../{Path(value).name}" for value in parameters.values() if _is_folder(value)}
    paths[str(Path.cwd())] = "."
    # Not Path.home(), which fails for a user without a home.
    paths[os.path.expanduser("~")] = "~"  # noqa: PTH111
    return {path: paths[path] for path in sorted(paths, key=len, reverse=True) if len(Path(path).parts) > 1}


def _is_folder(value: object) -> bool:
    return isinstance(value, str) and Path(value).is_absolute()


def _without(folders: Mapping[str, str], text: str) -> str:
    for path, shown in folders.items():
        # Whole names only: a short folder like /w also occurs by chance.
        text = re.sub(rf"(?<![\w.~/-]){re.escape(path)}(?![\w-])", shown.replace("\\", r"\\"), text)
    return text


def _clean(cell: Any) -> None:
    cell.metadata.pop("papermill", None)
    cell.metadata.pop("execution", None)
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def _without_folders(part: Any, folders: Mapping[str, str]) -> Any:
    """A part of a notebook with every text in it shown without the machine's ``folders``; pictures stay as they are."""
    if isinstance(part, str):
        return _without(folders, part)
    if isinstance(part, list):
        return [_without_folders(item, folders) for item in part]
    if isinstance(part, dict):
        return {
            _without(folders, name): value if name.startswith("image/") else _without_folders(value, folders)
            for name, value in part.items()
        }
    return part


def _alternative(cell: Any) -> str:
    place: Any = cell.metadata
    for name in ("mystnb", "image", "alt"):
        place = place.get(name) if isinstance(place, dict) else None
    return place.strip() if isinstance(place, str) else ""
