"""What a benchmark measured, as a file that a program reads: ``--json PATH`` of every script writes one."""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path

KEYS = {"script", "figures"}


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a script's parser the option ``--json``."""
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures here too, for a program to read")


def write_figures(path: Path | None, script: str, figures: Mapping[str, float]) -> None:
    """Write ``figures`` of the benchmark ``script`` by their names; nothing where no ``path`` was asked for.

    Raises:
        InputError: a figure that is not a finite number, or a folder that cannot be written.
    """
    if path is None:
        return
    content = {"script": Path(script).stem, "figures": {name: float(value) for name, value in figures.items()}}
    text = json.dumps(_checked(content, path), indent=2) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_figures(path: Path) -> dict[str, float]:
    """The figures that a benchmark wrote to ``path``, by their names.

    Raises:
        InputError: no such file, or one that no benchmark wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the figures in {path} ({error}); expected what --json writes") from error
    return _checked(content, path)["figures"]


def _checked(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict) or content.keys() != KEYS or not isinstance(content["figures"], dict):
        raise InputError(f"{path} holds no figures of a benchmark; expected the entries {' and '.join(sorted(KEYS))}")
    for name, value in content["figures"].items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{path}: the figure {name!r} is {value!r}; expected a finite number")
    return content
