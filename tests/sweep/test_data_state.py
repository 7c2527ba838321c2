"""A dataset's folder is known by the names, sizes and times of its files."""

import os
from pathlib import Path

import pytest

from mosaicreid.sweep.data_state import data_state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("query/a.jpg", "query/b.jpg", "labels.mat"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(name.encode())
        os.utime(tmp_path / "data" / name, ns=(5, 5))
    return tmp_path / "data"


def test_reading_changes_nothing_and_absence_is_said(root: Path) -> None:
    before = data_state(root)
    (root / "labels.mat").read_bytes()
    assert data_state(root) == before
    assert len(before) == 16
    assert data_state(root / "missing") == "absent"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "query" / "a.jpg").unlink(),
        lambda root: (root / "query" / "c.jpg").write_bytes(b""),
        lambda root: (root / "query" / "a.jpg").rename(root / "a.jpg"),
        lambda root: os.utime(root / "labels.mat", ns=(5, 6)),
        lambda root: (
            (root / "labels.mat").write_bytes(b"longer than before"),
            os.utime(root / "labels.mat", ns=(5, 5)),
        ),
    ],
    ids=["removed", "added", "moved", "newer", "longer"],
)
def test_another_file_time_or_size_shows(root: Path, change) -> None:
    before = data_state(root)
    change(root)
    assert data_state(root) != before
