"""A command that is told to end clears up and says so in one line."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from mosaicreid.files import atomic_path
from mosaicreid.signals import EndedBySignal, ending_by_signal, ending_noted


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_block_and_handlers_come_back(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with pytest.raises(EndedBySignal, match=f"ended by {name}"), ending_by_signal():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_is_noted_and_ends_what_comes_after_the_block(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    done = []

    def work() -> None:
        with ending_noted() as told:
            done.append(told())
            os.kill(os.getpid(), number)
            # A second one does not break off what the first one began.
            os.kill(os.getpid(), number)
            done.append(told())
        done.append("after the block")

    with ending_by_signal(), pytest.raises(EndedBySignal, match=f"ended by {name}"):
        work()
    assert done == [False, True]
    assert signal.getsignal(number) is before


def test_without_a_signal_nothing_is_noted_and_an_error_is_its_own() -> None:
    with ending_noted() as told:
        assert not told()

    def fail() -> None:
        with ending_noted():
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError("odd")

    with pytest.raises(RuntimeError, match="odd"):
        fail()


def test_a_thread_notes_no_signals() -> None:
    before, said = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with ending_noted() as told:
            said.append((told(), signal.getsignal(signal.SIGTERM) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [(False, True)]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_drawing_a_world_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    command = ["data", "synthesize", "world", "--like", "dukemtmc", "--identities", "200", "--seed", "0"]
    command += ["--size", "128x64", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mosaicreid.cli", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, of which these tests may be one, ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".world.unfinished-*/*/*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.startswith("mosaicreid:")]
    assert (
        lines == ["mosaicreid: interrupted"]
        if name == "SIGINT"
        else lines[0].startswith(f"mosaicreid: ended by {name}")
    )
    assert list(tmp_path.iterdir()) == []


def test_another_fault_of_a_writer_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_path(tmp_path / "table.csv"):
        raise PermissionError(errno.EACCES, "not yours")
    with pytest.raises(RuntimeError, match="odd"), atomic_path(tmp_path / "table.csv"):
        raise RuntimeError("odd")
