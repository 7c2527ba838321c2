import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mosaicreid.errors import InputError
from mosaicreid.sweep.notebooks import write_executed

ALT = {"mystnb": {"image": {"alt": "A line that rises."}}, "papermill": {"duration": 1.0}}


def made(folder: Path, *, alt: dict | None = None, exception: bool | None = None, text: str = "42") -> Path:
    """A notebook as papermill leaves it: a heading, a printed text, an image."""
    image = new_output("display_data", data={"image/png": "aGk=", "text/plain": "<Figure>"})
    streams = [new_output("stream", name=name, text=shown) for name, shown in {"stdout": text, "stderr": "50%"}.items()]
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Train\n\nWhat happens?"),
            new_code_cell("print(42)", outputs=streams),
            new_code_cell("draw()", outputs=[image], metadata=ALT if alt is None else alt),
        ],
        metadata={"papermill": {"parameters": {"seed": 0}, "exception": exception, "output_path": "x", "duration": 9}},
    )
    nbformat.write(notebook, folder / "notebook.ipynb")
    return folder / "notebook.ipynb"


def test_outputs_stay_and_the_machine_goes(tmp_path: Path) -> None:
    write_executed(made(tmp_path), tmp_path / "pages" / "train.ipynb", title="Executed: train")
    page = nbformat.read(tmp_path / "pages" / "train.ipynb", as_version=4)
    nbformat.validate(page)
    assert page.cells[0].source == "# Executed: train\n\nWhat happens?"
    assert [output["text"] for output in page.cells[1].outputs] == ["42"]
    assert page.cells[2].outputs[0].data["image/png"] == "aGk="
    assert page.cells[2].metadata == {"mystnb": ALT["mystnb"]}
    assert "papermill" not in json.dumps(page)
    assert page.metadata["parameters"] == {"seed": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alt": {}}, "cell 3 shows an image without a text alternative"),
        ({"exception": True}, "not the complete output of papermill"),
        ({"text": "x" * 1_500_000}, "expected at most 1,500,000"),
    ],
)
def test_what_is_no_page_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_executed(made(tmp_path, **change), tmp_path / "train.ipynb", title="Train")
    assert not (tmp_path / "train.ipynb").exists()


def test_a_notebook_that_was_not_executed_is_refused(tmp_path: Path) -> None:
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Train")]), tmp_path / "plain.ipynb")
    with pytest.raises(InputError, match="not the complete output of papermill"):
        write_executed(tmp_path / "plain.ipynb", tmp_path / "page.ipynb", title="Train")
    with pytest.raises(InputError, match="not a notebook that can be read"):
        write_executed(tmp_path / "missing.ipynb", tmp_path / "page.ipynb", title="Train")


def test_folders_of_the_machine_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/users/me")
    root = "/users/me/datasets/market1501"
    path = made(tmp_path, text=f"read {root}/query, wrote {Path.cwd()}/runs, kept /users/me/.cache and /users/meadow")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["papermill"]["parameters"] = {"root": root, "runs": "runs/paper", "seed": 0}
    notebook.cells[1].source = f'root = "{root}"'
    notebook.cells[2].outputs[0].data["image/png"] = "/users/me+aGk="
    nbformat.write(notebook, path)
    write_executed(path, tmp_path / "page.ipynb", title="Train")
    page = nbformat.read(tmp_path / "page.ipynb", as_version=4)
    assert page.cells[1].source == 'root = ".../market1501"'
    shown = "read .../market1501/query, wrote ./runs, kept ~/.cache and /users/meadow"
    assert page.cells[1].outputs[0]["text"] == shown
    assert page.cells[2].outputs[0].data["image/png"] == "/users/me+aGk="
    assert page.metadata["parameters"] == {"root": ".../market1501", "runs": "runs/paper", "seed": 0}


def test_a_user_without_a_home_gets_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    write_executed(made(tmp_path), tmp_path / "page.ipynb", title="Train")
    assert (tmp_path / "page.ipynb").is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', "[" * 10_000, '{"nbformat": 4, "cells": []}'])
def test_files_that_are_not_notebooks_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.ipynb").write_text(text)
    with pytest.raises(InputError) as caught:
        write_executed(tmp_path / "notes.ipynb", tmp_path / "page.ipynb", title="Train")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "page.ipynb").exists()


@pytest.mark.parametrize("place", ["alt", "parameter's name", "list", "error"])
def test_no_text_anywhere_shows_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("HOME", "/users/me")
    path = made(tmp_path, alt={"mystnb": {"image": {"alt": "/users/me/a" if place == "alt" else "A line"}}})
    notebook = nbformat.read(path, as_version=4)
    parameters = notebook.metadata["papermill"]["parameters"]
    if place == "parameter's name":
        parameters["/users/me/b"] = 1
    if place == "list":
        parameters["roots"] = ["/users/me/c"]
    if place == "error":
        notebook.cells[1].outputs.append(new_output("error", ename="E", evalue="e", traceback=["in /users/me/d"]))
    nbformat.write(notebook, path)
    write_executed(path, tmp_path / "page.ipynb", title="T")
    shown = (tmp_path / "page.ipynb").read_text()
    assert "/users/me" not in shown
    assert "~/" in shown


@pytest.mark.parametrize(
    "change", [{"cell_type": "?"}, {"outputs": 3}, {"source": 4.5}, {"metadata": []}, {"stranger": 1}], ids=str
)
def test_cells_that_are_none_are_one_line(tmp_path: Path, change: dict) -> None:
    path = made(tmp_path)
    content = json.loads(path.read_text())
    content["cells"][1] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not a notebook that can be read"):
        write_executed(path, tmp_path / "page.ipynb", title="T")
    assert not (tmp_path / "page.ipynb").exists()


@pytest.mark.parametrize("odd", [3, [], {"image": 1}, {"image": {"alt": 5}}], ids=str)
def test_a_text_alternative_of_another_type_is_none(tmp_path: Path, odd: object) -> None:
    with pytest.raises(InputError, match="without a text alternative"):
        write_executed(made(tmp_path, alt={"mystnb": odd}), tmp_path / "page.ipynb", title="T")
