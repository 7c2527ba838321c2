"""Synthesis that is interrupted or killed: no half dataset, no process left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 60  # seconds; a busy machine takes a while to start three interpreters


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def synthesis(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A synthesis with two workers, too long to finish, that has written its first images."""
    world = ["data", "synthesize", str(tmp_path / "world"), "--like", "dukemtmc", "--identities", "5000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mosaicreid.cli", *world, "--seed", "0", "--size", "16x8", "--workers", "2"],
        start_new_session=True,
        # A shell starts background jobs with SIGINT ignored, which would pass from the test runner to this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: any(tmp_path.rglob("*.jpg")))
        yield process
    finally:
        if not group_is_gone(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)


def test_ctrl_c_leaves_nothing(synthesis: subprocess.Popen[str], tmp_path: Path) -> None:
    os.killpg(synthesis.pid, signal.SIGINT)
    _, errors = synthesis.communicate(timeout=PATIENCE)
    # The other worker may still be starting, and then has something to say before.
    assert errors.splitlines()[-1] == "mosaicreid: interrupted"
    assert synthesis.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_workers_end_with_a_killed_parent(synthesis: subprocess.Popen[str], tmp_path: Path) -> None:
    synthesis.kill()
    synthesis.wait(timeout=PATIENCE)
    wait_for(lambda: group_is_gone(synthesis.pid))
    assert not (tmp_path / "world").exists()


def test_a_script_without_a_main_guard_draws(tmp_path: Path) -> None:
    """Each worker would run the script again, and there call synthesize() too."""
    script = tmp_path / "script.py"
    arguments = "like='dukemtmc', identities=4, seed=0, height=16, width=8, workers=2"
    script.write_text(
        "from pathlib import Path\nfrom mosaicreid.world.synthesize import synthesize\n"
        f"print('run')\nsynthesize(Path(__file__).parent / 'world', {arguments})\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "run\n", "")
    assert any((tmp_path / "world" / "query").iterdir())
