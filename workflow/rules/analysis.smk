"""Tables and figures of all runs, the controls for the oracle, and the verdicts."""

# The paper's claims are about its datasets, beside each other.
JUDGED = set(PAPERS_DATASETS) <= set(DATASETS)
CONTROLS = str(RUNS / "{dataset}" / "_oracle" / "seed{seed}" / "controls.parquet")
# What the controls were made with.
EFFORT = str(RUNS / "{dataset}" / "_oracle" / "seed{seed}" / "effort.txt")


def effort():
    return f"--people {SWEEP.people} --orders {SWEEP.orders}"


localrules:
    analyse,
    paper_numbers,
    judge,


rule analyse:
    input:
        FINISHED,
    output:
        touch(str(RUNS / "analysed.txt")),
    params:
        code=code_fingerprint("mosaicreid.analyses.experiment.write"),
        datasets=DATASETS,
        variants=SWEEP.variants_on,
        seeds=SEEDS,
        results=str(RESULTS),
    priority: FIRST["analysis"]
    log:
        str(LOGS / "analysis.log"),
    message:
        "tables and figures of all runs"
    shell:
        reported(
            "mosaicreid experiment --runs {RUNS:q} --data {SWEEP.data:q} --results {RESULTS:q}"
            " --datasets {params.datasets:q} --variants {params.variants:q} --seeds {params.seeds:q}"
            " --profile {SWEEP.profile:q} > {log:q} 2>&1"
            " && echo tables and figures: $SECONDS s"
        )


rule paper_numbers:
    output:
        touch(str(RUNS / "paper_numbers.txt")),
    params:
        code=code_fingerprint("mosaicreid.analyses.paper.write"),
        results=str(RESULTS),
    priority: FIRST["analysis"]
    log:
        str(LOGS / "paper_numbers.log"),
    message:
        "the paper's numbers, recomputed from its tables"
    shell:
        reported("mosaicreid analyse --results {RESULTS:q} > {log:q} 2>&1 && tail -n 1 {log:q}")


rule oracle:
    input:
        metrics=RUN.format(dataset="{dataset}", name="all", seed="{seed}") + "/metrics.json",
        code=TRAINING_CODE,
    output:
        CONTROLS,
    params:
        root=data_folder,
        permuted=str(RUNS / "{dataset}" / "_oracle" / "seed{seed}" / "permuted"),
        effort=effort(),
        efforts=EFFORT,
        code=code_fingerprint("mosaicreid.analyses.oracle.compute"),
    priority: FIRST["controls"]
    threads: THREADS
    resources:
        **RESOURCES,
    log:
        str(LOGS / "{dataset}.oracle.seed{seed}.log"),
    message:
        "{wildcards.dataset}: controls for the oracle, seed {wildcards.seed}"
    shell:
        # What trains the experts on permuted labels goes on after an interruption, unless the code is newer.
        reported(
            "test ! -d {params.permuted:q} ||"
            " find {params.permuted:q} -maxdepth 1 -name experts.pt ! -newer {input.code:q} -delete; "
            + ON_CARD
            + "mosaicreid oracle run --dataset {wildcards.dataset:q} --seed {wildcards.seed:q} --root {params.root:q}"
            " --runs {RUNS:q} {params.effort} {CACHE:q} > {log:q} 2>&1"
            " && echo {params.effort:q} > {params.efforts:q}"
            " && echo {wildcards.dataset:q} controls seed {wildcards.seed:q}: $SECONDS s"
        )


rule judge:
    input:
        str(RUNS / "analysed.txt"),
        str(RUNS / "paper_numbers.txt"),
        [CONTROLS.format(dataset=dataset, seed=seed) for dataset in DATASETS for seed in SEEDS],
    output:
        touch(str(RUNS / "judged.txt")),
    params:
        code=code_fingerprint("mosaicreid.analyses.shapley.write", "mosaicreid.analyses.verdicts.write"),
        datasets=DATASETS,
        seeds=SEEDS,
        results=str(RESULTS),
    priority: FIRST["analysis"]
    log:
        str(LOGS / "verdicts.log"),
    message:
        "controls, Shapley values and verdicts"
    shell:
        reported(
            "mosaicreid oracle collect --runs {RUNS:q} --data {SWEEP.data:q} --results {RESULTS:q}"
            " --datasets {params.datasets:q} --seeds {params.seeds:q} > {log:q} 2>&1"
            + (" && mosaicreid verdicts --results {RESULTS:q} >> {log:q} 2>&1" if JUDGED else "")
        )
