import json
from pathlib import Path

import pytest

from mosaicreid.errors import InputError
from mosaicreid.fingerprint import code_fingerprint

CODE = 'def double(x):\n    """Twice x."""\n    return 2 * x\n'


def written(folder: Path, text: str, name: str = "code.py") -> str:
    (folder / name).write_text(text)
    return code_fingerprint([folder / name])


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + CODE,
        CODE.replace('"""Twice x."""', '"""Two times x, for every x."""'),
        CODE.replace("    return 2 * x", "    return (\n        2 * x\n    )"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, same: str) -> None:
    assert written(tmp_path, same) == written(tmp_path, CODE)


def test_what_code_does_counts(tmp_path: Path) -> None:
    assert written(tmp_path, CODE.replace("2", "3")) != written(tmp_path, CODE)


def test_of_a_notebook_the_code_cells_count(tmp_path: Path) -> None:
    def notebook(text: str, code: str) -> str:
        cells = [
            {"cell_type": "markdown", "source": [text]},
            {"cell_type": "code", "source": code.splitlines(keepends=True), "outputs": [], "execution_count": 3},
        ]
        return written(tmp_path, json.dumps({"cells": cells}), "notebook.ipynb")

    assert notebook("Why?", CODE) == notebook("Why, then?", "# because\n" + CODE)
    assert notebook("Why?", CODE) != notebook("Why?", CODE.replace("2", "3"))
    assert notebook("Why?", "%matplotlib inline\n") != notebook("Why?", "%matplotlib widget\n")


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "code.py").write_text(CODE)
    before = code_fingerprint([tmp_path])
    (tmp_path / "inner" / "notes.txt").write_text("no code")
    assert code_fingerprint([tmp_path]) == before
    (tmp_path / "inner" / "more.py").write_text("x = 1\n")
    assert code_fingerprint([tmp_path]) != before


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no code at .*absent\.py"):
        code_fingerprint([tmp_path / "absent.py"])
    with pytest.raises(InputError, match=r"code\.py is not Python code"):
        written(tmp_path, "def (")


def test_magics_of_a_notebook_count(tmp_path: Path) -> None:
    def notebook(source: str) -> str:
        path = tmp_path / "notebook.ipynb"
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source}]}))
        return code_fingerprint([path])

    assert notebook("%matplotlib inline\nx = 1") == notebook("%matplotlib inline\nx = 1  # one")
    assert notebook("%matplotlib inline\nx = 1") != notebook("%matplotlib agg\nx = 1")
