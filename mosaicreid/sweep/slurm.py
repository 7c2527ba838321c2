"""A sweep on a Slurm cluster: what a site has to fill in, what is in the queue already, and what Slurm would refuse."""

import hashlib
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from operator import itemgetter
from pathlib import Path

from filelock import FileLock, Timeout

from mosaicreid.errors import InputError

# In the profile, what only the site knows.
UNFILLED = "FILL_IN"
_WHERE = "profiles/slurm/config.yaml, under default-resources"
_SECONDS = 60


def check_filled(resources: Mapping[str, object]) -> None:
    """Refuse default ``resources`` of jobs of which some are still to be filled in.

    Raises:
        InputError: names them, and where they are.
    """
    unfilled = [name for name, value in resources.items() if str(value) == UNFILLED]
    if unfilled:
        raise InputError(
            f"{' and '.join(unfilled)} in {_WHERE}: still {UNFILLED}; expected your cluster's own (`sinfo -s` lists "
            "partitions, `sacctmgr show user $USER withassoc` accounts; without accounts, delete that line)"
        )


def sweep_tag(runs: Path) -> str:
    """What the names of all jobs of the sweep in the folder ``runs`` start with: ``mosaicreid-paper-1f2e3d4c``."""
    whole = Path(runs).resolve()
    word = re.sub(r"[^A-Za-z0-9]", "", whole.name)[:20]
    return f"mosaicreid-{word}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"


def check_queue(tag: str) -> None:
    """Refuse to submit while jobs whose names start with ``tag`` run or wait: each would be there twice.

    Raises:
        InputError: lists them and says how to end them; or Slurm does not answer.
    """
    listed = _output("squeue", "--me", "--noheader", "--format=%i|%T|%j")
    jobs = [line.split("|") for line in listed.splitlines()]
    ours = [(number, state.lower()) for number, state, name in jobs if name.startswith(tag)]
    if ours:
        states = sorted({state for _, state in ours})
        counts = ", ".join(f"{sum(each == state for _, each in ours)} {state}" for state in states)
        raise InputError(
            f"{len(ours)} jobs of this sweep are in the queue already ({counts}), of a command that has ended; "
            "expected none, or each would run twice; wait for their end, or end them, and the same command goes on: "
            f"scancel {' '.join(number for number, _ in ours)}"
        )


def check_requests(requests: Iterable[tuple[str, Mapping[str, object]]]) -> None:
    """Refuse what Slurm would: an unknown partition or account, more memory or cards than it has; and more time than
    the partition gives, with which Slurm lets a job wait for ever, unless a site has it refused.

    ``requests`` are pairs of a rule's name and the resources that its jobs ask for, in any order (Snakemake's is that
    of a set): they are tried in the order of names and of what is asked for, so that one mistake is always told in the
    same words. Nothing is submitted. Nodes that are down for a while are no reason to refuse: jobs can wait for them.

    Raises:
        InputError: the rule, what it asks for and what Slurm says; or Slurm does not answer.
    """
    asked: dict[tuple[str, ...], tuple[str, Mapping[str, object]]] = {}
    each = ((rule, tuple(_request(resources)), resources) for rule, resources in requests)
    for rule, words, resources in sorted(each, key=itemgetter(0, 1)):
        asked.setdefault(words, (rule, resources))
    for words, (rule, resources) in asked.items():
        _check_time(rule, resources)
        done = _run("sbatch", "--test-only", *words, "--wrap=true")
        said = " ".join(done.stderr.replace("sbatch: error:", "").replace("allocation failure:", "").split())
        if done.returncode and "down, drained or reserved" not in said.lower():
            raise InputError(
                f"Slurm refuses jobs of the rule {rule!r}: {said}; asked for: {shlex.join(words)}; expected what the "
                f"partition has: see {_WHERE}, or --set-resources {rule}:runtime=60 and the like"
            )


def sole_submitter(runs: Path) -> FileLock | None:
    """Hold the folder ``runs`` for this process, which alone submits its jobs; None on a file system without locks.

    The lock ends with the process, killed or not, or with the returned object.

    Raises:
        InputError: another process holds it.
    """
    path = Path(runs) / ".submitter.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{runs}: another command submits jobs of this sweep, maybe on another login node; expected one at a time; "
            "wait for its end, or end it"
        ) from None
    except (OSError, NotImplementedError):
        return None
    return lock


def _check_time(rule: str, resources: Mapping[str, object]) -> None:
    partition, asked = resources.get("slurm_partition"), resources.get("runtime")
    if not partition or not isinstance(asked, int):
        return
    # Of a partition that there is not, Slurm says so itself.
    lines = _output("sinfo", "--noheader", "--format=%l", f"--partition={partition}").split()
    most = max(map(_minutes, lines), default=float("inf"))
    if asked > most:
        raise InputError(
            f"jobs of the rule {rule!r} ask for {asked} minutes, and the partition gives {int(most)} at most; they "
            f"would wait for ever; expected another partition in {_WHERE}, or less time, after which they go on "
            f"where they were left: --set-resources {rule}:runtime={int(most)}"
        )


def _minutes(limit: str) -> float:
    """What ``sinfo`` says of a partition's time limit, ``1-12:00:00`` or ``30:00``; infinity for no limit."""
    if not re.fullmatch(r"(\d+-)?(\d+:)*\d+", limit):
        return float("inf")
    days, _, clock = limit.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    return int(days or 0) * 24 * 60 + seconds / 60


def _request(resources: Mapping[str, object]) -> list[str]:
    """The words for ``sbatch`` that the plugin makes of a job's resources."""
    names = {
        "slurm_partition": "--partition",
        "slurm_account": "--account",
        "constraint": "--constraint",
        "qos": "--qos",
        "runtime": "--time",
        "mem_mb": "--mem",
        "gpu": "--gpus",
    }
    words = [f"{option}={resources[name]}" for name, option in names.items() if resources.get(name)]
    threads = resources.get("cpus_per_task") or resources.get("_cores") or 1
    return [*words, f"--cpus-per-task={threads}", *shlex.split(str(resources.get("slurm_extra") or ""))]


def _output(*command: str) -> str:
    done = _run(*command)
    if done.returncode:
        raise InputError(f"`{shlex.join(command)}` fails: {' '.join(done.stderr.split())}; does Slurm run?")
    return done.stdout


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise InputError(
            f"no program {command[0]!r} here ({error.strerror}); expected a machine from which Slurm gets its jobs"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"`{shlex.join(command)}` does not answer for {_SECONDS} seconds; does Slurm run?") from error
