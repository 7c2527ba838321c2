"""The tables of a comparison of backbones, written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.analyses.backbones.compute import compare_backbones
from mosaicreid.results import Table, write_tables


def write_backbones(folders: Mapping[str, Path], results: Path, *, datasets: Sequence[str]) -> list[Path]:
    """Write ``backbones_attributes.csv`` and ``backbones_pairs.csv``, of all ``datasets``; arguments and errors as
    ``compare_backbones``."""
    found = [compare_backbones(folders, dataset) for dataset in datasets]
    attributes, pairs = (pd.concat(frames, ignore_index=True) for frames in zip(*found, strict=True))
    about = {"backbones": list(folders), "datasets": list(datasets)}
    return write_tables(
        {
            "backbones_attributes": Table(frame=attributes, parameters=about),
            "backbones_pairs": Table(frame=pairs, parameters=about),
        },
        Path(results),
    )
