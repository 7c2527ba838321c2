"""Folders of a whole sweep as training would leave them, without training."""

from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.config.inclusion import indicators
from mosaicreid.config.profiles import PROFILES, make_config
from mosaicreid.datasets import get_schema
from mosaicreid.runs import run_folder, run_name, write_run
from mosaicreid.sweep.variants import Variant, ablations, last_k_variants, table3

DEPTH = 4
QUERIES = 12


def write_runs(root: Path, dataset: str, *, variants: bool = True, further: tuple[Variant, ...] = ()) -> Path:
    """Two seeds of every run of a sweep below ``root``, and of ``further``; AP grows with the number of attributes."""
    generator = np.random.default_rng(0)
    every = {name: Variant(configuration=name) for name in table3(dataset)}
    if variants:
        every = {variant.name: variant for variant in (*last_k_variants(DEPTH), *ablations(PROFILES["tiny"]))} | every
    every |= {variant.name: variant for variant in further}
    for variant in every.values():
        for seed in (0, 1):
            overrides = {"data.dataset": dataset, "experts.configuration": variant.configuration, "seed": seed}
            config = make_config("tiny", overrides | dict(variant.overrides))
            level = 0.5 + 0.02 * sum(indicators(variant.configuration, get_schema(dataset)).values())
            ap = np.clip(level + 0.05 * generator.standard_normal(QUERIES), 0, 1)
            ap[-1] = np.nan
            write_run(
                run_folder(root, dataset=dataset, name=run_name(config), seed=seed),
                config=config,
                environment={},
                scores={
                    "mAP": float(np.nanmean(ap)),
                    "rank1": float(np.clip(level + 0.01 * generator.standard_normal(), 0, 1)),
                    "rank5": 0.9,
                    "rank10": 0.9,
                    "mINP": 0.1,
                },
                cost={"baseline_seconds": 60.0, "experts_seconds": 30.0},
                per_query=pd.DataFrame(
                    {"query": range(QUERIES), "pid": np.arange(QUERIES) // 2, "camid": 1, "ap": ap, "rank": 1.05}
                ),
                history=pd.DataFrame({"stage": ["experts"], "epoch": [1], "loss": [1.0]}),
            )
    return root
