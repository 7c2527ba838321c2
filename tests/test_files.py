"""A file is there whole or not at all."""

import errno
import hashlib
import multiprocessing
import os
import re
import shutil
import signal
import stat
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path, check_space, expanded, leads_below, sha256


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


def left_by_a_killed_writer(path: Path) -> Path:
    writer = multiprocessing.get_context("fork").Process(target=killed_while_writing, args=(path,))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    (left,) = path.parent.iterdir()
    assert left.read_text() == "hal"
    return left


def write(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "table[1].csv"
    left = left_by_a_killed_writer(path)
    names = ["table1.csv", "table[1].json", ".table[1].20260101.csv", ".table[1].csv", left.name.replace("csv", "json")]
    others = [tmp_path / name for name in names]
    for other in others:
        other.write_text("somebody else's")
        os.utime(other, (0, 0))
    write(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


@pytest.mark.parametrize("where", ["a process that lives", "another machine"])
def test_what_a_writer_elsewhere_left_goes_once_it_is_a_day_old(tmp_path: Path, where: str) -> None:
    path = tmp_path / "table.csv"
    left = left_by_a_killed_writer(path)
    _, _, machine, number, rest = re.split(r"(unfinished-)(\w+)-(\d+)-", left.name)
    if where == "another machine":
        machine = "0" * len(machine)
    else:
        number = str(os.getppid())
    left = left.rename(left.with_name(f".table.unfinished-{machine}-{number}-{rest}"))
    for age, stays in ((23 * 3600, True), (25 * 3600, False)):
        os.utime(left, (time.time() - age,) * 2)
        write(path)
        assert left.exists() == stays
    assert list(tmp_path.iterdir()) == [path]


FAULTS = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "its quota is used up",
    errno.EFBIG: "larger than a file may be",
    errno.EROFS: "its disk is read-only",
    errno.EIO: "its disk fails",
    errno.ESTALE: "its folder has gone",
    errno.ENODEV: "its folder has gone",
    errno.ENOTCONN: "its folder has gone",
}


@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
@pytest.mark.parametrize("when", ["before", "while"])
def test_a_fault_of_the_disk_is_named_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, when: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "table.csv"
    path.write_text("old")
    if when == "before":
        monkeypatch.setattr(tempfile, "mkstemp", fail)
    message = rf"table\.csv cannot be written: .*{FAULTS[number]}"
    with pytest.raises(InputError, match=message) as caught, atomic_path(path):
        fail()
    assert "\n" not in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_library_makes_of_a_full_disk_is_told_as_that(tmp_path: Path) -> None:
    def fail(number: int) -> None:
        try:
            raise OSError(number, os.strerror(number))
        except OSError:
            raise RuntimeError("unexpected pos 704 vs 598")  # noqa: B904

    with pytest.raises(InputError, match="no space is left"), atomic_path(tmp_path / "table.csv"):
        fail(errno.ENOSPC)
    with pytest.raises(RuntimeError, match="unexpected pos"), atomic_path(tmp_path / "table.csv"):
        fail(errno.EPIPE)


def test_a_folder_that_goes_meanwhile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "table.csv"
    with (
        pytest.raises(InputError, match=r"folder/table\.csv cannot be written: its folder has gone"),
        atomic_path(path),
    ):
        shutil.rmtree(path.parent)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_one_may_not_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(dir: Path, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(dir / ".table"))

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    message = r"table\.csv cannot be written: its folder may not be written by you"
    with pytest.raises(InputError, match=message), atomic_path(tmp_path / "table.csv"):
        pass


def test_a_disk_that_takes_away_its_own_folder_does_not_hide_the_fault(tmp_path: Path, monkeypatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(InputError, match="no space is left"), atomic_path(tmp_path / "table.csv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_that_is_missing_elsewhere_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "table.csv"):
        (tmp_path / "elsewhere" / "source.csv").read_text()


def usage(free: int):
    return lambda folder: SimpleNamespace(free=free)


def test_folders_on_one_disk_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {tmp_path / "runs" / "a": 600, tmp_path / "cache": 400, tmp_path: 0}
    monkeypatch.setattr(shutil, "disk_usage", usage(1000))
    check_space(needs)
    monkeypatch.setattr(shutil, "disk_usage", usage(999))
    with pytest.raises(InputError, match=r"runs/a and .*/cache: this needs 1,000 bytes .* the disk has 999 free"):
        check_space(needs)
    assert list(tmp_path.iterdir()) == []


def test_folders_on_two_disks_are_counted_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second disk that is always there")
    monkeypatch.setattr(shutil, "disk_usage", usage(1000))
    check_space({tmp_path / "runs": 1000, other / "cache": 1000})
    with pytest.raises(InputError, match=r"^/dev/shm/cache: this needs 1,001 bytes"):
        check_space({tmp_path / "runs": 1000, other / "cache": 1001})


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(**options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(InputError, match=rf"runs/all cannot be written: {tmp_path}: {os.strerror(number)}; expected"):
        check_space({tmp_path / "runs" / "all": 1})


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(InputError, match=r"runs/all cannot be written: .*/runs: Not a directory"):
        check_space({tmp_path / "runs" / "all": 1})
    assert (tmp_path / "runs").read_text() == "a file"


def test_a_full_disk_is_told_by_what_is_needed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", usage(0))
    check_space({tmp_path: 0})


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 5000])
def test_sha256(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


def test_sha256_of_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "none")


@pytest.mark.parametrize("path", ["a.csv", "a/b c/é.csv", "..a/b", ".hidden", "a..b/c"])
def test_a_path_below(path: str) -> None:
    assert leads_below(path)


@pytest.mark.parametrize("path", ["", ".", "/a", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "C:/a", "C:a", "a\\b"])
def test_a_path_that_leads_elsewhere_or_has_another_spelling(path: str) -> None:
    assert not leads_below(path)


def test_a_variable_stands_for_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCH_7", "/local/job 7")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    assert expanded(Path("$SCRATCH_7/images")) == expanded(Path("${SCRATCH_7}/images")) == Path("/local/job 7/images")
    assert expanded(Path("a/$(b)/c$")) == Path("a/$(b)/c$")
    for name in ("UNSET", "EMPTY"):
        with pytest.raises(InputError, match=f"images: no variable {name} is set on this machine") as caught:
            expanded(Path(f"${name}/images"))
        assert "\n" not in str(caught.value)


def test_a_value_is_not_expanded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "$INNER")
    monkeypatch.setenv("INNER", "x")
    assert expanded(Path("$OUTER")) == Path("$INNER")
