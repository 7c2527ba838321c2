"""Kill a sweep again and again at random moments, and compare what it ends with to an undisturbed one.

    python tests/kills.py --kills 40 --seed 0

A tiny world and two runs go through Snakemake, papermill and their kernels in a folder of its own. SIGKILL hits at
random moments, and by turns all processes at once, the process group (of which a notebook's kernel is no part), one
kernel, one papermill, or Snakemake alone, whose jobs then go on without it. Each time the same command follows at once,
as often as it takes. In the end every table is the undisturbed sweep's to the byte, timings apart; no process of a run
has trained an epoch again but the one that the process before it was killed in; no two have trained at the same time;
and nothing half-written is left.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil

from mosaicreid.analyses.experiment.collect import collect_runs

ROOT = Path(__file__).parents[1]
PARTS = ("workflow", "config", "profiles", "mosaicreid", "notebooks")
VICTIMS = ("everything", "group", "kernel", "papermill", "snakemake")
SETTINGS = (
    "data.height=32 data.width=16 stages.pretrain.epochs=8 stages.prompts.epochs=6 stages.prompts.warmup_epochs=0"
    " stages.baseline.epochs=8 stages.baseline.warmup_epochs=0 stages.baseline.milestones=[5]"
    " stages.experts.epochs=6 stages.experts.milestones=[4]"
)
CONFIG = {"datasets": "market1501", "only": "hat all", "seeds": 0, "identities": 60, "settings": SETTINGS}
# Longer than all of it takes; a sweep that makes no progress should end in words.
TRIES = 400
# Each epoch as it starts, by whom and of which checkpoint: appended to a copy of the loop, whose numbers it leaves.
RECORDER = """

def _recorded(stage, accelerator, path, *rest):
    plan = stage.plan

    def planned(epoch):
        # The plan is also asked for its length when a stage says what it is going to do.
        if sys._getframe(1).f_code.co_name == "_epoch":
            with open(os.environ["KILLS_EPOCHS"], "a") as file:
                file.write(f"{path},{os.getpid()},{time.time()},{epoch}\\n")
            # An epoch of this size is over before anything could hit it.
            time.sleep(0.4)
        return plan(epoch)

    return _trained(dataclasses.replace(stage, plan=planned), accelerator, path, *rest)


import dataclasses, os  # noqa
_trained, _train = _train, _recorded
"""


@dataclass
class Sweep:
    """A sweep in a folder of its own, and what was done to it."""

    folder: Path
    victims: Counter[str] = field(default_factory=Counter)
    orphans: list[psutil.Process] = field(default_factory=list)

    @property
    def runs(self) -> Path:
        """The folder of its runs."""
        return self.folder / "runs" / "tiny"

    @property
    def epochs(self) -> Path:
        """The record of every epoch as it started."""
        return self.folder / "epochs.csv"

    def start(self) -> subprocess.Popen[bytes]:
        """Give the command; its output goes to a file."""
        given = [f"{name}={value}" for name, value in CONFIG.items()]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        environment["KILLS_EPOCHS"] = str(self.epochs)
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", "--config", *given],
                cwd=self.folder,
                env=environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def hit(self, process: subprocess.Popen[bytes], generator: random.Random, *, longest: float) -> bool:
        """Kill a victim of a sweep that runs, and wait for Snakemake's own end; False where the sweep is done before.

        Three times of four within a second of the start of one of the next epochs, otherwise at any moment up to
        ``longest`` seconds.
        """
        victim = generator.choice(VICTIMS)
        delay = generator.uniform(0, longest)
        if generator.random() < 0.75:
            delay, wanted = delay / longest, self.trained() + generator.randint(1, 6)
            if not _wait(process, lambda: self.trained() >= wanted):
                return False
        end = time.monotonic() + delay
        if not _wait(process, lambda: time.monotonic() > end):
            return False
        below = self.below(process)
        named = [each for each in below if _does(each, victim)]
        if named:
            _kill(generator.choice(named))
        elif victim == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif victim == "snakemake":
            self.orphans += below
            process.kill()
        else:
            victim = "everything"
            for each in (psutil.Process(process.pid), *below):
                _kill(each)
        self.victims[victim] += 1
        process.wait()
        return True

    def below(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Snakemake's jobs, with all that they have started."""
        try:
            return psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def trained(self) -> int:
        """How many epochs have started until now."""
        return len(self.epochs.read_bytes().splitlines()) if self.epochs.exists() else 0


def make(folder: Path) -> Sweep:
    """A copy of the project whose epochs are recorded."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    loop = folder / "mosaicreid" / "training" / "loop.py"
    loop.write_text(loop.read_text(encoding="utf-8") + RECORDER, encoding="utf-8")
    return Sweep(folder)


def kill_until_done(sweep: Sweep, *, kills: int, longest: float, generator: random.Random) -> int:
    """Start the sweep until it is done, killing something of it ``kills`` times at most; how often that was."""
    for _ in range(TRIES):
        process = sweep.start()
        hit = sweep.victims.total() < kills and sweep.hit(process, generator, longest=longest)
        if not hit and process.wait() == 0:
            return sweep.victims.total()
    raise SystemExit(f"not done after {TRIES} tries; see {sweep.folder / 'said.txt'}")


def tables(sweep: Sweep) -> dict[str, bytes]:
    """Everything that a sweep ends with, by name, without the timings."""
    collected, skipped = collect_runs(sweep.runs, ["market1501"])
    found = {"runs": _text(collected), "skipped": str(skipped).encode()}
    for folder in sorted(sweep.runs.glob("market1501/[!_]*/seed0")):
        name = folder.parent.name
        found[f"{name}/per_query.parquet"] = (folder / "per_query.parquet").read_bytes()
        found[f"{name}/history.csv"] = _text(pd.read_csv(folder / "history.csv"))
        for path in sorted((folder / "experts").rglob("*.*")):
            found[f"{name}/{path.relative_to(folder)}"] = path.read_bytes()
    return found


def _text(table: pd.DataFrame) -> bytes:
    # What an undisturbed sweep would not repeat either: durations, and memory.
    timed = [name for name in table if name == "seconds" or name.endswith(("_seconds", "_per_second", "_bytes"))]
    return table.drop(columns=timed).to_csv(index=False).encode()


def faults_of(sweep: Sweep) -> tuple[int, list[str]]:
    """How many epochs were trained again, and what went wrong: an epoch too many, two at a time, or leftovers."""
    record = pd.read_csv(sweep.epochs, names=["path", "pid", "time", "epoch"])
    repeated, wrong = 0, []
    for path, rows in record.groupby("path"):
        repeated += len(rows) - rows["epoch"].nunique()
        spans = rows.groupby("pid").agg(
            first=("epoch", "min"), last=("epoch", "max"), begin=("time", "min"), end=("time", "max")
        )
        spans = spans.sort_values("begin")
        for before, after in zip(spans.iloc[:-1].itertuples(), spans.iloc[1:].itertuples(), strict=True):
            if after.first < before.last:
                wrong.append(f"{path}: epoch {after.first} again, though {before.last} had begun")
            if after.begin < before.end:
                wrong.append(f"{path}: processes {before.Index} and {after.Index} trained at the same time")
    wrong += [f"{path}: left half-written" for path in sweep.folder.rglob(".*unfinished-*")]
    return repeated, wrong


def _wait(process: subprocess.Popen[bytes], until: Callable[[], object]) -> bool:
    """Wait until something is so; False where the process ends before."""
    while process.poll() is None:
        if until():
            return True
        time.sleep(0.05)
    return False


def _does(process: psutil.Process, what: str) -> bool:
    try:
        words, parent = process.cmdline(), process.parent()
        # A forked kernel still has the command of the server, its parent.
        forked = parent is not None and parent.cmdline() == words and "mosaicreid.sweep.kernel_serving" in words
    except psutil.Error:
        return False
    if what == "kernel":
        return forked or "ipykernel_launcher" in words
    return what == "papermill" and any(Path(word).name == what for word in words[:3])


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def main() -> int:
    """Both sweeps, and what came of it; status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40, help="how many (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims (default: 0)")
    parser.add_argument("--longest", type=float, default=20, help="seconds to the next kill at most (default: 20)")
    arguments = parser.parse_args()
    generator, began, wrong = random.Random(arguments.seed), time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="kills-") as work:
        undisturbed = make(Path(work, "undisturbed"))
        kill_until_done(undisturbed, kills=0, longest=0, generator=generator)
        expected = tables(undisturbed)
        print(f"undisturbed: {len(expected)} tables and adapters, {time.monotonic() - began:.0f} s", flush=True)
        made, victims, repeated = 0, Counter(), 0
        while made < arguments.kills:
            sweep = make(Path(work, f"round{made}"))
            try:
                made += kill_until_done(
                    sweep, kills=arguments.kills - made, longest=arguments.longest, generator=generator
                )
            finally:
                for each in sweep.orphans:
                    _kill(each)
            found, (again, faults) = tables(sweep), faults_of(sweep)
            differ = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
            wrong += [f"differs from the undisturbed sweep: {name}" for name in sorted(differ)] + faults
            victims, repeated = victims + sweep.victims, repeated + again
            print(
                f"after {made} kills: done, {again} epochs again, {len(differ)} differ, {len(faults)} faults",
                flush=True,
            )
    listed = ", ".join(f"{name} {count}" for name, count in victims.most_common())
    print(f"{made} kills ({listed}), {repeated} epochs trained again, {time.monotonic() - began:.0f} s")
    print(
        "\n".join(wrong) or "every table as in the undisturbed sweep, no two processes in one run, nothing left behind"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
