"""Bars: in a terminal or a person's notebook, after two seconds; in no log file and no executed notebook."""

import io
import sys
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mosaicreid import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(progress, "_DELAY", 0)


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a wait for three items prints to standard error when that is ``stream``."""
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress.bar("abc", "letters", total=3, unit="letter")) == ["a", "b", "c"]
    return stream.getvalue()


def test_a_terminal_gets_a_bar_that_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(Terminal(), monkeypatch)
    assert "letters:   0%" in said
    assert "0/3" in said
    assert said.split("\r")[-2].strip() == ""


def test_a_log_file_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), monkeypatch) == ""


def test_of_several_processes_the_first_one_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert shown(Terminal(), monkeypatch) == ""
    monkeypatch.setenv("RANK", "0")
    assert shown(Terminal(), monkeypatch) != ""


def test_a_short_wait_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_DELAY", 2)
    assert shown(Terminal(), monkeypatch) == ""


@pytest.mark.parametrize("takes_input", [True, False])
def test_a_notebook_shows_where_a_person_could_answer(monkeypatch: pytest.MonkeyPatch, takes_input: bool) -> None:
    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=takes_input))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert bool(shown(io.StringIO(), monkeypatch)) is takes_input


def test_an_executed_notebook_keeps_nothing_of_it(tmp_path) -> None:
    notebook = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}})
    wait = (
        "from mosaicreid import progress\nprogress._DELAY = 0\nlist(progress.bar('abc', 'letters', total=3, unit=''))"
    )
    quiet = "from mosaicreid.sweep.notebooks import check_parameters\ncheck_parameters(globals())\nimport tqdm.auto"
    # Whether such a kernel takes input is asked of ipykernel itself, by an attribute of its own.
    asked = "print(get_ipython().kernel._allow_stdin)"
    notebook.cells = [new_code_cell(source) for source in (quiet, wait + ";", asked)]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    executed = papermill.execute_notebook(
        tmp_path / "in.ipynb", tmp_path / "out.ipynb", kernel_name="python3", progress_bar=False
    )
    streams = [(o.name, o.text) for cell in executed.cells for o in cell.outputs if o.output_type == "stream"]
    assert streams == [("stdout", "False\n")]
