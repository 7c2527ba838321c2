"""The notebook ``train`` under papermill: a whole run from its parameters, and one clear line for a bad one."""

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
from tiny_world import write_world

from mosaicreid.runs import read_run, run_name

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "train.ipynb"
SMALL = " ".join(
    [
        *("data.height=32", "data.width=16", "data.batch_size=8", "data.num_instances=2"),
        *(f"stages.{stage}.epochs=2" for stage in ("pretrain", "prompts", "baseline", "experts")),
    ]
)


def execute(folder, **parameters):
    papermill.execute_notebook(
        NOTEBOOK,
        folder / "out.ipynb",
        parameters={
            "root": str(folder / "world"),
            "runs": str(folder / "runs"),
            "settings": SMALL,
            **parameters,
        },
        kernel_name="python3",
        progress_bar=False,
        cwd=folder,
    )


def test_papermill_knows_every_parameter():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (source,) = (cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    assigned = [target.id for node in ast.parse(source).body for target in node.targets]
    assert list(papermill.inspect_notebook(NOTEBOOK)) == assigned


def test_a_run_from_parameters(tmp_path):
    write_world(tmp_path / "world", "dukemtmc")
    execute(tmp_path, dataset="dukemtmc", configuration="hat+gender", seed=3, rank=2, pooling="max")
    run = read_run(tmp_path / "runs" / "dukemtmc" / "hat+gender@pooling=max,rank=2" / "seed3")
    assert run_name(run.config) == "hat+gender@pooling=max,rank=2"
    assert run.config.stages.experts.epochs == 2
    shown = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    outputs = [output for cell in shown.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
    tables = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert any(f"{100 * run.scores['mAP']:.1f}" in table for table in tables)


def test_a_bad_parameter_leaves_no_run(tmp_path):
    write_world(tmp_path / "world")
    with pytest.raises(papermill.PapermillExecutionError, match="InputError: rank is 0; expected a number above 0"):
        execute(tmp_path, rank=0)
    assert not (tmp_path / "runs").exists()
