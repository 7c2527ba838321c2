"""The steps of a rehearsal, each a command that a user of real images would give, and what has to come of it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mosaicreid.config.parsing import format_settings
from mosaicreid.datasets import DATASETS
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path, check_space
from mosaicreid.rehearsal.images import draw_rehearsal
from mosaicreid.rehearsal.sizes import Size
from mosaicreid.rehearsal.weights import write_clip_reid, write_openai_archive
from mosaicreid.runs import read_run, run_folder, shared_folder
from mosaicreid.sweep.cards import VISIBLE, visible_cards

MARKER = "rehearsal.txt"
_SAYS = "A rehearsal of mosaicreid: its images are drawn, its weights random, and no number in it means anything.\n"
# Bytes: checkpoints and experts of some sixty runs.
_ROOM = 8 * 2**30
_IMAGE_SIZE = (256, 128)
_PAUSE = 0.1


class RehearsalFailed(RuntimeError):
    """A step that did not end as it should; the message is one line with the step, its log and the reason."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a rehearsal takes place: its folder, its size, and the processors it may use."""

    folder: Path
    size: Size
    cores: int

    @property
    def data(self) -> Path:
        """The datasets' folders."""
        return self.folder / "data"

    @property
    def data_alone(self) -> Path:
        """The same of the single runs."""
        return self.folder / "data_alone"

    def archive(self, encoder: str) -> Path:
        """Weights of an encoder in OpenAI's form."""
        return self.folder / "weights" / f"{encoder}.pt"

    @property
    def checkpoint(self) -> Path:
        """Weights in CLIP-ReID's form."""
        return self.folder / "weights" / "CLIP-ReID.pth"

    @property
    def results(self) -> Path:
        """Tables and figures of the sweep."""
        return self.folder / "sweep" / "results"


def rehearse(folder: Path, *, size: Size, annotations: Path | None, cores: int, book: bool = True) -> None:
    """Run the paper's sweep in small within ``folder``, and build the book that shows it; see the page *Real data*.

    What an earlier call has finished there is not done again. Prints a line per step with its seconds.

    Args:
        annotations: a folder with the real annotation files and lists of images; None for made-up ones.
        book: whether to build it.

    Raises:
        InputError: ``folder`` holds something else, its disk lacks the room, or this is not the clone's folder.
        RehearsalFailed: a step did not end as it should.
    """
    folder = Path(folder)
    if not Path("workflow", "Snakefile").is_file():
        raise InputError(f"no workflow/Snakefile in {Path.cwd()}; expected the command in the folder of the clone")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not _is_rehearsal(folder):
        raise InputError(
            f"{folder} holds something that is no rehearsal; expected a new folder, nothing is overwritten"
        )
    check_space({folder: _ROOM if not size.only else 2**30})
    stage = Stage(folder=folder, size=size, cores=cores)
    with atomic_path(folder / MARKER) as temporary:
        temporary.write_text(_SAYS, encoding="utf-8")
    for name, step in (
        ("images and weights", lambda: _prepare(stage, annotations)),
        ("killed and resumed", lambda: _interrupted(stage)),
        ("two processes", lambda: _two_processes(stage)),
        ("CLIP-ReID's checkpoint", lambda: _clip_reid(stage)),
        ("the sweep", lambda: _sweep(stage)),
        *([("the book", lambda: _book(stage))] if book else []),
    ):
        started, computed = time.perf_counter(), _cpu_seconds()
        print(f"{name} ...", flush=True)
        said = step()
        seconds, cpu = time.perf_counter() - started, _cpu_seconds() - computed
        print(f"{name}: {said}; {seconds:.0f} s, {cpu:.0f} s of CPU", flush=True)


def _is_rehearsal(folder: Path) -> bool:
    """Whether an earlier call began in ``folder``: a file of the marker's name alone says nothing."""
    marker = folder / MARKER
    return marker.is_file() and marker.read_bytes() == _SAYS.encode()


def _prepare(stage: Stage, annotations: Path | None) -> str:
    size, said = stage.size, []
    wanted = {stage.data / dataset: size.people for dataset in (DATASETS[:1] if size.only else DATASETS)}
    for root, people in {**wanted, stage.data_alone / DATASETS[0]: size.people_alone}.items():
        if not root.is_dir():
            whose = draw_rehearsal(root, like=root.name, people=people, annotations=annotations)
            said.append(f"{root.name} has {whose}")
    for encoder in {size.encoder_alone, size.encoder}:
        if not stage.archive(encoder).is_file():
            write_openai_archive(stage.archive(encoder), architecture=encoder)
    if not stage.checkpoint.is_file():
        write_clip_reid(
            stage.checkpoint,
            architecture=size.encoder_alone,
            image_size=_IMAGE_SIZE,
            stride=size.stride_alone,
            identities=size.people_alone,
        )
    return "; ".join(said) or "there already"


def _interrupted(stage: Stage) -> str:
    """Kill the shared stages after an epoch of the last one, and give the same command again."""
    checkpoint = shared_folder(stage.folder / "alone", dataset=DATASETS[0], seed=0) / "baseline.pt"
    if checkpoint.is_file() and (checkpoint.parent / "resumed.txt").is_file():
        return "done before"
    # What an earlier call left half done: this step shows a kill from its beginning.
    checkpoint.unlink(missing_ok=True)
    command = _train(stage, "baseline", {"model.weights": str(stage.archive(stage.size.encoder_alone))})
    log = _log(stage, "interrupted")
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=_environment())
        try:
            while process.poll() is None and not checkpoint.is_file():
                time.sleep(_PAUSE)
        finally:
            process.kill()
            process.wait()
    if not checkpoint.is_file():
        raise RehearsalFailed(f"the run that was to be killed ended by itself, log {log}: {_last(log)}")
    said = _run("resumed", command, stage)
    if "baseline.pt: resumed after epoch" not in said:
        raise RehearsalFailed(f"a killed run was not resumed, log {_log(stage, 'resumed')}")
    if not list((checkpoint.parent / "tensorboard").rglob("events.*")):
        raise RehearsalFailed(f"no events for TensorBoard in {checkpoint.parent}")
    (checkpoint.parent / "resumed.txt").write_text("killed with SIGKILL after the first epoch, and resumed\n")
    return "resumed after the epoch that it was killed in"


def _two_processes(stage: Stage) -> str:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    # Two processes need two cards, or none.
    apart = {} if torch.cuda.device_count() > 1 else {"runtime.device": "cpu"}
    train = _train(stage, "experts", {"model.weights": str(stage.archive(stage.size.encoder_alone)), **apart})[1:]
    return _one_run(stage, "all", [*launcher, *train], "alone", "two_processes", processes=2)


def _clip_reid(stage: Stage) -> str:
    train = _train(stage, "experts", {"model.clip_reid": str(stage.checkpoint)}, name="clip_reid")
    return _one_run(stage, "all", train, "clip_reid", "clip_reid", processes=1)


def _one_run(stage: Stage, name: str, command: Sequence[str], runs: str, log: str, *, processes: int) -> str:
    folder = run_folder(stage.folder / runs, dataset=DATASETS[0], name=name, seed=0)
    if not (folder / "metrics.json").is_file():
        _run(log, command, stage)
    run = read_run(folder)
    if not run.environment["device"].startswith(f"{processes} x ") or run.config.runtime.precision != "bf16":
        raise RehearsalFailed(
            f"{folder} was made on {run.environment['device']}, expected {processes} processes in bf16"
        )
    return f"{run.environment['device']}, {run.config.runtime.precision}"


def _sweep(stage: Stage) -> str:
    """The workflow of ``make paper``, with other values of its own settings."""
    cards = visible_cards(os.environ)
    size = stage.size
    config = {
        "profile": "paper",
        "data": stage.data,
        "runs": stage.folder / "sweep",
        "settings": format_settings({"model.weights": str(stage.archive(size.encoder).absolute()), **size.of_sweep}),
        "people": size.people_of_shapley,
        "orders": size.orders,
        **({"only": size.only, "datasets": DATASETS[0]} if size.only else {}),
    }
    jobs = len(cards) or stage.cores
    command = [
        _program("snakemake"),
        *("--cores", str(stage.cores), "--resources", f"gpu={jobs}"),
        *("--set-threads", *(f"{rule}={max(1, stage.cores // jobs)}" for rule in ("shared", "run", "oracle"))),
        *("--nolock", "--rerun-incomplete", "--keep-going", "--quiet", "rules"),
        *("--config", *(f"{name}={value}" for name, value in config.items())),
    ]
    # Where there is no GPU, two that are pretended show that no two jobs share one.
    pretended = {} if cards else {VISIBLE: ",".join(map(str, range(jobs)))}
    _run("sweep", command, stage, environment=pretended)
    wanted = ["experiment_table3.csv", "shapley_attributes.csv", "oracle_controls.csv", "verdicts.csv", "claims.csv"]
    missing = [name for name in wanted if not size.only and not (stage.results / name).is_file()]
    if missing:
        raise RehearsalFailed(f"the sweep left no {', '.join(missing)} in {stage.results}")
    return f"{len(list((stage.folder / 'sweep').glob('*/[!_]*/seed*/metrics.json')))} runs"


def _book(stage: Stage) -> str:
    command = [
        *(_program("jupyter-book"), "build", "book/", "-W", "-n", "--keep-going"),
        *("--path-output", str(stage.folder / "book")),
    ]
    _run("book", command, stage, environment={"MOSAICREID_OWN_RESULTS": str(stage.results.absolute())})
    return f"{stage.folder / 'book' / '_build' / 'html' / 'index.html'}"


def _train(stage: Stage, until: str, more: Mapping[str, object], *, name: str = "alone") -> list[str]:
    return [
        *(sys.executable, "-m", "mosaicreid.cli", "train", until, "--profile", "paper", "--dataset", DATASETS[0]),
        *("--root", str(stage.data_alone / DATASETS[0]), "--runs", str(stage.folder / name)),
        *("--set", format_settings({**stage.size.of_alone, **more})),
    ]


def _run(name: str, command: Sequence[str], stage: Stage, *, environment: Mapping[str, str] | None = None) -> str:
    """Run a step's command into its log; what it said."""
    log = _log(stage, name)
    with log.open("w") as file:
        done = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, env=_environment() | dict(environment or {}), check=False
        )
    if done.returncode:
        raise RehearsalFailed(f"{name} ended with status {done.returncode}, log {log}: {_last(log)}")
    return log.read_text(encoding="utf-8", errors="replace")


def _environment() -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "TQDM_DISABLE": "1"}


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _log(stage: Stage, name: str) -> Path:
    folder = stage.folder / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def _last(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def _cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    # Here, because Windows has no such module; nor has it the workflow's shell.
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
