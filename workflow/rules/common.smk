"""What all rules share: the sweep that was asked for, where its files lie, and how a failed job says so."""

import atexit
import hashlib
import itertools
import logging
import os
import sys
from pathlib import Path

from mosaicreid.config.parsing import format_settings
from mosaicreid.datasets import DATASETS as WORLDS
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import GIVEN as GIVEN_DATA, SYNTHETIC, data_kind, data_title
from mosaicreid.published import DATASETS as PAPERS_DATASETS
from mosaicreid.sweep.data_state import data_state
from mosaicreid.sweep.fingerprint import CodeReader
from mosaicreid.sweep.finished import is_another, is_other_text
from mosaicreid.sweep.kernel_server import PROVISIONER, can_fork, start_kernel_server
from mosaicreid.sweep.progress import SweepProgress
from mosaicreid.sweep.request import read_sweep
from mosaicreid.sweep.slurm import check_filled, check_queue, check_requests, sole_submitter, sweep_tag

try:
    SWEEP = read_sweep(config)
    if workflow.is_main_process:
        check_filled({name: asked.raw for name, asked in workflow.resource_settings._parsed_default_resources.items()})
except InputError as error:
    sys.exit(f"snakemake: error: {error}")

# The commands of the environment that runs this workflow, activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
# Bars of libraries belong to a terminal; in a notebook or a log that stays they are noise. Ours know that themselves.
os.environ["TQDM_DISABLE"] = "1"
# What the notebooks of a sweep import, wherever it stands: importing it costs more than a tiny run has to compute.
KERNEL_IMPORTS = [
    *("mosaicreid.training.run", "mosaicreid.training.figures", "mosaicreid.sweep.notebooks"),
    *("mosaicreid.analyses.importance.compute", "mosaicreid.analyses.importance.report"),
    *("open_clip", "accelerate", "peft", "pyarrow.dataset", "pyarrow.pandas_compat", "torch._dynamo"),
    "ipykernel.kernelapp",
]
if can_fork():
    # A kernel whose papermill is told to end saves what it has done.
    os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = PROVISIONER
# What Snakemake sets for a job of one thread.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")}

code_fingerprint = CodeReader().fingerprint

TINY = SWEEP.profile == "tiny"
# Of several jobs on a machine with several GPUs, each sees one of its own.
ON_CARD = "" if TINY else "mosaicreid on-card --runs {RUNS:q} -- "
# What a training job asks for, here alone; a profile may say otherwise (set-resources). A tiny one was measured, see the
# book's page on clusters. Of the others hours are estimated (`mosaicreid cost --count`): eight times those of an RTX 3090,
# the slowest card there. One that is killed for want of memory is tried again with more.
THREADS, GPUS, MINUTES, MEGABYTES = (1, 0, 20, 2000) if TINY else (4, 1, 540, 16000)
RESOURCES = {
    "gpu": GPUS,
    "runtime": MINUTES,
    "mem_mb": lambda wildcards, attempt: attempt * MEGABYTES,
    # Two minutes before its time is up, a job is told to end: it saves what it has done, and the next try goes on.
    "slurm_extra": "--signal=TERM@120",
}
RUNS, RESULTS, LOGS = SWEEP.runs, SWEEP.results, SWEEP.runs / "logs"
DATASETS, SEEDS = SWEEP.datasets, list(SWEEP.seeds)

SHARED = str(RUNS / "{dataset}" / "_shared" / "seed{seed}")
RUN = str(RUNS / "{dataset}" / "{name}" / "seed{seed}")
CHECKED_DATA = str(RUNS / "{dataset}" / "_shared" / "data.txt")
TRAINING_CODE = str(RUNS / "training_code.txt")
FINISHED = [
    RUN.format(dataset=dataset, name=name, seed=seed) + "/metrics.json"
    for dataset in DATASETS
    for name in SWEEP.variants(dataset)
    for seed in SEEDS
]

KILLED = "killed while it ran (time limit, memory, or by hand); the same command goes on"
TOLD = "told to end (time limit, by hand, or for another job); the same command goes on where it was left"
OUT_OF_MEMORY = "killed while it ran, likely for want of memory; free some, or ask for more, and the same command goes on"
# Every job has a report from its start on: of one that is killed, nothing else remains. Told to end, the shell waits for
# its command, which saves what it has done.
STARTED = (
    "told=; trap 'told=told' TERM;"
    " name=$(basename {log:q} .log); report={RUNS:q}/failed/$name.txt; mkdir -p {RUNS:q}/failed;"
    " what=\"failed: $(echo $name | tr . ' '), log \"{log:q};"
    f' echo "$what: {KILLED}" > "$report"; '
)
# A job that fails says so in one line, with its log, which ends with the reason; a sweep repeats these lines at its end.
# What ends by a signal leaves no reason, and a kernel that is killed a traceback of papermill's.
FAILED = (
    ' && rm -f "$report"'
    " || {{ status=$?; reason=\"$(sed '/^[[:space:]]*$/d' {log:q} | tail -n 1 || true)\";"
    ' case "${{told:-$status}} $reason" in'
    f" told*) reason='{TOLD}';;"
    f" 137*|*DeadKernelError*) reason='{OUT_OF_MEMORY}';;"
    ' 129*|130*|143*) reason="ended by signal $((status - 128)); the same command goes on";; esac;'
    ' echo "$what: $reason" | tee "$report"; exit 1; }}'
)


def reported(command):
    """The shell command of a job: what it came to is in RUNS/failed, unless that is success."""
    return STARTED + command + FAILED


def data_folder(wildcards):
    # As text: of a Path, Snakemake records nothing, and another folder would change nothing.
    return str(SWEEP.data / wildcards.dataset)


def option(*words):
    """A command's option and its value, as words; nothing where the value is empty, which ``:q`` would not write."""
    return list(words) if words[-1] else []


# Not among params, for no result depends on it.
CACHE, NOTEBOOK_CACHE = option("--cache", SWEEP.cache), option("-r", "cache", SWEEP.cache)


def depends_on(*stages):
    """The settings that the numbers of ``stages`` depend on."""
    values = SWEEP.settings.to_dict()
    return str([values["data"], values["model"], values["runtime"]["precision"], [values["stages"][s] for s in stages]])


def fingerprint(settings):
    """A word for the settings that ``depends_on`` lists, which a job can leave beside what it made."""
    return hashlib.sha256(settings.encode()).hexdigest()[:16]


# What goes first where several jobs could: what most others wait for, then what takes long. What nothing waits for fills
# the cores that the last steps leave idle.
FIRST = {"data": 5, "shared": 4, "controls": 3, "run": 2, "analysis": 1}


wildcard_constraints:
    dataset="|".join(DATASETS),
    name=r"[A-Za-z0-9+@=,_.-]+",
    seed=r"\d+",
    about="train|paper|ours",


if workflow.is_main_process:
    logging.getLogger("snakemake.logging").addHandler(SweepProgress())


def wanted(wildcards):
    """Everything that was asked for. What is there for another request is made anew: of a job that ends after the command
    that submitted it, Snakemake has no record."""
    if workflow.is_main_process:
        for dataset, seed in itertools.product(DATASETS, SEEDS):
            named = {"dataset": dataset, "seed": seed}
            if is_other_text(SHARED.format(**named) + "/ready.txt", fingerprint(depends_on(*SHARED_STAGES))):
                workflow.dag.forcefiles.add(SHARED.format(**named) + "/ready.txt")
            if is_other_text(EFFORT.format(**named), effort()):
                workflow.dag.forcefiles.add(CONTROLS.format(**named))
            for name in SWEEP.variants(dataset):
                folder = RUN.format(name=name, **named)
                if is_another(folder, SWEEP.config_of(dataset, name, seed)):
                    workflow.dag.forcefiles.add(f"{folder}/metrics.json")
    return FINISHED if SWEEP.only else [str(RUNS / "analysed.txt"), *PAGES, str(RUNS / "judged.txt")]


def to_slurm():
    """Refuse what would go wrong later, and name this sweep's jobs so that the next command finds them."""
    lock, tag = sole_submitter(RUNS), sweep_tag(RUNS)
    if lock is not None:
        # Registered, it lives as long as this process.
        atexit.register(lock.release)
    check_queue(tag)
    check_requests((job.rule.name, job.resources) for job in workflow.dag.needrun_jobs() if not job.is_local)
    executor = workflow.scheduler._executor
    executor.run_uuid = f"{tag}-{executor.run_uuid}"


onstart:
    # Runs of seconds get their kernels from a process that has imported everything; where a GPU computes, on a cluster or
    # on another system, each kernel starts as usual.
    if TINY and can_fork() and workflow.local_exec:
        server = start_kernel_server(KERNEL_IMPORTS, {**os.environ, **ONE_THREAD})
        atexit.register(server.close)
        os.environ.update(server.variables)
    if workflow.executor_plugin.name == "slurm":
        try:
            to_slurm()
        except InputError as error:
            sys.exit(f"snakemake: error: {error}")
    for report in (RUNS / "failed").glob("*.txt"):
        report.unlink()


onerror:
    for report in sorted((RUNS / "failed").glob("*.txt")):
        print(report.read_text().strip(), file=sys.stderr)
