"""The house: imports point one way, rooms stay small, and a dataset's name stands in its own file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mosaicreid

PACKAGE = Path(mosaicreid.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# From the ground up: a room imports those before it. ARCHITECTURE.md says what each is for.
ROOMS = (
    *(
        "__init__",
        "errors",
        "files",
        "signals",
        "locks",
        "progress",
        "records",
        "tables",
        "agreement",
        "attributes",
        "losses",
        "published",
        "datasets",
        "names",
        "config",
    ),
    *(
        "retrieval",
        "statistics",
        "models",
        "data",
        "labels",
        "results",
        "plotting",
        "world",
        "runs",
        "training",
        "sweep",
    ),
    *("analyses", "analyses.importance", "analyses.paper", "analyses.robust", "analyses.experiment"),
    *("analyses.priors", "analyses.leakage", "analyses.oracle", "analyses.shapley", "analyses.strength"),
    *(
        "analyses.hardness",
        "analyses.lengths",
        "analyses.saved",
        "analyses.backbones",
        "analyses.recovery",
        "analyses.coverage",
    ),
    "analyses.verdicts",
    "analyses.machine",
    "analyses.cost",
    "rehearsal",
    *("commands", "cli", "stats"),
)
# Rooms that import only the errors.
LEAVES = ("attributes", "losses", "published", "retrieval", "statistics")


def module_of(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def room_of(module: tuple[str, ...]) -> str:
    return ".".join(module[:2]) if module[0] == "analyses" else module[0]


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The package's modules that a file imports, as tuples of names below ``mosaicreid``."""
    modules = {module_of(file) for file in FILES}
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
            continue
        names = tuple(node.module.split("."))
        if names[0] != "mosaicreid":
            continue
        for alias in node.names:
            named = (*names[1:], alias.name)
            yield named if named in modules else names[1:] or ("__init__",)


def test_every_room_has_its_place() -> None:
    assert {room_of(module_of(path)) for path in FILES} == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = room_of(module_of(path))
    for module in imported(path):
        room = room_of(module)
        assert room == own or ROOMS.index(room) < ROOMS.index(own), f"{own} imports {room}"
        if own in LEAVES:
            assert room in (own, "errors"), f"{own} imports {room}"


def test_no_two_files_import_each_other() -> None:
    graph = {module_of(path): set(imported(path)) - {module_of(path)} for path in FILES}
    while graph:
        free = {module for module, targets in graph.items() if not targets & graph.keys()}
        assert free, f"a circle among {sorted('.'.join(module) for module in graph)}"
        graph = {module: targets for module, targets in graph.items() if module not in free}


def test_rooms_stay_small() -> None:
    folders = {path.parent for path in FILES}
    assert all(len(list(folder.glob("*.py"))) <= (16 if folder == PACKAGE else 14) for folder in folders)
    assert {str(path): lines for path in FILES if (lines := len(path.read_text().splitlines())) > 300} == {}


def test_every_folder_says_what_it_is_for() -> None:
    for path in FILES:
        described = ast.get_docstring(ast.parse(path.read_text()))
        assert described, path


def test_a_dataset_is_named_in_its_own_file_and_in_the_papers_tables_alone() -> None:
    papers_own = (PACKAGE / "published", PACKAGE / "analyses" / "paper", PACKAGE / "datasets")
    for path in FILES:
        if path.parent in papers_own:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            assert text not in ("market1501", "dukemtmc"), path
