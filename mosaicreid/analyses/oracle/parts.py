"""Where the controls of one dataset and seed lie beside its runs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.errors import InputError

# In the order of writing: where the last is there, all are.
PARTS = ("heads", "weights", "attributes", "clusters", "controls")


def part_path(runs: Path, *, dataset: str, seed: int, part: str) -> Path:
    """Where ``run_oracle`` leaves one of ``PARTS``."""
    return Path(runs) / dataset / "_oracle" / f"seed{seed}" / f"{part}.parquet"


def permuted_path(runs: Path, *, dataset: str, seed: int) -> Path:
    """Where the experts lie that are trained on permuted labels."""
    return Path(runs) / dataset / "_oracle" / f"seed{seed}" / "permuted" / "experts.pt"


def read_part(runs: Path, *, dataset: str, seeds: Sequence[int], part: str) -> pd.DataFrame:
    """What ``run_oracle`` left of one part, all seeds in one table.

    Raises:
        InputError: no seeds, or a file that is missing.
    """
    if not seeds:
        raise InputError(f"got no seeds of {dataset}, expected at least one")
    frames = []
    for seed in seeds:
        path = part_path(runs, dataset=dataset, seed=seed, part=part)
        if not path.is_file():
            raise InputError(f"no {path}; `mosaicreid oracle run --dataset {dataset} --seed {seed}` writes it")
        frames.append(pd.read_parquet(path))
    return pd.concat(frames, ignore_index=True)
