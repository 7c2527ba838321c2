"""What all rules share: the sweep that was asked for, where its files lie, and how a failed job says so."""

import atexit
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
from mosaicreid.sweep.kernel_server import can_fork, start_kernel_server
from mosaicreid.sweep.progress import SweepProgress
from mosaicreid.sweep.request import read_sweep

try:
    SWEEP = read_sweep(config)
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
# What Snakemake sets for a job of one thread.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")}

code_fingerprint = CodeReader().fingerprint

TINY = SWEEP.profile == "tiny"
# Of several jobs on a machine with several GPUs, each sees one of its own.
ON_CARD = "" if TINY else "mosaicreid on-card --runs {RUNS:q} -- "
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

OUT_OF_MEMORY = "killed while it ran, likely for want of memory; free some, or ask for more, and the same command goes on"
# A job that fails says so in one line, with its log, which ends with the reason; a sweep repeats these lines at its end.
# What ends by a signal leaves no reason, and a kernel that is killed a traceback of papermill's.
FAILED = (
    " || {{ status=$?; mkdir -p {RUNS:q}/failed; reason=\"$(sed '/^[[:space:]]*$/d' {log:q} | tail -n 1 || true)\";"
    ' case "$status $reason" in'
    f" 137*|*DeadKernelError*) reason='{OUT_OF_MEMORY}';;"
    ' 129*|130*|143*) reason="ended by signal $((status - 128)); the same command goes on";; esac;'
    " echo failed: $(basename {log:q} .log | tr . ' '), log {log:q}: \"$reason\""
    " | tee {RUNS:q}/failed/$(basename {log:q} .log).txt; exit 1; }}"
)


def data_folder(wildcards):
    # As text: of a Path, Snakemake records nothing, and another folder would change nothing.
    return str(SWEEP.data / wildcards.dataset)


def option(*words):
    """A command's option and its value, as words; nothing where the value is empty, which ``:q`` would not write."""
    return list(words) if words[-1] else []


def depends_on(*stages):
    """The settings that the numbers of ``stages`` depend on."""
    values = SWEEP.settings.to_dict()
    return str([values["data"], values["model"], values["runtime"]["precision"], [values["stages"][s] for s in stages]])


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


onstart:
    # Runs of seconds get their kernels from a process that has imported everything; where a GPU computes, or on another
    # system, each kernel starts as usual.
    if TINY and can_fork():
        server = start_kernel_server(KERNEL_IMPORTS, {**os.environ, **ONE_THREAD})
        atexit.register(server.close)
        os.environ.update(server.variables)
    for report in (RUNS / "failed").glob("*.txt"):
        report.unlink()


onerror:
    for report in sorted((RUNS / "failed").glob("*.txt")):
        print(report.read_text().strip(), file=sys.stderr)
