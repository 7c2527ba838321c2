"""Executed notebooks as pages of the book: a training run, and the statistics of the paper's table and of ours."""

HEADINGS = {"train": "Executed: train", "paper": "Executed: the paper's Table 3", "ours": "Executed: our Table 3"}
PAGES = [str(SWEEP.executed / f"{about}-{dataset}.ipynb") for dataset in DATASETS for about in SWEEP.pages(dataset)]


def executed_notebook(wildcards):
    if wildcards.about == "train":
        return RUN.format(dataset=wildcards.dataset, name="all", seed=SEEDS[0]) + "/notebook.ipynb"
    return str(RUNS / "notebooks" / f"{wildcards.about}-{wildcards.dataset}.ipynb")


def heading(wildcards):
    """Whose data a page shows: the paper's, a user's own, or a world that is drawn, which bears no dataset's name."""
    kind = GIVEN_DATA
    if wildcards.about != "paper":
        kind = SYNTHETIC if wildcards.dataset in DRAWN else data_kind(SWEEP.data / wildcards.dataset)
    return f"{HEADINGS[wildcards.about]}, {data_title(wildcards.dataset, kind)}"


def analysed_table(wildcards):
    return option("-r", "table", str(RESULTS / f"experiment_table3_{wildcards.dataset}.csv")) if wildcards.about == "ours" else []


localrules:
    statistics,
    executed,


rule statistics:
    input:
        lambda wildcards: [str(RUNS / "analysed.txt")] if wildcards.about == "ours" else [],
    output:
        str(RUNS / "notebooks" / "{about}-{dataset}.ipynb"),
    params:
        table=analysed_table,
        code=code_fingerprint("mosaicreid.analyses.importance.write", notebook=Path("notebooks/published.ipynb")),
    log:
        str(LOGS / "{about}-{dataset}.log"),
    message:
        "{wildcards.dataset}: the statistics of Table 3, {wildcards.about}"
    shell:
        reported(
            "papermill notebooks/published.ipynb {output:q} -k python3 --no-progress-bar"
            " -r dataset {wildcards.dataset:q} {params.table:q} > {log:q} 2>&1"
        )


rule executed:
    input:
        executed_notebook,
    output:
        str(SWEEP.executed / "{about}-{dataset}.ipynb"),
    params:
        title=heading,
        code=code_fingerprint("mosaicreid.sweep.notebooks"),
    message:
        "{wildcards.dataset}: an executed notebook as a page of the book"
    shell:
        "mosaicreid executed {input:q} {output:q} --title {params.title:q}"
