"""A sweep through a real Slurm of one node, killed and continued, and compared with an undisturbed one.

    apt-get install slurm-wlm munge         (as root, on Debian; enable none of its services)
    python tests/slurm.py

Daemons of its own, in a folder of its own, run while this does: munged, slurmctld and slurmd, without accounting. A
tiny world and two runs go through the profile ``slurm``, told to end by scancel and before their time limit, killed,
requeued, and left by a submitter that is killed. In the end every table is the undisturbed sweep's to the byte, timings
apart; no step has been trained twice but after SIGKILL, no two jobs have trained the same at the same time, and nothing
is left.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from kills import PARTS, ROOT, SETTINGS, Sweep, tables

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue")
CONFIG = {"datasets": "market1501", "only": "hat age", "seeds": 0, "identities": 60, "settings": SETTINGS}
# Every step as it is done, by which job, appended to a copy of the loop, whose numbers it leaves.
RECORDER = """

def _recorded(told, accelerator):
    here = sys._getframe(1).f_locals
    stage = here["stage"]
    which = stage.identity.get("experts", {}).get("configuration", "shared")
    with open(os.environ["STEPS"], "a") as file:
        file.write(f"{which},{stage.name},{here['epoch']},{here['step']},{os.getpid()},{time.time()}\\n")
    # Steps of this size are over before anything could hit them.
    time.sleep(float(os.environ["PAUSE"]))
    return _asked(told, accelerator)


import os, sys  # noqa
_asked, any_process = any_process, _recorded
"""
CONF = """ClusterName=tests
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
{node} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP
"""
# Where Slurm's programs look; the plugin keeps the variable that would name another place from them.
SYSTEM = Path("/etc/slurm/slurm.conf")
LATEST = 600  # seconds for any one thing to happen


def main() -> int:
    """The whole of it; status 1 where anything is not as it should be."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.getuid() != 0:
        sys.exit(f"needs root and {', '.join(missing) or 'no further program'}: apt-get install slurm-wlm munge")
    if os.path.lexists(SYSTEM):
        sys.exit(f"{SYSTEM}: this machine has a Slurm already; expected none")
    # The daemons end with this, however it ends.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(f"ended by signal {number}"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slurm-") as work:
        undisturbed, sweep = make(Path(work, "undisturbed")), make(Path(work, "sweep"))
        done = start(undisturbed, pause=0, local=True)
        if done.wait() != 0:
            sys.exit(said(undisturbed))
        expected = tables(undisturbed)
        say(began, f"undisturbed, on this machine alone: {len(expected)} tables and adapters")
        with one_node(Path(work, "slurm")):
            disturb(sweep, began)
            left = queue()
        found = tables(sweep)
    differ = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    wrong = [f"differs from the undisturbed sweep: {name}" for name in differ] + WRONG
    wrong += [f"still in the queue: {job}" for job in left]
    say(began, "\n".join(wrong) or "every table as in the undisturbed sweep; no job twice; nothing left behind")
    return 1 if wrong else 0


WRONG: list[str] = []
STARTED: "list[subprocess.Popen[bytes]]" = []


def disturb(sweep: Sweep, began: float) -> None:
    """Everything that happens to the sweep until it is done."""
    profile = sweep.folder / "profiles" / "slurm" / "config.yaml"
    refused(sweep, began, "FILL_IN")
    # This cluster has no accounts.
    text = re.sub(r"^  slurm_account:.*\n", "", profile.read_text(), flags=re.MULTILINE)
    profile.write_text(text.replace("FILL_IN", "gpux"))
    refused(sweep, began, "partition", "--set-resources", "shared:runtime=20")
    profile.write_text(text.replace("FILL_IN", "main"))
    refused(sweep, began, "ask for 90 minutes, and the partition gives 60", "--set-resources", "shared:runtime=90")
    refused(sweep, began, "Slurm refuses jobs of the rule 'shared'", "--set-resources", "shared:mem_mb=900000000")

    process = start(sweep)
    (job,) = until("the shared stages train", lambda: steps(sweep) > 3 and queue("shared"))
    subprocess.run(["scancel", job], check=True)
    say(began, f"scancel {job}, the shared stages")
    until("they are submitted again", lambda: queue("shared") and job not in queue("shared"))
    before = steps(sweep)
    (job,) = until("they train again", lambda: steps(sweep) > before + 3 and queue("shared"))
    process.kill()
    process.wait()
    say(began, "SIGKILL to the command that submits")
    refused(sweep, began, f"scancel {job}")
    until("the job that was left ends", lambda: not queue())

    # Slurm looks at time limits about twice a minute.
    process = start(sweep, pause=8)
    until("both runs train", lambda: {"hat", "age"} <= trained(sweep))
    runs = {name: next(iter(queue(f"run_wildcards_market1501_{name}_"))) for name in ("hat", "age")}
    subprocess.run(["scontrol", "update", f"jobid={runs['hat']}", "timelimit=1"], check=True)
    subprocess.run(["scancel", "--signal=KILL", "--full", runs["age"]], check=True)
    say(began, f"the time of job {runs['hat']} (hat) is up; SIGKILL to all of job {runs['age']} (age)")
    job = until("hat is submitted again", lambda: queue("_hat_") - set(runs.values())).pop()
    before = steps(sweep, "hat")
    until("hat trains again", lambda: steps(sweep, "hat") > before)
    subprocess.run(["scontrol", "requeue", job], check=True)
    say(began, f"requeue of job {job} (hat)")
    if process.wait(LATEST) != 0:
        WRONG.append(f"the sweep did not end well: {said(sweep)}")
    say(began, "done; now other settings, left by a submitter that is killed")

    # What was asked for first is asked for again, of results that Snakemake has its own record of.
    process = start(sweep, settings=SETTINGS.replace("experts.epochs=6", "experts.epochs=5"))
    until("runs of other settings train", lambda: queue("run_wildcards"))
    process.kill()
    process.wait()
    until("they end", lambda: not queue())
    process = start(sweep)
    if process.wait(LATEST) != 0:
        WRONG.append(f"asked for again, the sweep did not end well: {said(sweep)}")
    say(began, f"done again; {check_steps(sweep)} steps trained again")
    WRONG.extend(f"{path}: left half-written" for path in sweep.folder.rglob(".*unfinished-*"))
    WRONG.extend(f"{path}: a failure that was mended" for path in (sweep.runs / "failed").iterdir())
    if not list((sweep.folder / ".snakemake" / "slurm_logs").rglob("*.log")):
        WRONG.append("no log of Slurm's is kept")


def make(folder: Path) -> Sweep:
    """A copy of the project whose steps are recorded."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    loop = folder / "mosaicreid" / "training" / "loop.py"
    loop.write_text(loop.read_text(encoding="utf-8") + RECORDER, encoding="utf-8")
    return Sweep(folder)


def start(
    sweep: Sweep, *words: str, pause: float = 0.4, settings: str = SETTINGS, local: bool = False
) -> "subprocess.Popen[bytes]":
    """Give the command; its output goes to a file, anew each time."""
    profile = ("--cores", "2") if local else ("--workflow-profile", "profiles/slurm")
    hurry = () if local else ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5")
    given = [f"{name}={value}" for name, value in {**CONFIG, "settings": settings}.items()]
    environment = {**os.environ, "PYTHONPATH": str(sweep.folder), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    environment |= {"STEPS": str(sweep.folder / "steps.csv"), "PAUSE": str(pause)}
    with (sweep.folder / "said.txt").open("wb") as file:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("snakemake"), *profile, *hurry, *words, "--config", *given],
            cwd=sweep.folder,
            env=environment,
            stdout=file,
            stderr=file,
        )
    STARTED.append(process)
    return process


def said(sweep: Sweep) -> str:
    """The end of what the last command said."""
    return (sweep.folder / "said.txt").read_text(errors="replace")[-3000:]


def refused(sweep: Sweep, began: float, why: str, *words: str) -> None:
    """Give the command, which is expected to be refused in one line, with nothing submitted."""
    before = queue()
    status = start(sweep, *words).wait(LATEST)
    lines = [line for line in said(sweep).splitlines() if line.startswith("snakemake: error: ")]
    if status == 0 or len(lines) != 1 or why not in lines[0] or queue() - before:
        WRONG.append(f"not refused for {why!r}: status {status}, {said(sweep)}")
    say(began, f"refused: {lines[0].removeprefix('snakemake: error: ') if lines else '?'}")


def queue(about: str = "") -> set[str]:
    """The numbers of all jobs that run or wait, whose comment has ``about``."""
    asked = ["squeue", "--noheader", "--format=%i|%k"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split("|")[0] for line in lines if about in line.split("|")[1]}


def record(sweep: Sweep) -> pd.DataFrame:
    """Every step that was done."""
    names = ["run", "stage", "epoch", "step", "pid", "time"]
    path = sweep.folder / "steps.csv"
    return pd.read_csv(path, names=names) if path.exists() else pd.DataFrame(columns=names)


def steps(sweep: Sweep, run: str | None = None) -> int:
    """How many steps were done, of all runs or of one."""
    table = record(sweep)
    return len(table if run is None else table[table["run"] == run])


def trained(sweep: Sweep) -> set[str]:
    """The runs of which steps were done."""
    return set(record(sweep)["run"])


def check_steps(sweep: Sweep) -> int:
    """Note two processes at a time in one stage; how many steps were done more than once.

    Only age was killed without a word, within an epoch; runs of other settings are trained anew, and so are those that
    take their place: both are twice what was asked for.
    """
    again = 0
    for (run, stage), rows in record(sweep).groupby(["run", "stage"]):
        spans = rows.groupby("pid")["time"].agg(["min", "max"]).sort_values("min")
        for before, after in zip(spans.iloc[:-1].itertuples(), spans.iloc[1:].itertuples(), strict=True):
            if after.min < before.max:
                WRONG.append(f"{stage} of {run}: processes {before.Index} and {after.Index} trained at the same time")
        times = rows.groupby(["epoch", "step"]).size()
        again += int((times - 1).sum())
        if run == "shared" and times.max() > 1:
            WRONG.append(f"{stage}: {int((times > 1).sum())} steps were trained twice, though it was told to end")
    return again


def until(what: str, holds: Callable[[], object]) -> "set[str]":
    """Wait for something; what it says then."""
    end = time.monotonic() + LATEST
    while time.monotonic() < end:
        answer = holds()
        if answer:
            return answer if isinstance(answer, set) else set()
        time.sleep(0.3)
    raise SystemExit(f"waited {LATEST} seconds in vain: {what}")


@contextmanager
def one_node(folder: Path) -> Iterator[None]:
    """A Slurm of this machine alone, in ``folder``, whose daemons end with the block."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    host = socket.gethostname()
    node = subprocess.run(["slurmd", "-C"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    (folder / "slurm.conf").write_text(CONF.format(folder=folder, host=host, node=node))
    SYSTEM.parent.mkdir(parents=True, exist_ok=True)
    SYSTEM.symlink_to(folder / "slurm.conf")
    files = {"socket": "munge.socket", "key-file": "munge.key", "log-file": "munged.log", "pid-file": "munged.pid"}
    munge = [f"--{option}={folder / name}" for option, name in {**files, "seed-file": "munge.seed"}.items()]
    daemons = []
    try:
        for words in (["munged", "--foreground", "--force", *munge], ["slurmctld", "-D"], ["slurmd", "-D", "-N", host]):
            with (folder / f"{words[0]}.out").open("wb") as file:
                daemons.append(subprocess.Popen(words, stdout=file, stderr=file))
            time.sleep(2)
        until("the node is idle", lambda: "idle" in subprocess.run(["sinfo"], capture_output=True, text=True).stdout)
        yield
    finally:
        for process in STARTED:
            process.kill()
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(60)
        SYSTEM.unlink()


def say(began: float, what: str) -> None:
    """Print what happens, and when."""
    print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
