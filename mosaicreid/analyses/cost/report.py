"""What the command ``cost`` says: measured and counted costs of a sweep as tables."""

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from mosaicreid.analyses.cost import counted
from mosaicreid.analyses.cost.measure import measure, with_random_weights
from mosaicreid.analyses.cost.totals import Work, disk_bytes, hours
from mosaicreid.config.settings import Config
from mosaicreid.data.folders import read_dataset
from mosaicreid.datasets import get_dataset
from mosaicreid.datasets.definition import Counts, FolderDataset
from mosaicreid.errors import InputError
from mosaicreid.models.build import build_models
from mosaicreid.results import columns_first
from mosaicreid.sweep.request import read_sweep

# What a row of ``measured`` was measured with.
COMBINATION = ["precision", "batch_size", "compiled"]


def work_of(dataset: str, *, seeds: int, root: str = "") -> Work:
    """What a sweep with ``seeds`` seeds asks of one dataset: its published numbers of images, or those below ``root``.

    Raises:
        InputError: unknown dataset, one of the user's own without ``root``, fewer than one seed.
    """
    if not 1 <= seeds <= 1000:
        raise InputError(f"got {seeds} seeds; expected 1 to 1000")
    definition = get_dataset(dataset)
    if root:
        data = read_dataset(definition, Path(root))
        images: Mapping[str, Counts] = {split: getattr(data, split).counts() for split in ("train", "query", "gallery")}
    elif isinstance(definition, FolderDataset):
        images = definition.counts
    else:
        raise InputError(f"{dataset} has no published numbers of images; expected --root, the dataset's folder")
    sweep = read_sweep({"profile": "paper", "datasets": dataset})
    configurations = [variant.configuration for variant in sweep.variants(dataset).values()]
    return Work(images=images, configurations=configurations, seeds=seeds)


def measured(
    config: Config, *, batch_sizes: Sequence[int], precisions: Sequence[str], compiled: Sequence[bool], steps: int
) -> pd.DataFrame:
    """``measure`` at every precision and batch size, compiled or not.

    Columns: precision, batch_size, compiled (0/1), stage, fits (0/1), and those of ``measure``.

    What does not fit into the device's memory is a row with ``fits`` 0. Errors otherwise as ``measure``.
    """
    frames = []
    for precision, size, compiling in product(precisions, batch_sizes, compiled):
        chosen = replace(
            config,
            data=replace(config.data, batch_size=size),
            runtime=replace(config.runtime, precision=precision, compile=compiling),  # type: ignore[arg-type]
        )
        # Built once more, which refuses an unknown precision.
        checked = Config.from_dict(chosen.to_dict())
        try:
            table = measure(checked, steps=steps).assign(fits=1)
        except torch.OutOfMemoryError:
            table = pd.DataFrame([{"stage": "experts", "fits": 0}])
        table = table.assign(precision=precision, batch_size=size, compiled=int(compiling))
        frames.append(columns_first(table, *COMBINATION, "stage", "fits"))
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return pd.concat(frames, ignore_index=True)


def best(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the combination that trains experts fastest, of those that fit.

    Raises:
        InputError: none fits.
    """
    fitting = table[(table["fits"] == 1) & (table["stage"] == "experts")]
    if fitting.empty:
        raise InputError("nothing of what was tried fits into the device's memory; expected smaller --batch-sizes")
    fastest = fitting.sort_values("images_per_second").iloc[-1]
    return table[(table[COMBINATION] == fastest[COMBINATION]).all(axis=1)]


def sweep_hours(speeds: Mapping[str, float], config: Config, works: Mapping[str, Work]) -> pd.DataFrame:
    """``hours`` of every dataset, with the column dataset, and the total as a last row."""
    tables = [
        hours(speeds, replace(config, data=replace(config.data, dataset=dataset)), work).assign(dataset=dataset)
        for dataset, work in works.items()
    ]
    table = pd.concat(tables, ignore_index=True)[["dataset", "part", "times", "hours_each", "hours"]]
    total = {"dataset": "all", "part": "total", "hours": table["hours"].sum()}
    return pd.concat([table, pd.DataFrame([total])], ignore_index=True)


def sweep_disk(config: Config, works: Mapping[str, Work]) -> pd.DataFrame:
    """``disk_bytes`` of every dataset: dataset, what, bytes."""
    rows = []
    for dataset, work in works.items():
        chosen = with_random_weights(replace(config, data=replace(config.data, dataset=dataset)))
        models = build_models(chosen, identities=work.images["train"].identities, cameras=1)
        kept = disk_bytes(replace(chosen, model=config.model), models, work)
        rows += [{"dataset": dataset, "what": what, "bytes": size} for what, size in kept.items()]
    return pd.DataFrame(rows)


def estimates(config: Config, works: Mapping[str, Work]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counted operations by stage, and what follows for some cards: card, peak_flops, share, dataset, part, hours.

    ``share`` of the peak is assumed; see ``counted``.
    """
    operations = counted.operations(with_random_weights(config))
    tables: Iterable[pd.DataFrame] = (
        sweep_hours(counted.speeds_of(operations, peak), config, works).assign(
            card=card, peak_flops=peak, share=counted.SHARE
        )
        for card, peak in counted.PEAKS.items()
    )
    return operations, pd.concat(list(tables), ignore_index=True)
