"""The stages that runs share, and every run: a configuration and a seed, as an executed notebook."""


SHARED_STAGES = ("pretrain", "prompts", "baseline")


localrules:
    training_code,


rule training_code:
    output:
        TRAINING_CODE,
    params:
        code=code_fingerprint("mosaicreid.training.shared"),
    priority: FIRST["data"]
    message:
        "the code that trains has changed, or is new here"
    shell:
        "echo {params.code:q} > {output:q}"


rule shared:
    input:
        data=CHECKED_DATA,
        code=TRAINING_CODE,
    output:
        SHARED + "/ready.txt",
    params:
        root=data_folder,
        folder=SHARED,
        settings=option("--set", format_settings(SWEEP.shared_settings())),
        depends_on=depends_on(*SHARED_STAGES),
        made_for=fingerprint(depends_on(*SHARED_STAGES)),
    priority: FIRST["shared"]
    threads: THREADS
    resources:
        **RESOURCES,
    log:
        str(LOGS / "{dataset}.shared.seed{seed}.log"),
    message:
        "{wildcards.dataset}: what all runs of seed {wildcards.seed} share"
    shell:
        # An interrupted stage goes on from its checkpoint, unless the code is newer. A checkpoint knows its data itself.
        reported(
            "find {params.folder:q} -maxdepth 1 '(' -name pretrain.pt -o -name prompts.pt -o -name baseline.pt ')'"
            " ! -newer {input.code:q} -delete; "
            + ON_CARD
            + "mosaicreid train baseline --dataset {wildcards.dataset:q} --root {params.root:q} --runs {RUNS:q}"
            " --profile {SWEEP.profile:q} --seed {wildcards.seed:q} {CACHE:q} {params.settings:q} > {log:q} 2>&1"
            " && {{ cksum {params.folder:q}/*.pt && echo {params.made_for}; }} > {output:q}"
            " && echo {wildcards.dataset:q} shared stages, seed {wildcards.seed:q}: $SECONDS s"
        )


rule run:
    input:
        shared=SHARED + "/ready.txt",
        code=TRAINING_CODE,
    output:
        metrics=RUN + "/metrics.json",
        per_query=RUN + "/per_query.parquet",
        notebook=RUN + "/notebook.ipynb",
    params:
        root=data_folder,
        folder=RUN,
        configuration=lambda wildcards: SWEEP.variant(wildcards.dataset, wildcards.name).configuration,
        settings=lambda wildcards: option(
            "-r", "settings", format_settings(SWEEP.settings_of(wildcards.dataset, wildcards.name))
        ),
        depends_on=depends_on("experts"),
        code=code_fingerprint("mosaicreid.training.run", notebook=Path("notebooks/train.ipynb")),
    # The controls start from the run with all attributes.
    priority: lambda wildcards: FIRST["controls" if wildcards.name == "all" else "run"]
    threads: THREADS
    resources:
        **RESOURCES,
    log:
        str(LOGS / "{dataset}.{name}.seed{seed}.log"),
    message:
        "{wildcards.dataset}: {wildcards.name}, seed {wildcards.seed}"
    shell:
        reported(
            "find {params.folder:q} -maxdepth 1 -name experts.pt ! -newer {input.code:q} -delete; "
            + ON_CARD
            + "papermill notebooks/train.ipynb {output.notebook:q} -k python3 --no-progress-bar"
            " -r dataset {wildcards.dataset:q} -r root {params.root:q} -r runs {RUNS:q} -r profile {SWEEP.profile:q}"
            " -r configuration {params.configuration:q} -p seed {wildcards.seed:q} {NOTEBOOK_CACHE:q} {params.settings:q}"
            " > {log:q} 2>&1"
            " && echo {wildcards.dataset:q} {wildcards.name:q} seed {wildcards.seed:q}: $SECONDS s"
        )
