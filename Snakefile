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
from mosaicreid.configurations import Variant, ablations, last_k_variants, table3
from mosaicreid.errors import InputError, one_of
from mosaicreid.fingerprint import code_fingerprint
from mosaicreid.profiles import make_config
from mosaicreid.settings import format_settings, parse_settings

KEYS = "profile datasets seeds data runs results executed identities only variants settings".split()
for key in config:
    if key not in KEYS:
        raise one_of("key of --config", key, KEYS)

# The commands of the environment that runs this workflow, activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

PROFILE = config.get("profile", "tiny")
# For every run, like "stages.experts.epochs=20"; settings of the experts name a run, and are those of variants.
EVERY = parse_settings(str(config.get("settings") or ""))
for name in EVERY:
    if name.startswith("experts."):
        raise InputError(f"settings={name}=...: settings of the experts differ by run (mosaicreid/configurations.py)")
SETTINGS = make_config(PROFILE, EVERY)
TINY = PROFILE == "tiny"
DATASETS = str(config.get("datasets", "market1501 dukemtmc")).split()
SEEDS = [int(seed) for seed in str(config.get("seeds", "0")).split()]
DATA = Path(config.get("data", "data/tiny" if TINY else "data"))
RUNS = Path(config.get("runs", f"runs/{PROFILE}"))
RESULTS = Path(config.get("results", "results" if TINY else "results/paper"))
EXECUTED = Path(config.get("executed", "book/executed" if TINY else RESULTS / "executed"))
DEPTH = SETTINGS.experts.last_k
# The paper's ablation of K is Market-1501's; what the paper leaves open is asked of the same dataset, or of none.
VARIANTS_ON = str(config.get("variants", "market1501" if "market1501" in DATASETS else "none"))
if VARIANTS_ON not in (*DATASETS, "none"):
    raise one_of("dataset for variants", VARIANTS_ON, (*DATASETS, "none"))
ONLY = str(config.get("only") or "").split()
# The tiny worlds: enough people for attribute vectors to be shared as in the real annotations, few enough for minutes.
IDENTITIES = int(config.get("identities", 240))

PACKAGE = Path(mosaicreid.__file__).parent
DRAWING = ["synthetic", "world", "drawing", *(f"synthetic_{part}" for part in "body carried head scene wardrobe".split())]
TRAINING = ["attributes.py", "annotation.py", "config.py", "settings.py", "losses.py", "schedules.py", "checkpoints.py"]
TRAINING += ["models", "training"]
TRAINING += [f"data/{name}.py" for name in ("market1501", "cache", "sampler", "augment", "loaders", "captions")]
CONTROLS = "oracle oracle_run controls fusion attribute_heads attribution inference shapley shapley_sampling".split()
EVALUATION = ["retrieval.py", "ranking.py", "ties.py", "inference.py"]


def variants(dataset):
    """Every run of one seed by the name of its folder."""
    wanted = [Variant(configuration=name) for name in table3(dataset)]
    if dataset == VARIANTS_ON:
        wanted += [*last_k_variants(DEPTH), *ablations()]
    by_name = {variant.name: variant for variant in wanted}
    return {name: variant for name, variant in by_name.items() if not ONLY or name in ONLY}


for name in ONLY:
    if not any(name in variants(dataset) for dataset in DATASETS):
        raise InputError(f"only={name}: no run of {', '.join(DATASETS)} has this name; see `snakemake -n` without only")


def settings_of(wildcards):
    return format_settings(EVERY | dict(variants(wildcards.dataset)[wildcards.name].overrides))


def configuration_of(wildcards):
    return variants(wildcards.dataset)[wildcards.name].configuration


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
    for name in variants(dataset)
    for seed in SEEDS
]
SHOWN = [str(EXECUTED / f"{about}-{dataset}.ipynb") for dataset in DATASETS for about in ("train", "paper", "ours")]
ORACLE = str(RUNS / "{dataset}" / "_oracle" / "seed{seed}" / "controls.parquet")
DATASET_TITLES = {"market1501": "Market-1501", "dukemtmc": "DukeMTMC"}


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
            identities=IDENTITIES,
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
        "rm -f {params.failed:q}; find {params.folder:q} -name experts.pt ! -newer {input.shared:q} -delete;"
        # Progress bars belong to a terminal; in a notebook that stays they are noise.
        " TQDM_DISABLE=1 papermill notebooks/train.ipynb {output.notebook:q} -k python3 --no-progress-bar"
        " -p dataset {wildcards.dataset} -r root {params.root:q} -r runs {RUNS:q} -p profile {PROFILE}"
        " -r configuration {params.configuration:q} -p seed {wildcards.seed} -r settings '{params.settings}'"
        " > {log:q} 2>&1 && echo {wildcards.dataset} {wildcards.name} seed {wildcards.seed}: $SECONDS s"
        # A run's log ends with its exception.
        " || {{ mkdir -p {RUNS:q}/failed; echo failed: {wildcards.dataset} {wildcards.name} seed {wildcards.seed}, log"
        " {log:q}: \"$(sed '/^$/d' {log:q} | tail -n 1)\" > {params.failed:q}; cat {params.failed:q}; exit 1; }}"


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
        " --variants {params.variants:q} --seeds {params.seeds} --profile {PROFILE} > {log:q} 2>&1 && echo tables and figures: $SECONDS s"


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
        " --seeds {params.seeds} > {log:q} 2>&1 && mosaicreid verdicts --results {RESULTS:q} >> {log:q} 2>&1"


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
