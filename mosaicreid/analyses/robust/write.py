"""The simulation study of the robust intervals, written; all other robust tables are a sweep's (``experiment``)."""

from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.results import write_results
from mosaicreid.statistics.coverage import PanelModel, coverage
from mosaicreid.statistics.inputs import seed_of


def write_coverage(results: Path, design: pd.DataFrame, *, replications: int, seed: int = 0) -> None:
    """Write ``robust_coverage.csv``: the simulation study with one and with three seeds on the given 0/1 design.

    Effects are drawn around one point of mAP, a third of them exactly zero.
    """
    generator = np.random.default_rng(seed_of(seed))
    matrix = design.to_numpy(float)
    effects = np.where(np.arange(matrix.shape[1]) % 3 == 0, 0.0, generator.normal(0.01, 0.005, matrix.shape[1]))
    beta = np.concatenate([[0.6], effects])
    frames = [
        coverage(PanelModel(seeds=seeds), matrix, beta, replications=replications, seed=seed).assign(seeds=seeds)
        for seeds in (1, 3)
    ]
    write_results(
        pd.concat(frames, ignore_index=True),
        Path(results) / "robust_coverage.csv",
        parameters={"replications": replications, "seed": seed},
    )
