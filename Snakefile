"""The experiment: data -> shared stages -> every configuration and seed -> analysis. The book is built from results.

    snakemake --cores 2                                         tiny, both datasets (what `make reproduce` runs)
    snakemake --cores 8 --resources gpu=1 --config profile=paper data=DIR      one 24 GB GPU; DIR/market1501, DIR/dukemtmc
    snakemake --workflow-profile profiles/slurm --config profile=paper data=DIR                                a cluster

What a run depends on: its parameters, the code that trains (not its comments), the data and the shared stages. Outputs
of this workflow lie in runs/ and data/; tables and figures in results/ are written whole by the analysis itself.
Without another profile, Snakemake reads profiles/default: go on after a failure, finish what was interrupted.
"""

import os
import sys
from pathlib import Path

import mosaicreid
from mosaicreid.errors import InputError
from mosaicreid.fingerprint import code_fingerprint
from mosaicreid.settings import format_settings
from mosaicreid.sweep import read_sweep

try:
    SWEEP = read_sweep(config)
except InputError as error:
    sys.exit(f"snakemake: error: {error}")

# The commands of the environment that runs this workflow, activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

PROFILE, TINY = SWEEP.profile, SWEEP.profile == "tiny"
EVERY, SETTINGS = SWEEP.every, SWEEP.settings
DATASETS, SEEDS, VARIANTS_ON, ONLY = SWEEP.datasets, list(SWEEP.seeds), SWEEP.variants_on, SWEEP.only
DATA, RUNS, RESULTS, EXECUTED = SWEEP.data, SWEEP.runs, SWEEP.results, SWEEP.executed

PACKAGE = Path(mosaicreid.__file__).parent
DRAWING = ["synthetic", "world", "drawing", *(f"synthetic_{part}" for part in "body carried head scene wardrobe".split())]
TRAINING = ["attributes.py", "annotation.py", "config.py", "settings.py", "losses.py", "schedules.py", "checkpoints.py"]
TRAINING += ["models", "training"]
TRAINING += [f"data/{name}.py" for name in ("market1501", "cache", "sampler", "augment", "loaders", "captions")]
CONTROLS = "oracle oracle_run controls fusion attribute_heads attribution inference shapley shapley_sampling".split()
EVALUATION = ["retrieval.py", "ranking.py", "ties.py", "inference.py"]


def settings_of(wildcards):
    return format_settings(EVERY | dict(SWEEP.variants(wildcards.dataset)[wildcards.name].overrides))


def configuration_of(wildcards):
    return SWEEP.variants(wildcards.dataset)[wildcards.name].configuration


def depends_on(*stages):
    """The settings that the numbers of ``stages`` depend on."""
    values = SETTINGS.to_dict()
    return str([values["data"], values["model"], values["runtime"]["precision"], [values["stages"][s] for s in stages]])


RUN = str(RUNS / "{dataset}" / "{name}" / "seed{seed}")
SHARED = str(RUNS / "{dataset}" / "_shared" / "seed{seed}")
READY = str(RUNS / "{dataset}" / "_shared" / "data.txt")
CODE = str(RUNS / "training_code.txt")
LOGS = RUNS / "logs"
FINISHED = [
    RUN.format(dataset=dataset, name=name, seed=seed) + "/metrics.json"
    for dataset in DATASETS
    for name in SWEEP.variants(dataset)
    for seed in SEEDS
]
SHOWN = [str(EXECUTED / f"{about}-{dataset}.ipynb") for dataset in DATASETS for about in ("train", "paper", "ours")]
ORACLE = str(RUNS / "{dataset}" / "_oracle" / "seed{seed}" / "controls.parquet")
DATASET_TITLES = {"market1501": "Market-1501", "dukemtmc": "DukeMTMC"}
# A job that fails says so in one line, with its log, which ends with the reason; a sweep repeats these lines at its end.
FAILED = (
    " || {{ mkdir -p {RUNS:q}/failed; echo failed: $(basename {log:q} .log | tr . ' '), log {log:q}:"
    " \"$(sed '/^$/d' {log:q} | tail -n 1)\" | tee {RUNS:q}/failed/$(basename {log:q} .log).txt; exit 1; }}"
)


wildcard_constraints:
    dataset="market1501|dukemtmc",
    name=r"[a-z0-9+@=,_]+",
    seed=r"\d+",
    about="train|paper|ours",


localrules:
    everything,
    training_code,
    analyse,
    judge,
    statistics,
    executed,


onstart:
    for report in (RUNS / "failed").glob("*.txt"):
        report.unlink()


onerror:
    for report in sorted((RUNS / "failed").glob("*.txt")):
        print(report.read_text().strip(), file=sys.stderr)


rule everything:
    input:
        [str(RUNS / "analysed.txt"), SHOWN, str(RUNS / "judged.txt") if TINY else []] if not ONLY else FINISHED,


if TINY:

    rule synthesize:
        output:
            READY,
        params:
            root=lambda wildcards: DATA / wildcards.dataset,
            size=f"{SETTINGS.data.height}x{SETTINGS.data.width}",
            identities=SWEEP.identities,
            code=code_fingerprint([PACKAGE / "data" / f"{name}.py" for name in DRAWING]),
        threads: 2
        log:
            str(LOGS / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: drawing the synthetic world"
        shell:
            # The folder is the workflow's own; synthesize itself refuses to write over anything.
            "rm -rf {params.root:q} && mosaicreid data synthesize {params.root:q} --like {wildcards.dataset}"
            " --identities {params.identities} --seed 0 --size {params.size} --workers {threads} > {log:q} 2>&1"
            " && echo {params.code} | cat - {params.root:q}/synthetic.json > {output:q}"
            " && echo {wildcards.dataset} data: $SECONDS s"
            + FAILED

else:

    localrules:
        check_data,

    rule check_data:
        output:
            READY,
        params:
            root=lambda wildcards: DATA / wildcards.dataset,
        log:
            str(LOGS / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: checking the images"
        shell:
            "mosaicreid data check {params.root:q} --dataset {wildcards.dataset} > {log:q} 2>&1 && cp {log:q} {output:q}"
            + FAILED


rule training_code:
    output:
        CODE,
    params:
        code=code_fingerprint(PACKAGE / name for name in TRAINING),
    message:
        "the code that trains has changed, or is new here"
    shell:
        "echo {params.code} > {output:q}"


rule shared:
    input:
        data=READY,
        code=CODE,
    output:
        SHARED + "/ready.txt",
    params:
        root=lambda wildcards: DATA / wildcards.dataset,
        folder=SHARED,
        settings=format_settings({name: EVERY[name] for name in EVERY if not name.startswith("stages.experts.")}),
        depends_on=depends_on("pretrain", "prompts", "baseline"),
    threads: 1 if TINY else 4
    resources:
        gpu=0 if TINY else 1,
        mem_mb=4000 if TINY else 32000,
        runtime=60 if TINY else 1440,
    log:
        str(LOGS / "{dataset}.shared.seed{seed}.log"),
    message:
        "{wildcards.dataset}: what all runs of seed {wildcards.seed} share"
    shell:
        # An interrupted stage goes on from its checkpoint, unless data or code are newer.
        "find {params.folder:q} -name '*.pt' ! '(' -newer {input.data:q} -newer {input.code:q} ')' -delete;"
        " mosaicreid train baseline --dataset {wildcards.dataset} --root {params.root:q} --runs {RUNS:q}"
        " --profile {PROFILE} --seed {wildcards.seed} --set '{params.settings}' > {log:q} 2>&1"
        " && cksum {params.folder:q}/*.pt > {output:q}"
        " && echo {wildcards.dataset} shared stages, seed {wildcards.seed}: $SECONDS s"
        + FAILED


rule run:
    input:
        shared=SHARED + "/ready.txt",
    output:
        metrics=RUN + "/metrics.json",
        per_query=RUN + "/per_query.parquet",
        notebook=RUN + "/notebook.ipynb",
    params:
        root=lambda wildcards: DATA / wildcards.dataset,
        folder=RUN,
        configuration=configuration_of,
        settings=settings_of,
        depends_on=depends_on("experts"),
        code=code_fingerprint([*(PACKAGE / name for name in EVALUATION), Path("notebooks/train.ipynb")]),
        failed=str(RUNS / "failed" / "{dataset}.{name}.seed{seed}.txt"),
    threads: 1 if TINY else 4
    resources:
        gpu=0 if TINY else 1,
        mem_mb=4000 if TINY else 32000,
        runtime=30 if TINY else 1440,
    log:
        str(LOGS / "{dataset}.{name}.seed{seed}.log"),
    message:
        "{wildcards.dataset}: {wildcards.name}, seed {wildcards.seed}"
    shell:
        # A retry that works takes back what the first try reported.
        "rm -f {params.failed:q}; find {params.folder:q} -name experts.pt ! -newer {input.shared:q} -delete;"
        # Progress bars belong to a terminal; in a notebook that stays they are noise.
        " TQDM_DISABLE=1 papermill notebooks/train.ipynb {output.notebook:q} -k python3 --no-progress-bar"
        " -p dataset {wildcards.dataset} -r root {params.root:q} -r runs {RUNS:q} -p profile {PROFILE}"
        " -r configuration {params.configuration:q} -p seed {wildcards.seed} -r settings '{params.settings}'"
        " > {log:q} 2>&1 && echo {wildcards.dataset} {wildcards.name} seed {wildcards.seed}: $SECONDS s"
        + FAILED


rule analyse:
    input:
        FINISHED,
    output:
        touch(str(RUNS / "analysed.txt")),
    params:
        code=code_fingerprint(sorted(PACKAGE.glob("*.py"))),
        datasets=" ".join(DATASETS),
        variants=VARIANTS_ON,
        seeds=SEEDS,
    log:
        str(LOGS / "analysis.log"),
    message:
        "tables and figures of all runs"
    shell:
        "mosaicreid experiment --runs {RUNS:q} --data {DATA:q} --results {RESULTS:q} --datasets {params.datasets}"
        " --variants {params.variants:q} --seeds {params.seeds} --profile {PROFILE} > {log:q} 2>&1"
        " && echo tables and figures: $SECONDS s"
        + FAILED


rule oracle:
    input:
        RUN.format(dataset="{dataset}", name="all", seed="{seed}") + "/metrics.json",
    output:
        ORACLE,
    params:
        root=lambda wildcards: DATA / wildcards.dataset,
        code=code_fingerprint([PACKAGE / f"{name}.py" for name in CONTROLS]),
    threads: 1 if TINY else 4
    resources:
        gpu=0 if TINY else 1,
        mem_mb=4000 if TINY else 32000,
        runtime=60 if TINY else 1440,
    log:
        str(LOGS / "{dataset}.oracle.seed{seed}.log"),
    message:
        "{wildcards.dataset}: controls for the oracle, seed {wildcards.seed}"
    shell:
        "mosaicreid oracle run --dataset {wildcards.dataset} --seed {wildcards.seed} --root {params.root:q}"
        " --runs {RUNS:q} > {log:q} 2>&1 && echo {wildcards.dataset} controls seed {wildcards.seed}: $SECONDS s"
        + FAILED


rule judge:
    input:
        str(RUNS / "analysed.txt"),
        [ORACLE.format(dataset=dataset, seed=seed) for dataset in DATASETS for seed in SEEDS],
    output:
        touch(str(RUNS / "judged.txt")),
    params:
        code=code_fingerprint(sorted(PACKAGE.glob("*.py"))),
        datasets=" ".join(DATASETS),
        seeds=" ".join(map(str, SEEDS)),
    log:
        str(LOGS / "verdicts.log"),
    message:
        "controls, Shapley values and verdicts"
    shell:
        "mosaicreid oracle collect --runs {RUNS:q} --data {DATA:q} --results {RESULTS:q} --datasets {params.datasets}"
        " --seeds {params.seeds} > {log:q} 2>&1"
        # The verdicts read the analysis of the paper's own numbers too, which lies with the book's tables.
        + (" && mosaicreid verdicts --results {RESULTS:q} >> {log:q} 2>&1" if RESULTS == Path("results") else "")
        + FAILED


rule statistics:
    input:
        lambda wildcards: [str(RUNS / "analysed.txt")] if wildcards.about == "ours" else [],
    output:
        str(RUNS / "notebooks" / "{about}-{dataset}.ipynb"),
    params:
        table=lambda wildcards: RESULTS / f"experiment_table3_{wildcards.dataset}.csv" if wildcards.about == "ours" else "",
        code=code_fingerprint([*sorted(PACKAGE.glob("*.py")), Path("notebooks/published.ipynb")]),
    log:
        str(LOGS / "{about}-{dataset}.log"),
    message:
        "{wildcards.dataset}: the statistics of Table 3, {wildcards.about}"
    shell:
        "papermill notebooks/published.ipynb {output:q} -k python3 --no-progress-bar -p dataset {wildcards.dataset}"
        " -r table '{params.table}' > {log:q} 2>&1"
        + FAILED


TITLES = {"train": "Executed: train", "paper": "Executed: the paper's Table 3", "ours": "Executed: our Table 3"}


rule executed:
    input:
        lambda wildcards: (
            RUN.format(dataset=wildcards.dataset, name="all", seed=SEEDS[0]) + "/notebook.ipynb"
            if wildcards.about == "train"
            else str(RUNS / "notebooks" / f"{wildcards.about}-{wildcards.dataset}.ipynb")
        ),
    output:
        str(EXECUTED / "{about}-{dataset}.ipynb"),
    params:
        title=lambda wildcards: f"{TITLES[wildcards.about]}, {DATASET_TITLES[wildcards.dataset]}",
        code=code_fingerprint([PACKAGE / "executed.py"]),
    message:
        "{wildcards.dataset}: an executed notebook as a page of the book"
    shell:
        "mosaicreid executed {input:q} {output:q} --title {params.title:q}"
