"""What counts as a result's code: what a module imports, however deep, and the data beside it; nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mosaicreid
from mosaicreid.errors import InputError
from mosaicreid.sweep.fingerprint import code_fingerprint, imported_files

CODE = 'def double(x):\n    """Twice x."""\n    return 2 * x\n'
OURS = Path(mosaicreid.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """house.top imports house.room.inner (by name, in a function) and house.leaf; house.apart stands alone."""
    root = tmp_path / "house"
    files = {
        "__init__.py": "",
        "top.py": "import house.leaf\n\n\ndef go():\n    from house.room import inner\n    return inner\n",
        "leaf.py": CODE,
        "apart.py": CODE,
        "room/__init__.py": "",
        "room/inner.py": "WIDTH = 3\n",
        "room/table.csv": "a,b\n1,2\n",
        "other/__init__.py": "",
        "other/data.json": "{}",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def after(package: Path) -> Callable[[str, str], bool]:
    """Whether house.top's fingerprint changes when a file gets another text."""

    def changed(name: str, text: str) -> bool:
        before = code_fingerprint("house.top", package=package)
        (package / name).write_text(text)
        return code_fingerprint("house.top", package=package) != before

    return changed


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + CODE,
        CODE.replace('"""Twice x."""', '"""Two times x, for every x."""'),
        CODE.replace("    return 2 * x", "    return (\n        2 * x\n    )"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(after: Callable[[str, str], bool], same: str) -> None:
    assert not after("leaf.py", same)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("leaf.py", CODE.replace("2", "3")),
        ("room/inner.py", "WIDTH = 4\n"),
        ("room/__init__.py", "import json\n"),
        ("room/table.csv", "a,b\n1,3\n"),
        ("__init__.py", "VERSION = 2\n"),
    ],
)
def test_what_is_imported_counts_with_the_data_beside_it(
    after: Callable[[str, str], bool], name: str, text: str
) -> None:
    assert after(name, text)


@pytest.mark.parametrize("name", ["apart.py", "other/__init__.py", "other/data.json"])
def test_what_is_not_imported_does_not_count(after: Callable[[str, str], bool], name: str) -> None:
    assert not after(name, "x = 1\n")


def test_equal_code_in_another_folder_is_equal(package: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(package, tmp_path / "elsewhere" / "house")
    assert code_fingerprint("house.top", package=copy) == code_fingerprint("house.top", package=package)


def test_of_a_notebook_the_code_cells_and_their_imports_count(package: Path, tmp_path: Path) -> None:
    def notebook(text: str, code: str) -> str:
        cells = [
            {"cell_type": "markdown", "source": [text]},
            {"cell_type": "code", "source": code.splitlines(keepends=True), "outputs": [], "execution_count": 3},
        ]
        path = tmp_path / "notebook.ipynb"
        path.write_text(json.dumps({"cells": cells}))
        return code_fingerprint("house.leaf", notebook=path, package=package)

    assert notebook("Why?", CODE) == notebook("Why, then?", "# because\n" + CODE)
    assert notebook("Why?", CODE) != notebook("Why?", CODE.replace("2", "3"))
    assert notebook("Why?", "%matplotlib inline\n") == notebook("Why?", "%matplotlib inline\n# drawn\n")
    assert notebook("Why?", "%matplotlib inline\n") != notebook("Why?", "%matplotlib widget\n")
    before = notebook("Why?", "from house.apart import double\n")
    (package / "apart.py").write_text("double = None\n")
    assert notebook("Why?", "from house.apart import double\n") != before


def test_bad_input_is_named(package: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no code at house\.absent; expected a module of house"):
        code_fingerprint("house.absent", package=package)
    with pytest.raises(InputError, match=r"no code at .*absent\.ipynb"):
        code_fingerprint("house.top", notebook=tmp_path / "absent.ipynb", package=package)
    (package / "leaf.py").write_text("def (")
    with pytest.raises(InputError, match=r"leaf\.py is not Python code"):
        code_fingerprint("house.top", package=package)


def test_training_depends_on_inclusion_sets_and_not_on_commands_or_analyses() -> None:
    names = {path.relative_to(OURS).as_posix() for path in imported_files("mosaicreid.training.shared")}
    assert {"config/inclusion.py", "losses.py", "models/tiny.json", "datasets/market1501.py"} <= names
    assert not {name for name in names if name.split("/")[0] in ("commands", "analyses", "statistics", "cli.py")}
