"""What is refused before Slurm gets any job, with stand-ins for its commands; tests/slurm.py has a real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mosaicreid.errors import InputError
from mosaicreid.sweep.slurm import check_filled, check_queue, check_requests, sole_submitter, sweep_tag

PARTITION = {"slurm_partition": "gpu", "slurm_account": "lab"}


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a stand-in for a command, a shell script, and returns the file of how it is called."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()

    def make(name: str, script: str) -> Path:
        called = tmp_path / f"{name}.txt"
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\necho "$*" >> {called}\n{script}\n')
        path.chmod(0o755)
        return called

    return make


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_filled_in_is_named():
    check_filled(PARTITION | {"mem_mb": 100})
    check_filled({})
    said = refused(lambda: check_filled({"slurm_partition": "FILL_IN", "slurm_account": "FILL_IN", "mem_mb": 1}))
    assert said.startswith("slurm_partition and slurm_account in profiles/slurm/config.yaml, under default-resources:")
    assert refused(lambda: check_filled(PARTITION | {"constraint": "FILL_IN"})).startswith("constraint in ")


def test_a_sweep_has_a_tag_of_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    tag = sweep_tag(Path("runs/paper"))
    assert tag.startswith("mosaicreid-paper-")
    assert tag == sweep_tag(tmp_path / "runs" / "paper")
    assert tag != sweep_tag(tmp_path / "other" / "paper")
    # What the plugin takes as the first part of a job's name.
    odd = sweep_tag(Path("runs/ä b'c $(touch x)" + "x" * 100))
    assert odd.replace("-", "").isascii()
    assert odd.replace("-", "").isalnum()
    assert len(odd) <= 50


def test_jobs_of_this_sweep_in_the_queue_are_refused_and_others_are_not(tmp_path: Path, commands):
    tag, other = sweep_tag(tmp_path / "a"), sweep_tag(tmp_path / "b")
    called = commands("squeue", f"printf '7|RUNNING|{other}-u\\n8|PENDING|bash\\n'")
    check_queue(tag)
    assert called.read_text() == "--me --noheader --format=%i|%T|%j\n"
    commands(
        "squeue", f"printf '12|RUNNING|{tag}-u\\n13|PENDING|{tag}-u\\n14|PENDING|{tag}-u\\n7|RUNNING|{other}-u\\n'"
    )
    said = refused(lambda: check_queue(tag))
    assert said.startswith(
        "3 jobs of this sweep are in the queue already (2 pending, 1 running), of a command that has"
    )
    assert said.endswith("scancel 12 13 14")


def test_a_queue_that_does_not_answer_is_not_taken_for_an_empty_one(commands, monkeypatch: pytest.MonkeyPatch):
    commands("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert "Unable to contact slurm controller; does Slurm run?" in refused(lambda: check_queue("tag"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert refused(lambda: check_queue("tag")).startswith(
        "no program 'squeue' here (No such file or directory); expected"
    )


@pytest.fixture(autouse=True)
def _partition(commands):
    commands("sinfo", "echo 2-00:00:00")


@pytest.mark.parametrize(
    ("limit", "most"),
    [("1:00:00", 60), ("30:00", 30), ("2-00:00:00", 2880), ("1-12:30:00", 2190), ("30:00\n1:00:00", 60)],
)
def test_more_time_than_the_partition_gives_is_refused(commands, limit: str, most: int):
    commands("sbatch", "exit 0")
    called = commands("sinfo", f"printf '{limit}\\n'".replace("\n", "\\n"))
    check_requests([("run", PARTITION | {"runtime": most})])
    said = refused(lambda: check_requests([("run", PARTITION | {"runtime": most + 1})]))
    assert said.startswith(
        f"jobs of the rule 'run' ask for {most + 1} minutes, and the partition gives {most} at most; they"
    )
    assert said.endswith(f"--set-resources run:runtime={most}")
    assert set(called.read_text().splitlines()) == {"--noheader --format=%l --partition=gpu"}


@pytest.mark.parametrize("limit", ["infinite", "n/a", ""])
def test_a_partition_without_a_limit_takes_any_time(commands, limit: str):
    commands("sbatch", "exit 0")
    commands("sinfo", f"echo '{limit}'")
    check_requests([("run", PARTITION | {"runtime": 10**6})])


def test_each_kind_of_job_is_tried_once(commands):
    called = commands("sbatch", "echo 'sbatch: Job 5 to start at 2030-01-01T00:00:00' >&2")
    asked = PARTITION | {"runtime": 20, "mem_mb": 2000, "gpu": 1, "_cores": 4, "slurm_extra": "--signal=TERM@120"}
    check_requests(
        [("shared", asked), ("run", asked), ("run", asked), ("oracle", asked | {"gpu": 0, "constraint": "x"})]
    )
    first = "--partition=gpu --account=lab --time=20 --mem=2000 --gpus=1 --cpus-per-task=4 --signal=TERM@120"
    second = first.replace("--account=lab", "--account=lab --constraint=x").replace("--gpus=1 ", "")
    assert called.read_text().splitlines() == [f"--test-only {words} --wrap=true" for words in (second, first)]


def test_of_several_rules_the_same_one_is_named_in_any_order(commands):
    commands("sbatch", "echo 'allocation failure: no such account' >&2; exit 1")
    both = [("shared", PARTITION), ("run", PARTITION | {"gpu": 1})]
    both.append(("run", PARTITION | {"gpu": 2}))
    said = [refused(lambda requests=requests: check_requests(requests)) for requests in (both, both[::-1])]
    assert said[0] == said[1]
    assert "of the rule 'run': no such account" in said[0]
    assert "--gpus=1" in said[0]


@pytest.mark.parametrize(
    "reason",
    ["Requested time limit is invalid (missing or exceeds some limit)", "invalid partition specified: gpux"],
)
def test_what_slurm_refuses_is_said_before_it_is_submitted(commands, reason: str):
    commands("sbatch", f"echo 'allocation failure: {reason}' >&2; exit 1")
    said = refused(lambda: check_requests([("run", PARTITION | {"runtime": 540})]))
    assert said.startswith(f"Slurm refuses jobs of the rule 'run': {reason}; asked for: --partition=gpu --account=lab ")
    assert "--time=540" in said


def test_nodes_that_are_down_for_a_while_can_be_waited_for(commands):
    commands("sbatch", "echo 'allocation failure: Required node not available (down, drained or reserved)' >&2; exit 1")
    check_requests([("run", PARTITION)])


def test_one_command_submits_at_a_time_and_a_killed_one_keeps_nobody_out(tmp_path: Path):
    program = (
        "import os, signal, sys, pathlib\nfrom mosaicreid.sweep.slurm import sole_submitter\n"
        f"lock = sole_submitter(pathlib.Path({str(tmp_path)!r}))\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    held = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        assert "another command submits jobs of this sweep" in refused(lambda: sole_submitter(tmp_path))
    finally:
        held.kill()
        held.communicate()
    lock = sole_submitter(tmp_path)
    assert lock is not None
    lock.release()
