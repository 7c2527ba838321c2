"""The notebooks: committed without outputs, in step with their text, and strict about their parameters."""

import re
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mosaicreid.errors import InputError
from mosaicreid.notebooks import check_parameters


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
    check = "from mosaicreid.notebooks import check_parameters\n\ncheck_parameters(globals(), dataset=str)"
    notebook.cells = [new_code_cell('dataset = "a"', metadata={"tags": ["parameters"]}), new_code_cell(check)]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    arguments = {"input_path": tmp_path / "in.ipynb", "output_path": tmp_path / "out.ipynb", "progress_bar": False}
    if not fails:
        papermill.execute_notebook(**arguments, parameters={name: "b"})
        return
    with pytest.raises(papermill.PapermillExecutionError, match="InputError: unknown parameter 'datset'"):
        papermill.execute_notebook(**arguments, parameters={name: "b"})
