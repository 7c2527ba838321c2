"""Jobs that start together on one machine: each has a card of its own, of devices that are pretended."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from mosaicreid.errors import InputError
from mosaicreid.sweep.cards import run_on_card, visible_cards

# A job notes the card it has, when it started and when it ended.
JOB = """
import os, sys, time
begun = time.time()
time.sleep(0.5)
with open(sys.argv[1], "w") as file:
    file.write(f"{os.environ['CUDA_VISIBLE_DEVICES']} {begun} {time.time()}")
"""


def start(folder: Path, *command: str, **environment: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "mosaicreid.cli", "on-card", "--runs", str(folder / "runs"), "--", *command]
    clean = {name: value for name, value in os.environ.items() if name not in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")}
    return subprocess.Popen(
        words, env={**clean, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_jobs_at_the_same_time_have_different_cards(tmp_path: Path) -> None:
    jobs = [
        start(tmp_path, sys.executable, "-c", JOB, str(tmp_path / f"{job}.txt"), CUDA_VISIBLE_DEVICES="0,1,2,3")
        for job in range(10)
    ]
    assert [job.wait(120) for job in jobs] == [0] * 10
    noted = [(tmp_path / f"{job}.txt").read_text().split() for job in range(10)]
    assert {card for card, _, _ in noted} == {"0", "1", "2", "3"}
    for card in "0123":
        times = sorted((float(begun), float(ended)) for held, begun, ended in noted if held == card)
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times)), times


def test_a_killed_job_gives_its_card_back(tmp_path: Path) -> None:
    sleeping = start(tmp_path, "sleep", "60", CUDA_VISIBLE_DEVICES="GPU-1a")
    while not list((tmp_path / "runs" / "_cards").glob("*GPU-1a.lock")):
        time.sleep(0.05)
    time.sleep(0.5)
    waiting = start(tmp_path, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES", CUDA_VISIBLE_DEVICES="GPU-1a")
    time.sleep(1.5)
    assert waiting.poll() is None
    # The job has taken the place of the command that found its card.
    sleeping.send_signal(signal.SIGKILL)
    sleeping.wait(30)
    assert waiting.communicate(timeout=30)[0].splitlines() == ["all 1 cards are taken; waiting for one", "GPU-1a"]


@pytest.mark.parametrize("listed", ["", "-1", "-1,0"])
def test_without_a_card_a_job_runs_as_it_is(tmp_path: Path, listed: str) -> None:
    job = start(tmp_path, "sh", "-c", 'echo "[$CUDA_VISIBLE_DEVICES]"; exit 3', CUDA_VISIBLE_DEVICES=listed)
    assert job.communicate(timeout=60)[0] == f"[{listed}]\n"
    assert job.returncode == 3
    assert not (tmp_path / "runs").exists()


def test_on_a_cluster_the_one_card_that_a_job_was_given_is_its_own(tmp_path: Path) -> None:
    sleeping = start(tmp_path, "sleep", "60", CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="7")
    other = start(tmp_path, "sh", "-c", "echo $CUDA_VISIBLE_DEVICES", CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="8")
    assert other.communicate(timeout=60)[0] == "0\n"
    sleeping.kill()
    sleeping.wait()


def test_cards_are_those_that_the_driver_lists_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_cards({}) == ()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho GPU-aa; echo GPU-bb; echo\n")
    program.chmod(0o755)
    assert visible_cards({}) == ("GPU-aa", "GPU-bb")
    assert visible_cards({"CUDA_VISIBLE_DEVICES": "1, 0"}) == ("1", "0")
    assert visible_cards({"CUDA_VISIBLE_DEVICES": "2,-1,3"}) == ("2",)


@pytest.mark.parametrize("listed", ["0,0", "0,,1", "../x", "0;rm", "all"])
def test_a_list_of_cards_that_cuda_does_not_take_is_refused(tmp_path: Path, listed: str) -> None:
    with pytest.raises(InputError, match="expected different cards apart by commas"):
        run_on_card(["true"], locks=tmp_path / "locks", environment={"CUDA_VISIBLE_DEVICES": listed})
    assert not (tmp_path / "locks").exists()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    job = start(tmp_path, "no-such-program")
    assert job.communicate(timeout=60)[0] == (
        "mosaicreid: error: cannot run 'no-such-program': No such file or directory; expected a program on the path\n"
    )
    assert job.returncode == 2
