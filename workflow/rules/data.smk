"""The images: a synthetic world for the tiny profile, or real ones, checked; a user's own dataset is always real."""

DRAWN = [dataset for dataset in DATASETS if TINY and dataset in WORLDS]
GIVEN = [dataset for dataset in DATASETS if dataset not in DRAWN]


if DRAWN:

    localrules:
        synthesize,

    rule synthesize:
        output:
            CHECKED_DATA,
        wildcard_constraints:
            dataset="|".join(DRAWN),
        params:
            root=data_folder,
            size=f"{SWEEP.settings.data.height}x{SWEEP.settings.data.width}",
            identities=SWEEP.identities,
            world=option("--world", SWEEP.world),
            code=code_fingerprint("mosaicreid.world.synthesize"),
        # All worlds at once: a job of two cores would wait until both are free, while the other world trains on one.
        threads: max(1, 2 // len(DRAWN))
        priority: FIRST["data"]
        log:
            str(LOGS / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: drawing the synthetic world"
        shell:
            # --replace draws anew what an earlier call drew, and refuses a folder of anybody else.
            reported(
                "mosaicreid data synthesize {params.root:q} --replace --like {wildcards.dataset:q}"
                " --identities {params.identities:q} --seed 0 --size {params.size:q} {params.world:q} --workers {threads}"
                " > {log:q} 2>&1"
                " && echo {params.code:q} | cat - {params.root:q}/synthetic.json > {output:q}"
                " && echo {wildcards.dataset:q} data: $SECONDS s"
            )


if GIVEN:

    localrules:
        check_data,

    rule check_data:
        output:
            CHECKED_DATA,
        wildcard_constraints:
            dataset="|".join(GIVEN),
        params:
            root=data_folder,
            state=lambda wildcards: data_state(SWEEP.data / wildcards.dataset),
        priority: FIRST["data"]
        log:
            str(LOGS / "{dataset}.data.log"),
        message:
            "{wildcards.dataset}: checking the images"
        shell:
            reported(
                "mosaicreid data check {params.root:q} --dataset {wildcards.dataset:q} > {log:q} 2>&1"
                " && cp {log:q} {output:q}"
            )
