"""Runs every benchmark whose figure stands in README.md, and writes the table there.

    python benchmarks/run_all.py                         a quarter of an hour on two idle cores
    python benchmarks/run_all.py --with million sweep    a million gallery images, a whole sweep and the book
    python benchmarks/run_all.py --annotations DIR       leakage of the real datasets too
    python benchmarks/run_all.py --only cache            some jobs alone
    python benchmarks/run_all.py --keep DIR              go on after a job that failed: DIR keeps what was measured

One job after the other, on one thread unless a script says otherwise. What a job prints goes to standard error; the
table is computed from the files that `--json` writes, and only once every job has ended well. A machine that is not
idle is warned of, and the table says its load.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from figures import read_figures
from table import replace_table, write_table

from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path, usable_cpus

HERE = Path(__file__).parent
# Processes that wait to run, above which times say little.
IDLE = 0.3
LATER = {
    "million": "`--with million`",
    "sweep": "`--with sweep`",
    "annotations": "`--annotations DIR`",
}


@dataclass(frozen=True)
class Job:
    """A script with its arguments; ``option`` is what has to be asked for, by its name in ``LATER``."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    option: str = ""


PART = ("datasets=market1501", "variants=none", "only=all hat bag gender age hair down up")
JOBS = (
    Job("step tiny", "step.py"),
    Job("step paper", "step.py", ("--size", "paper", "--repeats", "1")),
    Job("experts", "experts.py", ("--repeats", "3", "--threads", "1", "--clock", "cpu")),
    Job("memory", "model_memory.py", ("--batch", "64")),
    Job("training", "training.py", ("--profile", "tiny")),
    Job("augment", "augment.py"),
    Job("cache", "cache.py"),
    Job("synthesis", "synthesis.py", ("--repeats", "3")),
    Job(
        "retrieval 19732",
        "retrieval.py",
        ("--gallery", "19732", "--repeats", "2", "--methods", "product", "evaluate", "random", "ties", "rerank"),
    ),
    Job(
        "retrieval 100000",
        "retrieval.py",
        ("--gallery", "100000", "--repeats", "2", "--methods", "product", "evaluate", "random", "ties"),
    ),
    Job("sweep part", "sweep.py", PART),
    Job("leakage", "leakage.py", option="annotations"),
    Job(
        "retrieval 1000000",
        "retrieval.py",
        ("--gallery", "1000000", "--repeats", "1", "--methods", "product", "evaluate"),
        "million",
    ),
    Job("sweep", "sweep.py", ("--book",), "sweep"),
)


def measure(job: Job, folder: Path, more: Sequence[str]) -> dict[str, float]:
    """Run ``job``, unless ``folder`` has its figures, and read them.

    Raises:
        InputError: the script failed, or wrote no figures.
    """
    path = folder / f"{job.name.replace(' ', '_')}.json"
    if path.is_file():
        return read_figures(path)
    command = [sys.executable, str(HERE / job.script), *more, *job.arguments, "--json", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    print(f"== {job.name}: {' '.join(command[1:])}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=sys.stderr, env=environment, check=False)
    if done.returncode:
        raise InputError(f"the job {job.name!r} ended with status {done.returncode}; what it printed says why")
    return read_figures(path)


def about_this_run(load: float, seconds: float, commit: str) -> dict[str, str]:
    """What the figures depend on, in words; no name of a machine."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "snakemake"))
    busy = "" if load <= IDLE else ", **so the machine was not idle**"
    return {
        "Machine": f"{_processor()}, {usable_cpus()} cores, {_memory():.0f} GiB, {platform.system()}; {_gpu()}",
        "Versions": f"Python {platform.python_version()}, {libraries}",
        "Run": f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {seconds / 60:.0f} minutes, "
        f"load average {load:.2f} at its start{busy}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / 2**30


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    return f"{commit or 'unknown'}{' with changes that are not committed' if changed else ''}"


def chosen(only: Sequence[str], options: Sequence[str]) -> tuple[list[Job], dict[str, str]]:
    """The jobs to run, and why each of the others does not.

    Raises:
        InputError: ``only`` names a job that there is not.
    """
    names = [job.name for job in JOBS]
    for name in only:
        if name not in names:
            raise InputError(f"there is no job {name!r}; expected one of {', '.join(names)}")
    run, skipped = [], {}
    for job in JOBS:
        if only and job.name not in only:
            skipped[job.name] = "`--only` others"
        elif job.option and job.option not in options:
            skipped[job.name] = LATER[job.option]
        else:
            run.append(job)
    return run, skipped


def main() -> int:
    """Measure everything, then write the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", nargs="+", default=[], choices=("million", "sweep"), dest="options", metavar="JOB")
    parser.add_argument("--annotations", type=Path, metavar="DIR", help="the folder of the real annotation files")
    parser.add_argument("--only", nargs="+", default=[], metavar="JOB", help="these jobs alone")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep figures here, and take those of this commit")
    parser.add_argument("--readme", type=Path, default=HERE / "README.md", help="the file whose table is replaced")
    arguments = parser.parse_args()
    options = [*arguments.options, *(["annotations"] if arguments.annotations else [])]
    started, load, commit = time.monotonic(), os.getloadavg()[0], _commit()
    if load > IDLE:
        print(f"the load average is {load:.2f}: the machine is not idle, and times will say little", file=sys.stderr)
    try:
        jobs, skipped = chosen(arguments.only, options)
        # Before minutes of measuring whose table would have no place.
        replace_table(arguments.readme.read_text(encoding="utf-8"), "")
        with tempfile.TemporaryDirectory() as temporary:
            # Of changes that are not committed nobody knows later which they were.
            folder = Path(temporary) if arguments.keep is None or " " in commit else arguments.keep / commit
            folder.mkdir(parents=True, exist_ok=True)
            measured = {
                job.name: measure(job, folder, [str(arguments.annotations)] if job.option == "annotations" else [])
                for job in jobs
            }
        table = write_table(measured, about_this_run(load, time.monotonic() - started, commit), skipped)
        text = replace_table(arguments.readme.read_text(encoding="utf-8"), table)
        with atomic_path(arguments.readme) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except (InputError, OSError) as error:
        print(f"run_all.py: error: {error}", file=sys.stderr)
        return 2
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
