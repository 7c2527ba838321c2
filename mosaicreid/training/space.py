"""Room on the disks for what a run writes, asked for before its first byte."""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from mosaicreid.config.settings import Config
from mosaicreid.data.cache import missing_bytes
from mosaicreid.data.folders import ReidData
from mosaicreid.files import check_space
from mosaicreid.models.build import HEADS, Models
from mosaicreid.models.prompts import text_tower
from mosaicreid.runs import run_folder, run_name, shared_folder

_FLOAT = 4
# Tables, settings and the executed notebook with its pictures; per query a row of the table.
_FILES = 4 * 2**20
_ROW = 64
# CLIP-ReID's learnt tokens per identity.
_TOKENS = 4


def checkpoint_bytes(parameters: Mapping[str, int]) -> int:
    """The most that the checkpoints of stages take on a disk at once, in bytes.

    Args:
        parameters: by stage, how many numbers it trains, each float32. An unfinished stage keeps two more for each,
            Adam's moments, and there are two such files while one takes the place of the other; a finished stage keeps
            the numbers alone.
    """
    largest = max(parameters.values(), default=0)
    return _FLOAT * (sum(parameters.values()) + 5 * largest)


def trained_parameters(config: Config, models: Models, *, identities: int) -> dict[str, int]:
    """How many numbers each stage of a run trains, by its name, for the stages that the run has."""
    counts = {}
    if not config.model.clip_reid:
        if config.model.weights == "pretrain":
            counts["pretrain"] = _count(models.clip)
        if config.model.text == "tower":
            counts["prompts"] = identities * _TOKENS * text_tower(models.clip).token_embedding.embedding_dim
        counts["baseline"] = _count(models.baseline)
    if config.experts.longer:
        counts["experts"] = _count(models.baseline)
    if models.model.experts is not None:
        heads = () if config.experts.heads == "frozen" else HEADS
        counts["experts"] = sum(_count(getattr(models.model, name)) for name in ("experts", *heads))
    return counts


def check_room(config: Config, data: ReidData, models: Models, *, runs: Path, cache: Path) -> None:
    """Refuse a run whose folders cannot be written or whose disks lack the room for what is still to be written.

    ``runs`` is the folder of all runs, ``cache`` that of the decoded images. A stage that has a checkpoint already
    found its room before.

    Raises:
        InputError: the folder, with the bytes that are needed and those that are free.
    """
    shared = shared_folder(runs, dataset=config.data.dataset, seed=config.seed)
    run = run_folder(runs, dataset=config.data.dataset, name=run_name(config), seed=config.seed)
    identities = len(set(data.train.pids.tolist()))
    counts = trained_parameters(config, models, identities=identities)
    missing = {
        stage: count
        for stage, count in counts.items()
        if not ((run if stage == "experts" else shared) / f"{stage}.pt").exists()
    }
    own = {stage: missing.pop(stage) for stage in ("experts",) if stage in missing}
    exported = _FLOAT * _count(models.model.experts) if own and models.model.experts is not None else 0
    pixels = sum(
        missing_bytes(data.root, images, height=config.data.height, width=config.data.width, folder=cache)
        for images in (data.train, data.query, data.gallery)
    )
    run_files = checkpoint_bytes(own) + exported + _FILES + _ROW * len(data.query)
    check_space({shared: checkpoint_bytes(missing), run: run_files, cache: pixels})


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
