"""One list of pins serves pip and conda, covers everything that is installed, and names no package index."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from distributions import brought_by
from hatchling.build import build_wheel
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mosaicreid"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {extra: [Requirement(line) for line in lines] for extra, lines in PROJECT["optional-dependencies"].items()}
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
REQUIREMENTS = [
    requirement
    for requirement in [*CORE, *(requirement for extra in EXTRAS.values() for requirement in extra)]
    if requirement.name != PROJECT["name"]
]
# An extra that includes another lists what that installs, once it is built.
DECLARED = {
    "": names(CORE),
    "book": names(EXTRAS["book"]),
    "sweep": names(EXTRAS["book"] + EXTRAS["sweep"]) - {PROJECT["name"]},
    "dev": names(REQUIREMENTS[len(CORE) :]),
}
OLDEST = Version("3.11.0")


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)", line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {canonicalize_name(match[1]): Version(match[2]) for match in matches if match}


def by_extra(requirements: list[Requirement]) -> dict[str, set[str]]:
    """The names that built metadata requires: for every installation under "", and for each extra."""
    sorted_by_extra: dict[str, set[str]] = {}
    for requirement in requirements:
        extra = re.search(r'extra == "(\w+)"', str(requirement.marker or ""))
        sorted_by_extra.setdefault(extra[1] if extra else "", set()).add(canonicalize_name(requirement.name))
    return sorted_by_extra


def imported(files: list[Path]) -> set[str]:
    """The distributions of other people that ``files`` import, by canonical name; of those that are installed here."""
    modules = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    ours = [*files, *(ROOT / "book" / "_ext").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    own = {PROJECT["name"], *(file.stem for file in ours), *(file.parent.name for file in files)}
    owners = packages_distributions()
    return {canonicalize_name(owners[module][0]) for module in modules - own - sys.stdlib_module_names}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_whatever_dependencies_bring_is_pinned() -> None:
    assert sorted(brought_by(*EXTRAS).keys() - pins().keys()) == [PROJECT["name"]]


def test_every_pin_installs_on_the_oldest_python() -> None:
    assert SpecifierSet(PROJECT["requires-python"]).contains(OLDEST)
    assert not SpecifierSet(PROJECT["requires-python"]).contains("3.10.99")
    wanted = {name: found.metadata.get("Requires-Python") or "" for name, found in brought_by(*EXTRAS).items()}
    refused = {name: python for name, python in wanted.items() if not SpecifierSet(python).contains(OLDEST)}
    assert refused == {}


def test_extras_build_on_each_other() -> None:
    own = {extra: [r.extras for r in lines if r.name == PROJECT["name"]] for extra, lines in EXTRAS.items()}
    assert own == {"book": [], "sweep": [{"book"}], "dev": [{"book", "sweep"}]}
    assert not names(CORE) & names(REQUIREMENTS[len(CORE) :])


def test_the_package_declares_what_it_imports_and_imports_what_it_declares() -> None:
    used = imported(list(PACKAGE.rglob("*.py")))
    assert used <= names(CORE) | names(EXTRAS["book"])
    # pandas writes parquet by pyarrow and torch its curves by tensorboard; open_clip's torchvision has to fit torch.
    assert names(CORE) - used == {"pyarrow", "tensorboard", "torchvision"}


def test_the_tests_declare_what_they_import() -> None:
    assert imported(list((ROOT / "tests").rglob("*.py"))) <= names(REQUIREMENTS)


def test_conda_installs_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    from_pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert from_pip == ["-c constraints.txt", "-e .[dev]"]


def test_the_citation_has_the_package_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_the_makefile_runs_what_ci_runs() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
    assert "\nmake reproduce\n" in (ROOT / "README.md").read_text()
    assert "\nmake test\n" in (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, built by the installed hatchling: no network, no other environment, nothing beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return ZipFile(folder / build_wheel(str(folder)))


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: ZipFile) -> None:
    package = {
        file.relative_to(ROOT).as_posix()
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    data = {"py.typed", "models/tiny.json", "published/table3_market1501.csv", "data/cache.py", "training/run.py"}
    assert {f"mosaicreid/{name}" for name in data} <= package
    about = f"mosaicreid-{PROJECT['version']}.dist-info"
    written = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert set(wheel.namelist()) == package | {f"{about}/{name}" for name in written}
    for name in package:
        assert wheel.read(name) == (ROOT / name).read_bytes(), name


def test_the_wheel_says_what_the_project_says(wheel: ZipFile) -> None:
    about = f"mosaicreid-{PROJECT['version']}.dist-info"
    metadata = Metadata.from_email(wheel.read(f"{about}/METADATA"), validate=False)
    assert (metadata.name, str(metadata.version)) == (PROJECT["name"], PROJECT["version"])
    assert metadata.requires_python == SpecifierSet(">=3.11")
    assert set(metadata.provides_extra or ()) == {"book", "sweep", "dev"}
    assert by_extra(metadata.requires_dist or []) == DECLARED
    pythons = [name.split(" :: ")[-1] for name in metadata.classifiers or () if "Python :: 3." in name]
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert wheel.read(f"{about}/entry_points.txt").decode().split("\n") == [
        "[console_scripts]",
        "mosaicreid = mosaicreid.cli:main",
        "",
        "[jupyter_client.kernel_provisioners]",
        "mosaicreid-forked = mosaicreid.sweep.forked_kernel:ForkedProvisioner",
        "",
    ]
    assert "Root-Is-Purelib: true" in wheel.read(f"{about}/WHEEL").decode()


def test_the_container_installs_from_the_same_pins(tmp_path: Path) -> None:
    """The recipe as apptainer reads it; built it has never been."""
    recipe = (ROOT / "profiles" / "slurm" / "mosaicreid.def").read_text()
    header, *parts = re.split(r"^%(\w+)$", recipe, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    keys = dict(line.split(": ") for line in header.splitlines() if line and not line.startswith("#"))
    assert keys == {"Bootstrap": "docker", "From": "python:3.11-slim-bookworm"}
    assert sections.keys() == {"files", "post", "environment", "runscript", "test"}
    for line in sections["files"].split("\n"):
        if line.strip():
            source, target = line.split()
            assert target == f"/opt/mosaicreid/{source}"
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
            copy(ROOT / source, tmp_path / source)
    (installed,) = (line.split() for line in sections["post"].splitlines() if "pip install" in line)
    assert installed[-3:] == ["-c", "constraints.txt", "'.[sweep]'"]
    # What is copied is enough to build the package from.
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "built"]
    subprocess.run(built, cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "built").glob("mosaicreid-*.whl"))) == 1
    for section in ("post", "environment", "runscript", "test"):
        subprocess.run(["sh", "-n"], input=sections[section], text=True, check=True)


def test_the_installed_metadata_is_this_projects() -> None:
    """The command line finds extras there; after a change of pyproject.toml, make installs anew."""
    assert by_extra([Requirement(line) for line in distribution("mosaicreid").requires or ()]) == DECLARED
