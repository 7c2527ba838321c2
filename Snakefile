"""The experiment: data -> shared stages -> every configuration and seed -> analysis. The book is built from results.

    snakemake --cores 2                                         tiny, both datasets (what `make reproduce` runs)
    snakemake --cores 8 --resources gpu=1 --config profile=paper data=DIR      one 24 GB GPU; DIR/market1501, DIR/dukemtmc
    snakemake --workflow-profile profiles/slurm --config profile=paper data=DIR                                a cluster

What a run depends on: its parameters, the code that trains (not its comments), the data and the shared stages. Outputs
of this workflow lie in runs/ and data/; tables and figures in results/ are written whole by the analysis itself.
"""

import mosaicreid
from pathlib import Path

from mosaicreid.profiles import make_config
from mosaicreid.configurations import Variant, ablations, last_k_variants, table3
from mosaicreid.errors import one_of
from mosaicreid.fingerprint import code_fingerprint

PROFILE = config.get("profile", "tiny")
SETTINGS = make_config(PROFILE)
TINY = PROFILE == "tiny"
DATASETS = str(config.get("datasets", "market1501 dukemtmc")).split()
SEEDS = [int(seed) for seed in str(config.get("seeds", "0 1 2" if TINY else "0")).split()]
DATA = Path(config.get("data", "data/tiny" if TINY else "data"))
RUNS = Path(config.get("runs", f"runs/{PROFILE}"))
RESULTS = Path(config.get("results", "results" if TINY else "results/paper"))
DEPTH = SETTINGS.experts.last_k
# The paper's ablation of K is Market-1501's; what the paper leaves open is asked of the same dataset.
VARIANTS_ON = str(config.get("variants", "market1501")).split()
ONLY = str(config.get("only", "")).split()

# The tiny worlds: enough people for attribute vectors to be shared as in the real annotations, few enough for minutes.
IDENTITIES = int(config.get("identities", 240))

PACKAGE = Path(mosaicreid.__file__).parent
TRAINING = ["attributes.py", "annotation.py", "config.py", "settings.py", "losses.py", "schedules.py", "retrieval.py"]
TRAINING += ["ranking.py", "ties.py", "inference.py", "checkpoints.py", "models", "training"]
TRAINING += [f"data/{name}.py" for name in ("market1501", "cache", "sampler", "augment", "loaders", "captions")]
DRAWING = [f"data/{name}.py" for name in ("synthetic", "world", "drawing")]
DRAWING += [f"data/synthetic_{name}.py" for name in ("body", "carried", "head", "scene", "wardrobe")]
TRAINING_CODE = code_fingerprint([*(PACKAGE / name for name in TRAINING), Path("notebooks/train.ipynb")])
DRAWING_CODE = code_fingerprint([PACKAGE / name for name in DRAWING])


def variants(dataset):
    """Every run of one seed by the name of its folder."""
    wanted = [Variant(configuration=name) for name in table3(dataset)]
    if dataset in VARIANTS_ON:
        wanted += [*last_k_variants(DEPTH), *ablations()]
    by_name = {variant.name: variant for variant in wanted}
    for name in ONLY:
        if name not in by_name:
            raise one_of("run", name, by_name)
    return {name: variant for name, variant in by_name.items() if not ONLY or name in ONLY}


def settings_of(wildcards):
    overrides = variants(wildcards.dataset)[wildcards.name].overrides
    return " ".join(f"{name}={value}" for name, value in overrides.items())


def configuration_of(wildcards):
    return variants(wildcards.dataset)[wildcards.name].configuration


RUN = str(RUNS / "{dataset}" / "{name}" / "seed{seed}")
SHARED = str(RUNS / "{dataset}" / "_shared" / "seed{seed}")
FINISHED = [
    RUN.format(dataset=dataset, name=name, seed=seed) + "/metrics.json"
    for dataset in DATASETS
    for name in variants(dataset)
    for seed in SEEDS
]


def shared_settings():
    """What the stages before the experts depend on."""
    values = SETTINGS.to_dict()
    return str([values["data"], values["model"], [values["stages"][name] for name in ("pretrain", "prompts", "baseline")]])


READY = str(RUNS / "{dataset}" / "_shared" / "data.json")


wildcard_constraints:
    dataset="market1501|dukemtmc",
    name=r"[a-z0-9+@=,_]+",
    seed=r"\d+",


localrules:
    everything,
    check_data,
    analyse,


onerror:
    shell("grep -sl . {RUNS}/failed/*.txt | xargs -r cat >&2")


rule everything:
    input:
        str(RUNS / "analysed.txt") if not ONLY else FINISHED,


if TINY:

    rule synthesize:
        output:
            READY,
        params:
            root=lambda wildcards: DATA / wildcards.dataset,
            size=f"{SETTINGS.data.height}x{SETTINGS.data.width}",
            identities=IDENTITIES,
            code=DRAWING_CODE,
        threads: 2
        log:
            str(RUNS / "logs" / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: drawing the synthetic world"
        shell:
            # The folder is the workflow's own; synthesize itself refuses to write over anything.
            "rm -rf {params.root:q} && mosaicreid data synthesize {params.root:q} --like {wildcards.dataset}"
            " --identities {params.identities} --seed 0 --size {params.size} --workers {threads} > {log:q} 2>&1"
            " && cp {params.root:q}/synthetic.json {output:q}"

else:

    rule check_data:
        output:
            READY,
        params:
            root=lambda wildcards: DATA / wildcards.dataset,
        log:
            str(RUNS / "logs" / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: checking the images"
        shell:
            "mosaicreid data check {params.root:q} --dataset {wildcards.dataset} > {log:q} 2>&1 && cp {log:q} {output:q}"


rule shared:
    input:
        READY,
    output:
        SHARED + "/ready.txt",
    params:
        root=lambda wildcards: DATA / wildcards.dataset,
        code=TRAINING_CODE,
        settings=shared_settings(),
    threads: 1 if TINY else 4
    resources:
        gpu=0 if TINY else 1,
        mem_mb=4000 if TINY else 32000,
        runtime=60 if TINY else 1440,
    log:
        str(RUNS / "logs" / "{dataset}.shared.seed{seed}.log"),
    message:
        "{wildcards.dataset}: stages that all runs of seed {wildcards.seed} share"
    shell:
        "mosaicreid train baseline --dataset {wildcards.dataset} --root {params.root:q} --runs {RUNS:q}"
        " --profile {PROFILE} --seed {wildcards.seed} > {log:q} 2>&1 && touch {output:q}"


rule run:
    input:
        SHARED + "/ready.txt",
    output:
        RUN + "/metrics.json",
        RUN + "/per_query.parquet",
        notebook=RUN + "/notebook.ipynb",
    params:
        root=lambda wildcards: DATA / wildcards.dataset,
        configuration=configuration_of,
        settings=settings_of,
        profile=str(SETTINGS.to_dict()),
        code=TRAINING_CODE,
        failed=str(RUNS / "failed" / "{dataset}.{name}.seed{seed}.txt"),
    threads: 1 if TINY else 4
    resources:
        gpu=0 if TINY else 1,
        mem_mb=4000 if TINY else 32000,
        runtime=30 if TINY else 1440,
    log:
        str(RUNS / "logs" / "{dataset}.{name}.seed{seed}.log"),
    message:
        "{wildcards.dataset}: {wildcards.name}, seed {wildcards.seed}"
    shell:
        "rm -f {params.failed:q}; papermill notebooks/train.ipynb {output.notebook:q} -k python3 --no-progress-bar"
        " -p dataset {wildcards.dataset} -r root {params.root:q} -r runs {RUNS:q} -p profile {PROFILE}"
        " -r configuration {params.configuration:q} -p seed {wildcards.seed} -r settings {params.settings:q}"
        " > {log:q} 2>&1 || {{ mkdir -p {RUNS:q}/failed; "
        "echo 'failed: {wildcards.dataset} {wildcards.name} seed {wildcards.seed}: see {log}' > {params.failed:q}; exit 1; }}"


rule analyse:
    input:
        FINISHED,
    output:
        touch(str(RUNS / "analysed.txt")),
    params:
        code=code_fingerprint(sorted(PACKAGE.glob("*.py"))),
        datasets=" ".join(DATASETS),
        variants=" ".join(VARIANTS_ON),
    log:
        str(RUNS / "logs" / "analysis.log"),
    message:
        "tables and figures of all runs"
    shell:
        "mosaicreid experiment --runs {RUNS:q} --data {DATA:q} --results {RESULTS:q} --datasets {params.datasets}"
        " --variants {params.variants} --profile {PROFILE} > {log:q} 2>&1"
