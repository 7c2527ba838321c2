"""A fingerprint of what code does: comments, docstrings and layout do not count."""

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from mosaicreid.errors import InputError


def code_fingerprint(paths: Iterable[Path]) -> str:
    """The sha256 (16 hexadecimal digits) of the syntax trees of Python files and notebooks, in sorted order.

    A folder stands for every ``.py`` file below it. Of a notebook, the code cells count.

    Raises:
        InputError: a path that does not exist, or code that does not parse.
    """
    digest = hashlib.sha256()
    for path in sorted(file for given in paths for file in _files(Path(given))):
        try:
            tree = ast.parse(_code(path))
        except (SyntaxError, ValueError, KeyError) as error:
            raise InputError(f"{path} is not Python code that can be read: {error}") from error
        for node in ast.walk(tree):
            _drop_docstring(node)
        digest.update(f"{path.name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    if not path.is_file():
        raise InputError(f"no code at {path}; expected a .py file, a notebook or a folder")
    return [path]


def _code(path: Path) -> str:
    text = path.read_text()
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "code" for line in "".join(cell["source"]).split("\n")]
    # A magic is no Python, but counts as a call of one with its line.
    return "\n".join(f"magic({line!r})" if line.startswith(("%", "!")) else line for line in lines)


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:] or [ast.Pass()]
