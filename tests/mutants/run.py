"""Put single faults into a copy of the package, and see whether the tests notice: the measure of the tests.

``python tests/mutants/run.py [WORD ...]`` tries the mutants whose file or name holds any of the words; without words,
all. Each is a fault listed in a file beside this one: a text that occurs once in the package, what replaces it, and the
tests that must fail then. Exit code 1 where more than one in twenty survives, or where nothing can be said.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAY_SURVIVE = 0.05
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A single fault: ``old``, which occurs once in ``file`` of the package, becomes ``new``; ``tests`` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's ``text`` with the fault; ValueError where it is not the one that the list was made for."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: the text of {self.name!r} occurs {text.count(self.old)} times; expected 1")
        return text.replace(self.old, self.new)


def read_mutants(folder: Path) -> list[Mutant]:
    """All mutants listed in the TOML files of ``folder``, in their order."""
    return [
        Mutant(**entry | {"tests": tuple(entry["tests"])})
        for file in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(file.read_text())["mutant"]
    ]


class Laboratory:
    """A copy of the package of ``root`` in ``folder``, which the tests of ``root`` import in place of the package."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.package = folder / "mosaicreid"
        shutil.copytree(root / "mosaicreid", self.package, ignore=shutil.ignore_patterns("__pycache__"))
        # A mutant of the same size and second as the file must not be read from its compiled form.
        self.environment = os.environ | {
            "PYTHONPATH": str(folder),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
            "OMP_NUM_THREADS": "1",
        }

    def check(self, tests: Iterable[str]) -> None:
        """RuntimeError unless the tests import the copy, and pass on it as long as it has no fault."""
        code = "import mosaicreid; print(mosaicreid.__file__)"
        found = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        if Path(found.stdout.strip()).parent != self.package:
            raise RuntimeError(f"tests would import {found.stdout.strip()}; expected the copy in {self.package}")
        status, said = self._pytest(tests)
        if status != 0:
            raise RuntimeError(f"the tests do not pass without a mutant (pytest's exit code {status}): {said}")

    def notices(self, mutant: Mutant) -> bool:
        """Whether a test fails, or does not end, with the fault; RuntimeError where pytest could not run the tests."""
        file = self.package / mutant.file
        text = file.read_text()
        file.write_text(mutant.applied(text))
        try:
            status, said = self._pytest(mutant.tests)
        finally:
            file.write_text(text)
        if status not in (0, 1):
            raise RuntimeError(f"pytest cannot run the tests of {mutant.name!r} (exit code {status}): {said}")
        return status == 1

    def _pytest(self, tests: Iterable[str]) -> tuple[int, str]:
        """Pytest's exit code, 1 where it took too long, and its last line."""
        options = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly")
        command = [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)]
        try:
            finished = subprocess.run(
                command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            return 1, f"no end within {_SECONDS} s"
        lines = [
            line for line in (finished.stdout + finished.stderr).splitlines() if line.startswith(("FAILED", "ERROR"))
        ]
        return finished.returncode, "; ".join(lines[:3])


def run(root: Path, mutants: list[Mutant]) -> list[Mutant]:
    """Try the mutants one after the other, a printed line each; those that survive."""
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(root, Path(folder))
        laboratory.check(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
        for mutant in mutants:
            started = time.perf_counter()
            noticed = laboratory.notices(mutant)
            if not noticed:
                survivors.append(mutant)
            seconds = time.perf_counter() - started
            print(
                f"{'noticed' if noticed else 'SURVIVED':8}  {mutant.file}: {mutant.name} ({seconds:.0f} s)", flush=True
            )
    return survivors


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORD", help="a part of the file or the name of a mutant")
    words = parser.parse_args(arguments).words
    listed = read_mutants(Path(__file__).parent)
    chosen = [
        mutant for mutant in listed if not words or any(word in f"{mutant.file}: {mutant.name}" for word in words)
    ]
    if not chosen:
        print(f"none of {len(listed)} mutants has {' or '.join(words)} in its file or name")
        return 1
    try:
        survivors = run(ROOT, chosen)
    except (RuntimeError, ValueError) as error:
        print(error)
        return 1
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants noticed")
    return int(len(survivors) > MAY_SURVIVE * len(chosen))


if __name__ == "__main__":
    sys.exit(main())
