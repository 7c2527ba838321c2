"""What a result's code is: one module and everything of this package that it imports, without comments and layout.

Imports are followed in the source, wherever in a file they stand, and never executed. Of each package on the way, files
that are not code (its data) count by their bytes.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mosaicreid.errors import InputError

_PACKAGE = Path(__file__).parents[1]


class CodeReader:
    """Fingerprints of many entries of one state of the code: each file is read and parsed once."""

    def __init__(self, package: Path = _PACKAGE) -> None:
        self._package = package
        self._sources: dict[Path, _Source] = {}

    def fingerprint(self, *modules: str, notebook: Path | None = None) -> str:
        """As ``code_fingerprint``."""
        digest = hashlib.sha256()
        for path in sorted(self.imported_files(*modules, notebook=notebook)):
            inside = path.is_relative_to(self._package.parent)
            name = path.relative_to(self._package.parent) if inside else Path(path.name)
            digest.update(f"{name.as_posix()}\n".encode() + self._source(path).content + b"\n")
        return digest.hexdigest()[:16]

    def imported_files(self, *modules: str, notebook: Path | None = None) -> set[Path]:
        """As the function ``imported_files``."""
        package = self._package
        missing = [module for module in modules if _file(module, package) is None]
        if missing or (notebook is not None and not notebook.is_file()):
            raise InputError(
                f"no code at {', '.join(missing) or notebook}; expected a module of {package.name}, a notebook"
            )
        waiting = [file for module in modules for file in _with_packages(module, package)]
        waiting += [notebook] if notebook is not None else []
        files: set[Path] = set()
        while waiting:
            path = waiting.pop()
            if path not in files:
                files.add(path)
                waiting += self._source(path).imported
        folders = {path.parent for path in files if path.name == "__init__.py"}
        return files | {file for folder in folders for file in _data(folder)}

    def _source(self, path: Path) -> "_Source":
        if path not in self._sources:
            self._sources[path] = _read(path, self._package)
        return self._sources[path]


@dataclass(frozen=True)
class _Source:
    """A file: ``content`` is what of it counts, ``imported`` the package's files that it imports."""

    content: bytes
    imported: tuple[Path, ...]


def code_fingerprint(*modules: str, notebook: Path | None = None, package: Path = _PACKAGE) -> str:
    """The sha256 (16 hexadecimal digits) of the syntax trees, without docstrings, of all code behind ``modules``.

    Args:
        modules: entries like ``mosaicreid.training.shared``.
        notebook: its code cells count too, and what they import.
        package: the folder of the package, for another one than this.

    Raises:
        InputError: a module or notebook that does not exist, or code that does not parse.
    """
    return CodeReader(package).fingerprint(*modules, notebook=notebook)


def imported_files(*modules: str, notebook: Path | None = None, package: Path = _PACKAGE) -> set[Path]:
    """The files of ``package`` that ``modules`` (and ``notebook``) are made of; arguments as ``code_fingerprint``."""
    return CodeReader(package).imported_files(*modules, notebook=notebook)


def _file(module: str, package: Path) -> Path | None:
    """The source of ``mosaicreid.a.b``, None where the package has no such module."""
    names = module.split(".")
    if names[0] != package.name:
        return None
    path = package.joinpath(*names[1:])
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _with_packages(module: str, package: Path) -> Iterator[Path]:
    """The source of a module and of the packages that importing it runs first."""
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        path = _file(".".join(names[:depth]), package)
        if path is not None:
            yield path


def _imports(tree: ast.AST, package: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            # `from package import module` names a module, or something that the package defines.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _read(path: Path, package: Path) -> _Source:
    if path.suffix not in (".py", ".ipynb"):
        return _Source(path.read_bytes(), ())
    tree = _tree(path)
    imported = (file for module in _imports(tree, package) for file in _with_packages(module, package))
    return _Source(ast.dump(tree).encode(), tuple(dict.fromkeys(imported)))


def _data(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file() and file.suffix not in (".py", ".pyc")]


def _tree(path: Path) -> ast.Module:
    try:
        tree = ast.parse(_code(path))
    except (SyntaxError, ValueError, KeyError) as error:
        raise InputError(f"{path} is not Python code that can be read: {error}") from error
    for node in ast.walk(tree):
        _drop_docstring(node)
    return tree


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "code" for line in "".join(cell["source"]).split("\n")]
    # A magic is not Python, but counts as a call of one with its line.
    return "\n".join(f"magic({line!r})" if line.startswith(("%", "!")) else line for line in lines)


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = node.body[1:] or [ast.Pass()]
