"""The notebooks: committed without outputs, in step with their text, and strict about their parameters."""

import re
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mosaicreid.errors import InputError
from mosaicreid.results import read_results
from mosaicreid.sweep.notebooks import check_parameters

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))


def test_known_parameters_pass() -> None:
    history = ["", "dataset = 'a'\nrate = 1", "# Parameters\ndataset = 'b'\n", "later = 3"]
    check_parameters({"In": history, "dataset": "b", "rate": 1, "later": 3}, dataset=str, rate=float)


def test_unknown_parameter_is_named_with_the_known_ones() -> None:
    namespace = {"In": ["# Parameters\ndatset = 'dukemtmc'\n"], "datset": "dukemtmc", "dataset": "a"}
    with pytest.raises(InputError, match=r"^unknown parameter 'datset'; expected one of: dataset, metric$"):
        check_parameters(namespace, dataset=str, metric=str)


@pytest.mark.parametrize(
    ("value", "wanted", "message"),
    [
        (3, str, "'x' is 3 (int); expected str"),
        (True, int, "'x' is True (bool); expected int"),
        ("3", int, "'3' (str)"),
    ],
)
def test_mistyped_value(value: object, wanted: type, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        check_parameters({"x": value}, x=wanted)


def test_missing_parameter() -> None:
    with pytest.raises(InputError, match="'x' is not set"):
        check_parameters({}, x=int)


@pytest.mark.parametrize(("name", "fails"), [("dataset", False), ("datset", True)])
def test_under_papermill(tmp_path: Path, name: str, fails: bool) -> None:
    notebook = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    check = "from mosaicreid.sweep.notebooks import check_parameters\n\ncheck_parameters(globals(), dataset=str)"
    notebook.cells = [new_code_cell('dataset = "a"', metadata={"tags": ["parameters"]}), new_code_cell(check)]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    arguments = {"input_path": tmp_path / "in.ipynb", "output_path": tmp_path / "out.ipynb", "progress_bar": False}
    if not fails:
        papermill.execute_notebook(**arguments, parameters={name: "b"})
        return
    with pytest.raises(papermill.PapermillExecutionError, match="InputError: unknown parameter 'datset'"):
        papermill.execute_notebook(**arguments, parameters={name: "b"})


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_and_its_text_are_in_step(name: str) -> None:
    notebook, text = (jupytext.read(ROOT / "notebooks" / f"{name}.{suffix}") for suffix in ("ipynb", "md"))
    assert jupytext.writes(notebook, "md:myst") == (ROOT / "notebooks" / f"{name}.md").read_text()
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in text.cells]


def test_every_notebook_has_its_text() -> None:
    assert NOTEBOOKS
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_committed_without_outputs_and_parameters_first(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert code[0].metadata["tags"] == ["parameters"]
    assert notebook.metadata["kernelspec"]["name"] == "python3"


def execute_published(folder: Path, **parameters: object) -> nbformat.NotebookNode:
    return papermill.execute_notebook(
        ROOT / "notebooks" / "published.ipynb",
        folder / "out.ipynb",
        parameters=parameters,
        kernel_name="python3",
        progress_bar=False,
        cwd=folder,
    )


def test_published_answers_and_writes(tmp_path: Path) -> None:
    executed = execute_published(tmp_path, dataset="dukemtmc", output_dir="out")
    data = [output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in part for part in data) == 4
    (answer,) = ("".join(part["text/markdown"]) for part in data if "text/markdown" in part)
    assert "Resting on one row, without which p ≥ 0.05: Gender." in answer
    written = read_results(tmp_path / "out" / "glm.csv")
    committed = read_results(ROOT / "results" / "published_glm.csv").query("dataset == 'dukemtmc' and metric == 'mAP'")
    np.testing.assert_allclose(written["coef"], committed["coef"])
    assert {path.name for path in (tmp_path / "out").glob("*.svg")} == {
        "shap.svg",
        "forest.svg",
        "t_tests.svg",
        "effect_sizes.svg",
    }


def test_published_refuses_an_unknown_parameter(tmp_path: Path) -> None:
    with pytest.raises(
        papermill.PapermillExecutionError, match="unknown parameter 'metrics'; expected one of: dataset"
    ):
        execute_published(tmp_path, metrics="mAP")
