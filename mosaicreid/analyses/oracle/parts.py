"""Where the controls of one dataset and seed lie beside its runs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mosaicreid.attributes import Schema
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.tables import COUNT, MARK, NUMBER, PERCENT, SHARE, Column, read_columns

# In the order of writing: where the last is there, all are.
PARTS = ("heads", "weights", "attributes", "clusters", "controls")

# Every control that ``controls.run_controls`` has rows of.
CONTROL_NAMES = (
    *("baseline", "oracle", "labels", "predicted", "fusion", "fusion-crossfit", "fusion-best"),
    *("oracle-fusion-crossfit", "permuted-people", "permuted-images", "permuted-trained", "distractors-lent"),
    *("noise-query", "noise-gallery", "noise-both", "alike-baseline", "alike-oracle"),
)
# The games' players that are no attribute: the worth of no expert and of all.
NONE, ALL = "(none)", "(all)"

_POSITIVE = Column(kind="whole", least=1, most=2**53)
_NUMBERED = {"seed": COUNT, "gallery": _POSITIVE}
_VALUES = {
    **{"query": COUNT, "pid": Column(kind="whole", least=-(2**53), most=2**53)},
    **dict.fromkeys(("value", "rank1_value"), Column(kind="number", least=-100, most=100)),
    **dict.fromkeys(("sampling_half", "rank1_sampling_half"), Column(kind="number", least=0)),
}
_KEYS = {
    **{"heads": ("attribute",), "weights": ("weight",), "attributes": ("player", "query")},
    **{"clusters": ("player", "query"), "controls": ("control", "level", "query")},
}


def partition(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Each attribute in its own cluster, unlike ``Schema.clusters``, whose ``extrinsic`` unites the others."""
    return {
        cluster: tuple(group.name for group in schema.groups if group.cluster == cluster)
        for cluster in dict.fromkeys(group.cluster for group in schema.groups)
    }


def part_path(runs: Path, *, dataset: str, seed: int, part: str) -> Path:
    """Where ``run_oracle`` leaves one of ``PARTS``."""
    return Path(runs) / dataset / "_oracle" / f"seed{seed}" / f"{part}.parquet"


def permuted_path(runs: Path, *, dataset: str, seed: int) -> Path:
    """Where the experts lie that are trained on permuted labels."""
    return Path(runs) / dataset / "_oracle" / f"seed{seed}" / "permuted" / "experts.pt"


def read_part(runs: Path, *, dataset: str, seeds: Sequence[int], part: str) -> pd.DataFrame:
    """What ``run_oracle`` left of one part, all seeds in one table.

    Raises:
        InputError: no seeds, or one twice; a file that is missing, damaged or of another seed, or lacks a column; a
            value of another type or outside its range, a control, attribute or cluster that there is not, a row twice,
            a query of several identities, or an attribute or cluster without a row.
    """
    if not seeds:
        raise InputError(f"got no seeds of {dataset}, expected at least one")
    if len(set(seeds)) < len(seeds):
        raise InputError(f"got the seeds {', '.join(map(str, seeds))}; expected each once")
    columns = _columns(get_schema(dataset), part)
    frames = []
    for seed in seeds:
        path = part_path(runs, dataset=dataset, seed=seed, part=part)
        if not path.is_file():
            raise InputError(f"no {path}; `mosaicreid oracle run --dataset {dataset} --seed {seed}` writes it")
        frame = read_columns(path, columns, key=_KEYS[part])
        if (frame["seed"] != seed).any():
            raise InputError(f"{path} is of seed {frame['seed'].iloc[0]}; expected {seed}: likely cause: it was copied")
        absent = [name for name in columns[_KEYS[part][0]].among if name not in set(frame[_KEYS[part][0]])]
        if absent and part != "controls":
            raise InputError(f"{path} has no rows of {', '.join(absent)}; likely cause: it was cut short")
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    if "pid" in table:
        several = table.groupby("query")["pid"].nunique()
        if several.max() > 1:
            raise InputError(
                f"{path.parent.parent}: query {several.idxmax()} is of {several.max()} identities in {part}.parquet; "
                "expected one in all rows and seeds: likely cause: the images changed between runs"
            )
    return table


def _columns(schema: Schema, part: str) -> dict[str, Column]:
    """What a part's file holds."""
    name = Column(kind="text", among=schema.attributes)
    if part == "heads":
        share = Column(kind="number", least=0, most=1, missing=True)
        bits = Column(kind="number", least=0, missing=True)
        shares = dict.fromkeys(("accuracy", "majority", "calibration_error"), share)
        return _NUMBERED | {"attribute": name, "images": COUNT, **shares, "unread_bits": bits}
    if part == "weights":
        scores = {"train_mAP": PERCENT, "test_mAP": PERCENT}
        chosen = {"chosen_train": MARK, "chosen_best": MARK, "chosen_crossfit": SHARE}
        return _NUMBERED | {"weight": NUMBER} | scores | chosen
    if part == "controls":
        control = Column(kind="text", among=CONTROL_NAMES)
        return _NUMBERED | {
            "control": control,
            "level": SHARE,
            "query": COUNT,
            "pid": _VALUES["pid"],
            "ap": SHARE,
            "hit": MARK,
        }
    if part == "clusters":
        clusters = tuple(partition(schema))
        return _NUMBERED | _VALUES | {"player": Column(kind="text", among=clusters)}
    return (
        _NUMBERED | _VALUES | {"player": Column(kind="text", among=(*schema.attributes, NONE, ALL)), "pairs": _POSITIVE}
    )
