"""The lines that a page of the book says to type, run as a reader would run them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_lines(
    page: str, monkeypatch: pytest.MonkeyPatch, *, most: int, block: int = 1, blocks: int = 1
) -> dict[str, object]:
    """Run one of the ``blocks`` of Python on ``book/<page>.md`` at the project's root; what it has named.

    It needs nothing of this package, and has ``most`` lines at most.
    """
    found_blocks = re.findall(r"```python\n(.*?)```", (ROOT / "book" / f"{page}.md").read_text(), re.DOTALL)
    assert len(found_blocks) == blocks
    lines = found_blocks[block - 1]
    assert "mosaicreid" not in lines
    assert lines.count("\n") <= most
    monkeypatch.chdir(ROOT)
    found: dict[str, object] = {}
    exec(lines, found)
    return found
