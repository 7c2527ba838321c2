"""Every benchmark that needs minutes, once and in small: that it still runs and writes the table's figures."""

import sys
from pathlib import Path
from types import ModuleType

import augment
import cache
import experts
import model_memory
import pytest
import retrieval
import step
import table
import training
from figures import read_figures
from run_all import JOBS

# A script's smallest arguments, and those that name a size in the names of its figures.
SMALL = {
    augment: ("--height", "64", "--width", "32", "--padding", "2"),
    cache: ("--images", "64"),
    experts: ("--size", "tiny", "--batch", "4", "--repeats", "1", "--threads", "1", "--clock", "cpu"),
    model_memory: ("--size", "tiny", "--batch", "64"),
    retrieval: ("--gallery", "200", "--repeats", "1", "--methods", "product", "evaluate", "random", "ties", "rerank"),
    step: ("--batch", "8", "--repeats", "1"),
    training: ("--profile", "tiny", "--steps", "1"),
}


@pytest.mark.parametrize("script", SMALL, ids=lambda script: script.__name__)
def test_it_runs_and_writes_what_the_table_shows(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", [f"{script.__name__}.py", *SMALL[script], "--json", str(path)])
    script.main()
    figures = read_figures(path)
    jobs = [job.name for job in JOBS if job.script == f"{script.__name__}.py"]
    assert jobs
    named = {row.figure.replace("_19732", "_200") for row in table.ROWS if row.job == jobs[0]}
    assert named <= set(figures)
    # Of so little, memory beyond the features is what the interpreter does meanwhile.
    assert all(figures[name] >= 0 for name in named if "beyond" not in name)
