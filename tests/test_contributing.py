"""Habits: hooks and workflows run what make runs, and what CONTRIBUTING and CHANGELOG name is there."""

import importlib.util
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
UNRELEASED = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
WORKFLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / ".github" / "workflows").glob("*.yml")}
STEPS = [
    (f"{workflow}.{job}", step)
    for workflow, content in WORKFLOWS.items()
    for job, described in content["jobs"].items()
    for step in described["steps"]
]


def recipe(target: str) -> list[str]:
    """The commands of a make target, with tools named as in an activated environment."""
    lines = MAKEFILE.split(f"\n{target}: $(STAMP)\n")[1].split("\n\n")[0].splitlines()
    return [line.strip().replace("$(BIN)/", "") for line in lines]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def moved() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| `([\w.]+)`[^|]*\| `([\w.]+)`[^|]*\|$", UNRELEASED, re.MULTILINE)
    assert len(rows) == UNRELEASED.count("\n| `")
    return rows


def test_a_commit_is_checked_by_what_make_test_runs_before_the_tests() -> None:
    *checks, tests = recipe("test")
    assert tests == "OMP_NUM_THREADS=1 python -m pytest -n 2"
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == checks == ["ruff check .", "ruff format --check .", "mypy"]
    for hook in local["hooks"]:
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)


def test_pre_commit_accepts_its_configuration() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_removes_the_build_and_nothing_else() -> None:
    assert re.findall(r"\brm\b.*", MAKEFILE) == ["rm -rf _build"]


@pytest.mark.parametrize(
    ("given", "installer"),
    [
        ("UV=", ".venv/bin/python -m pip install "),
        ("UV=/opt/uv", "/opt/uv pip install --python .venv/bin/"),
    ],
)
def test_make_installs_every_extra_at_its_pins(given: str, installer: str) -> None:
    command = ["make", "--dry-run", "--always-make", given, "format"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if " install " in line]
    assert line.startswith(installer)
    assert line.endswith("-c constraints.txt -e '.[dev]'")


def test_workflows_test_every_python_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line.split(" :: ")[-1] for line in project["classifiers"] if "Python :: 3." in line]
    assert WORKFLOWS["tests"]["jobs"]["everything"]["strategy"]["matrix"]["python"] == named


def test_workflows_run_make() -> None:
    commands = [step["run"] for _, step in STEPS if "make" in step.get("run", "")]
    assert sorted(commands) == ["make book PYTHON=python", "make test PYTHON=python"]
    uploaded = [step["with"]["path"] for _, step in STEPS if "upload-pages" in step.get("uses", "")]
    assert uploaded == ["_build/html"]


def test_workflows_use_actions_by_major_version() -> None:
    used = {step["uses"] for _, step in STEPS if "uses" in step}
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []


def test_workflows_may_do_no_more_than_they_need() -> None:
    allowed = {f"{name}.{job}": rights(content, job) for name, content in WORKFLOWS.items() for job in content["jobs"]}
    reading = {"contents": "read"}
    deploying = {"pages": "write", "id-token": "write"}
    assert allowed == {
        "tests.everything": reading,
        "tests.core": reading,
        "book.build": reading,
        "book.deploy": deploying,
    }


def rights(workflow: dict[str, Any], job: str) -> dict[str, str]:
    """The permissions of a job: its own, or else the workflow's."""
    return workflow["jobs"][job].get("permissions", workflow["permissions"])


def test_commands_and_files_that_contributing_names_are_there() -> None:
    code = " ".join(re.findall(r"`+([^`]+)`+", CONTRIBUTING))
    assert set(re.findall(r"\bmake(?: [A-Z]+=\S*)* ([a-z]+)", code)) <= targets()
    paths = {word for word in re.findall(r"[\w./-]+", code) if re.search(r"/\w|\.(py|md|txt|toml|yml)$", word)}
    made = {"book/NAME.md", "_build/html", "_build/html/index.html", ".venv/bin/activate"}
    made |= {"runs/tiny/results", "results/backbones_"}
    assert {path for path in paths - made if not (ROOT / path).exists()} == set()
    assert {"book/_ext/results.py", "tests/test_rooms.py", "constraints.txt"} <= paths


@pytest.mark.parametrize("new", sorted({new for _, new in moved()}))
def test_what_the_changelog_says_to_write_instead_is_there(new: str) -> None:
    pkgutil.resolve_name(new)


@pytest.mark.parametrize("old", sorted({old for old, _ in moved()} - {"mosaicreid.stats.fit_glm"}))
def test_what_the_changelog_calls_moved_is_gone(old: str) -> None:
    module, _, name = old.rpartition(".")
    try:
        there = importlib.util.find_spec(old) is not None or hasattr(pkgutil.resolve_name(module), name)
    except ModuleNotFoundError:
        there = False
    assert not there


def test_the_former_name_of_the_estimators_still_works() -> None:
    former, now = map(pkgutil.resolve_name, ("mosaicreid.stats.fit_glm", "mosaicreid.statistics.estimators.fit_glm"))
    assert former is now
