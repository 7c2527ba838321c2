"""The core alone: what ``pip install .`` gives runs without the extras, and what needs one says so.

An interpreter that finds no module but the core's stands for an environment without the extras.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from distributions import brought_by, modules_beside
from tiny_world import SMALL, write_world

import mosaicreid
from mosaicreid.config.parsing import format_settings
from mosaicreid.published import attributes, load_table

PACKAGE = Path(mosaicreid.__file__).parent
HIDE = """
import sys
from importlib.machinery import PathFinder
class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)
hidden = set(sys.argv.pop(1).split())
sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def alone(code: str, *arguments: str, folder: Path) -> str:
    """What ``code`` prints in an interpreter that has the core's modules and no others."""
    command = [sys.executable, "-c", HIDE + code, " ".join(modules_beside(brought_by())), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def draws(module: str) -> bool:
    """Whether a module draws figures, or belongs to the analyses, whose tables come with figures."""
    return module.startswith("mosaicreid.analyses.") or module in (
        "mosaicreid.plotting",
        "mosaicreid.training.figures",
        "mosaicreid.world.contact_sheets",
    )


def test_the_extras_bring_what_the_core_does_not() -> None:
    beside = modules_beside(brought_by())
    assert {"matplotlib", "seaborn", "nbformat", "papermill", "snakemake", "sphinx", "pytest"} <= set(beside)
    assert not {"torch", "numpy", "pandas", "shap", "mosaicreid", "PIL", "sklearn"} & set(beside)
    assert "snakemake" in modules_beside(brought_by("book"))
    assert not {"matplotlib", "snakemake"} & set(modules_beside(brought_by("sweep")))


def test_only_what_draws_needs_more_than_the_core(tmp_path: Path) -> None:
    modules = [
        ".".join(("mosaicreid", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for file in sorted(PACKAGE.rglob("*.py"))
    ]
    code = """
import importlib, json
missing = {}
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing[module] = error.name
print(json.dumps(missing))
"""
    missing = json.loads(alone(code, *modules, folder=tmp_path))
    # What jupyter_client alone loads, of which it is a part.
    assert missing.pop("mosaicreid.sweep.forked_kernel") == "jupyter_client"
    assert set(missing.values()) == {"matplotlib", "seaborn"}
    assert [module for module in missing if not draws(module)] == []


def test_the_core_draws_a_world_trains_retrieves_and_computes_statistics(tmp_path: Path) -> None:
    write_world(tmp_path / "images")
    code = """
import numpy as np
from mosaicreid.cli import main
from mosaicreid.published import attributes, load_table
from mosaicreid.retrieval import evaluate
from mosaicreid.statistics.estimators import fit_glm, shap_values

drawn = ["--like", "dukemtmc", "--identities", "4", "--seed", "3", "--size", "32x16", "--workers", "1"]
assert main(["data", "synthesize", "world", *drawn]) == 0
assert main(["data", "check", "world"]) == 0
for stage in ("baseline", "experts"):
    assert main(["train", stage, "--dataset", "market1501", "--root", "images", "--set", sys.argv[1]]) == 0

ids = np.arange(3)
print("retrieved", evaluate(np.eye(3), np.eye(3), ids, ids * 0, ids, ids * 0 + 1).mAP)
names, table = list(attributes("market1501")), load_table(3, "market1501")
print("intercept", fit_glm(table, names, "mAP").loc["Intercept", "coef"])
print("explained", *shap_values(table, names, "mAP").shape)
"""
    *before, retrieved, intercept, explained = alone(code, format_settings(SMALL), folder=tmp_path).splitlines()
    run = Path("runs", "market1501", "all", "seed0")
    assert [line for line in before if line.startswith(f"{run}: mAP ")]
    assert (tmp_path / run / "metrics.json").is_file()
    assert retrieved == "retrieved 1.0"
    published = load_table(4, "market1501").set_index("term").loc["Intercept", "coef"]
    assert float(intercept.removeprefix("intercept ")) == pytest.approx(published, abs=1e-3)
    assert explained == "explained {} {}".format(*load_table(3, "market1501")[list(attributes("market1501"))].shape)


def test_a_command_that_needs_an_extra_says_so_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    commands = {
        "analyse": "matplotlib",
        "coverage --replications 1": "matplotlib",
        "world": "matplotlib",
        "priors": "seaborn",
        "leakage": "matplotlib",
        "experiment --runs runs": "matplotlib",
        "oracle collect --runs runs --data data": "matplotlib",
        "executed source.ipynb target.ipynb --title Executed": "nbformat",
    }
    code = """
import contextlib, io, json
from mosaicreid.cli import main
said = {}
for command in sys.argv[1:]:
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        said[command] = main(command.split()), errors.getvalue()
print(json.dumps(said))
"""
    assert json.loads(alone(code, *commands, folder=tmp_path)) == {
        command: [
            2,
            f"mosaicreid: error: {command.split()[0]} needs {module}, which the extra 'book' installs:"
            " pip install 'mosaicreid[book]'\n",
        ]
        for command, module in commands.items()
    }
    assert list(tmp_path.iterdir()) == []
