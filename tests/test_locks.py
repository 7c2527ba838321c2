"""One process at a time trains in a folder, and a dead one keeps nobody out."""

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest

from mosaicreid.errors import InputError
from mosaicreid.locks import LOCK, sole_trainer


def accelerator_of(*, main: bool = True):
    """What the lock uses of Accelerate's view of this process."""
    waited: list[bool] = []

    @contextmanager
    def main_process_first() -> Iterator[None]:
        waited.append(main)
        yield

    return SimpleNamespace(is_main_process=main, main_process_first=main_process_first, waited=waited)


ALONE = accelerator_of()


def hold(folder: Path, pipe: Connection) -> None:
    with sole_trainer(folder, ALONE):
        pipe.send("mine")
        pipe.recv()


@contextmanager
def held_by_another(folder: Path) -> Iterator[tuple[multiprocessing.Process, Connection]]:
    """A process that has the folder until it is killed, or sent something."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=hold, args=(folder, theirs))
    process.start()
    try:
        assert ours.recv() == "mine"
        yield process, ours
    finally:
        process.kill()
        process.join()


def test_who_comes_second_is_told_in_one_line_who_is_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "all" / "seed0"
    with held_by_another(folder) as (process, _):
        expected = (
            rf"all/seed0: process {process.pid} on .*, since .* still trains here after 0.1 seconds; expected one"
        )
        with pytest.raises(InputError, match=expected) as caught, sole_trainer(folder, ALONE, patience=0.1):
            pass
    assert "\n" not in str(caught.value)
    assert f"process {process.pid} on " in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == [LOCK]


def test_a_predecessor_that_ends_meanwhile_is_waited_for(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as (process, pipe):
        asked = time.monotonic()
        os.kill(process.pid, signal.SIGSTOP)
        multiprocessing.get_context("fork").Process(target=end_soon, args=(process.pid,)).start()
        with sole_trainer(tmp_path, ALONE, patience=60):
            assert time.monotonic() - asked > 0.2
            assert f"process {os.getpid()} on " in (tmp_path / LOCK).read_text()
        assert pipe.poll() is False


def end_soon(number: int) -> None:
    time.sleep(0.2)
    os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("ending", ["killed", "done"])
def test_a_process_that_has_ended_keeps_nobody_out(tmp_path: Path, ending: str) -> None:
    with held_by_another(tmp_path) as (process, pipe):
        process.kill() if ending == "killed" else pipe.send("enough")
        process.join()
    with sole_trainer(tmp_path, ALONE, patience=0):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")


def test_a_process_that_has_it_may_ask_again(tmp_path: Path) -> None:
    with sole_trainer(tmp_path, ALONE, patience=0):
        with sole_trainer(tmp_path, ALONE, patience=0):
            pass
        # The inner one has not let go for the outer one.
        assert not free(tmp_path)
    assert free(tmp_path)


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), sole_trainer(tmp_path, ALONE):
        raise KeyboardInterrupt
    assert free(tmp_path)


def test_folders_do_not_keep_each_other_out(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "one"), sole_trainer(tmp_path / "two", ALONE, patience=0):
        assert free(tmp_path / "three")


def free(folder: Path) -> bool:
    """Whether another process could have the folder now."""
    folder.mkdir(exist_ok=True)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, RuntimeError):
        return False
    lock.release()
    return True


def test_the_first_of_several_processes_holds_it_and_all_wait_for_that(tmp_path: Path) -> None:
    other = accelerator_of(main=False)
    with held_by_another(tmp_path), sole_trainer(tmp_path, other, patience=0):
        assert other.waited == [False]
    first = accelerator_of()
    with sole_trainer(tmp_path, first):
        assert first.waited == [True]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    with sole_trainer(tmp_path, ALONE, patience=0), sole_trainer(tmp_path, ALONE, patience=0):
        pass
    assert f"{tmp_path}: its file system has no locks; see to it" in capsys.readouterr().out


def test_a_fault_of_the_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("os.open", fail)
    message = rf"{LOCK} cannot be written: its disk is read-only"
    with pytest.raises(InputError, match=message), sole_trainer(tmp_path, ALONE):
        pass
