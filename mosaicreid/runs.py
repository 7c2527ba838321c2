"""A run's folder, ``runs/<dataset>/<name>/seed<k>/``: written so that a half-finished one shows, read, and collected.

``config.json`` (settings, versions, commit, device), ``history.csv`` (a row per epoch), ``per_query.parquet`` (average
precision of every query) and ``metrics.json``, which is written last: a folder without it is not a finished run.
"""

import dataclasses
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from mosaicreid.agreement import check_scores
from mosaicreid.config.inclusion import indicators
from mosaicreid.config.profiles import PROFILES
from mosaicreid.config.settings import STAGES, Config
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.names.shown import cost_title
from mosaicreid.names.terms import COLUMNS
from mosaicreid.records import Record, read_record
from mosaicreid.tables import NUMBER, Column, read_columns, read_table

SCORES = ("mAP", "rank1", "rank5", "rank10", "mINP")
# Prefixes of the variables that change the order of sums, precision or determinism.
_VARIABLES = (
    *("OMP_", "MKL_", "OPENBLAS_", "ONEDNN_", "DNNL_", "ATEN_", "KMP_", "GOMP_", "NUMEXPR_", "VECLIB_"),
    *("CUBLAS_", "CUDNN_", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32", "PYTORCH_", "TORCH_"),
)
_PACKAGES = (
    *("mosaicreid", "numpy", "torch", "torchvision", "open_clip_torch", "timm", "accelerate", "peft", "scikit-learn"),
)


Fraction = Annotated[float, Field(ge=0, le=1)]
# The unit is the last word, which also keeps a cost from taking the place of a score or a setting.
CostName = Annotated[str, Field(pattern=r"^[a-z0-9_]+_(seconds|per_second|bytes|parameters)$")]

_HISTORY = {
    "stage": Column(kind="text", among=STAGES),
    "epoch": Column(kind="whole", least=1, most=1e6),
    "loss": NUMBER,
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run: its folder, settings, scores (fractions), cost, and tables."""

    folder: Path
    config: Config
    environment: dict[str, Any]
    scores: dict[str, float]
    cost: dict[str, float]
    per_query: pd.DataFrame
    history: pd.DataFrame

    def score_table(self) -> pd.DataFrame:
        """The scores in percent, to one decimal as papers print them, by their names in print."""
        return pd.DataFrame([{COLUMNS[score]: round(100 * self.scores[score], 1) for score in SCORES}])

    def cost_table(self) -> pd.DataFrame:
        """What the run took: seconds, bytes and counts by name."""
        titles = [cost_title(name) for name in self.cost]
        return pd.DataFrame(
            {COLUMNS["cost"]: titles, COLUMNS["value"]: [float(f"{v:.4g}") for v in self.cost.values()]}
        )


class _Scores(Record):
    mAP: Fraction
    rank1: Fraction
    rank5: Fraction
    rank10: Fraction
    mINP: Fraction


class _Metrics(Record):
    scores: _Scores
    cost: dict[CostName, Annotated[float, Field(ge=0)]]


class _Description(Record):
    config: dict[str, Any]
    environment: dict[str, Any]


def run_folder(root: Path, *, dataset: str, name: str, seed: int) -> Path:
    """Where the run ``name`` (``all``, ``all@rank=4``) of one seed lives below ``root``."""
    return Path(root) / dataset / name / f"seed{seed}"


def shared_folder(root: Path, *, dataset: str, seed: int) -> Path:
    """Where the checkpoints lie that all runs of one dataset and seed share."""
    return Path(root) / dataset / "_shared" / f"seed{seed}"


def run_name(config: Config) -> str:
    """The name of a run: its inclusion set, and after ``@`` what differs from its profile's experts, or is ``named``.

    ``all``, ``hat``, ``all@rank=4``, ``all@heads=fresh,start=clip``, ``all@i2t_weight=0.0``.
    """
    usual = dataclasses.asdict(PROFILES[config.profile].experts)
    chosen = dataclasses.asdict(config.experts)
    configuration = chosen.pop("configuration")
    parts = [f"{name}={value}" for name, value in chosen.items() if value != usual[name]]
    parts += [f"{name.rpartition('.')[2]}={config.value(name)}" for name in config.named]
    label = ",".join(sorted(parts))
    return f"{configuration}@{label}" if label else configuration


def environment(*, device: str, instructions: str) -> dict[str, Any]:
    """What a run's numbers may depend on besides its settings: versions, commit, machine, ``device``, the processor's
    ``instructions``, and variables by which the libraries choose how to compute."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "machine": platform.machine(),
        "system": platform.system(),
        "device": device,
        "instructions": instructions,
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)},
    }


def mark_unfinished(folder: Path) -> None:
    """Take back that a run is finished: while it is written again, its files do not belong together."""
    (Path(folder) / "metrics.json").unlink(missing_ok=True)


def write_run(
    folder: Path,
    *,
    config: Config,
    environment: Mapping[str, Any],
    scores: Mapping[str, float],
    cost: Mapping[str, float],
    per_query: pd.DataFrame,
    history: pd.DataFrame,
) -> None:
    """Write a finished run into ``folder``, every file whole or not at all, ``metrics.json`` last.

    Args:
        scores: mAP, rank1, rank5, rank10 and mINP as fractions.
        cost: seconds, bytes and counts, by name with the unit as the last word (``experts_seconds``).
        per_query: a row per query: query, pid, camid, ap, rank.
        history: a row per epoch.

    Raises:
        InputError: a score is missing.
    """
    missing = [score for score in SCORES if score not in scores]
    if missing:
        raise InputError(f"the run has no score named {', '.join(missing)}")
    folder = Path(folder)
    mark_unfinished(folder)
    _write_json(folder / "config.json", {"config": config.to_dict(), "environment": dict(environment)})
    with atomic_path(folder / "per_query.parquet") as temporary:
        per_query.to_parquet(temporary, index=False)
    with atomic_path(folder / "history.csv") as temporary:
        history.to_csv(temporary, index=False, lineterminator="\n")
    _write_json(folder / "metrics.json", {"scores": dict(scores), "cost": dict(cost)})


def read_run(folder: Path) -> Run:
    """Read what ``write_run`` wrote.

    Raises:
        InputError: no finished run in ``folder``, a file that cannot be read, or a folder whose place does not agree
            with the run's own dataset, name and seed.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json; not the folder of a run")
    if not (folder / "metrics.json").is_file():
        raise InputError(f"{folder}: no metrics.json; the run did not finish")
    try:
        described = read_record(folder / "config.json", _Description)
        measured = read_record(folder / "metrics.json", _Metrics)
        run = Run(
            folder=folder,
            config=Config.from_dict(described.config),
            environment=described.environment,
            scores=measured.scores.model_dump(),
            cost=dict(measured.cost),
            per_query=read_columns(folder / "per_query.parquet", {}),
            history=read_table(folder / "history.csv", _HISTORY, key=("stage", "epoch")),
        )
        check_scores(run.scores, run.per_query)
    except InputError as error:
        raise InputError(f"{folder}: not a run that can be read: {error}") from error
    config = run.config
    place = run_folder(Path(), dataset=config.data.dataset, name=run_name(config), seed=config.seed).parts
    if folder.absolute().parts[-3:] != place:
        raise InputError(f"{folder}: holds the run {'/'.join(place)}; it was moved, or copied from another sweep")
    return run


def collect(root: Path, *, dataset: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Every finished run of ``dataset`` below ``root`` in one table, and why each other folder was skipped.

    Returns:
        A row per run, sorted by configuration, variant and seed: dataset, configuration, variant (empty for a row of
        Table 3), seed, a 0/1 column per attribute of the schema, the scores in percent, the settings of the experts,
        and the run's cost; and a dictionary from skipped folder to reason. Names that start with ``_`` (shared
        checkpoints) are not runs.

    Raises:
        InputError: unknown ``dataset``, or ``root`` has no folder for it.
    """
    get_schema(dataset)
    if not (Path(root) / dataset).is_dir():
        raise InputError(f"no runs of {dataset} in {root}; expected a folder named {dataset} there")
    rows, skipped = [], {}
    for folder in sorted((Path(root) / dataset).glob("[!_.]*/*")):
        if not folder.is_dir():
            continue
        try:
            rows.append(_row(read_run(folder)))
        except InputError as error:
            skipped[str(folder)] = str(error)
    if not rows:
        return pd.DataFrame(), skipped
    return pd.DataFrame(rows).sort_values(["configuration", "variant", "seed"], ignore_index=True), skipped


def _row(run: Run) -> dict[str, Any]:
    settings, dataset = dataclasses.asdict(run.config.experts), run.config.data.dataset
    configuration = settings.pop("configuration")
    return {
        "dataset": dataset,
        "configuration": configuration,
        "variant": run_name(run.config).partition("@")[2],
        "seed": run.config.seed,
        **indicators(configuration, run.config.schema),
        **{score: 100 * value for score, value in run.scores.items()},
        "profile": run.config.profile,
        **settings,
        **run.cost,
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _commit() -> str:
    """The commit of the checkout that this package runs from, ``-dirty`` if changed; ``unknown`` outside git."""
    try:
        shown = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return shown.stdout.strip()
