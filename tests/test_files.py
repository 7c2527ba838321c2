"""A file is there whole or not at all."""

import hashlib
import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from mosaicreid.files import atomic_path, sha256


def test_a_file_and_its_folders_appear_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "table.csv"
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("hal")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old and longer")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "atomic") as temporary:
            temporary.write_text("")
        (tmp_path / "plain").write_text("")
    finally:
        assert os.umask(before) == mask
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("atomic", "plain")]
    assert modes[0] == modes[1]


def write_many(path: Path, letter: str) -> None:
    for _ in range(50):
        with atomic_path(path) as temporary:
            temporary.write_text(letter * 100_000)


def test_two_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "shared.txt"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            seen.add(path.read_text())
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert {path.read_text(), *seen} <= {"a" * 100_000, "b" * 100_000}
    assert list(tmp_path.iterdir()) == [path]


def killed_while_writing(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("hal")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_writer_left_goes_once_it_is_a_day_old(tmp_path: Path) -> None:
    path = tmp_path / "table[1].csv"
    writer = multiprocessing.get_context("fork").Process(target=killed_while_writing, args=(path,))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    others = [tmp_path / name for name in ("table1.csv", "table[1].json", ".table[1].20260101.csv", ".table[1].csv")]
    for other in others:
        other.write_text("somebody else's")
        os.utime(other, (0, 0))
    # A write within the day may belong to a process that is still alive.
    for age, stays in ((23 * 3600, True), (25 * 3600, False)):
        os.utime(left, (time.time() - age,) * 2)
        with atomic_path(path) as temporary:
            temporary.write_text("whole")
        assert left.exists() == stays
    assert path.read_text() == "whole"
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 5000])
def test_sha256(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


def test_sha256_of_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "none")
