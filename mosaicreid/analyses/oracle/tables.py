"""Tables of the controls for the oracle: how each retrieves, and how the gain over the baseline splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.oracle.parts import read_part
from mosaicreid.errors import InputError, one_of
from mosaicreid.results import columns_first
from mosaicreid.statistics.bootstrap import paired_mean
from mosaicreid.statistics.panel import require_columns

BASELINE = "baseline"
_MEASURES = {"ap": "average precision", "hit": "a hit at rank 1"}

# Each split writes oracle - baseline as two steps through a control: (split, control in between).
SPLITS = (
    ("fusion", "fusion"),
    ("fusion-crossfit", "fusion-crossfit"),
    ("fusion-best", "fusion-best"),
    ("permuted-trained", "permuted-trained"),
    ("permuted-people", "permuted-people"),
    ("predicted", "predicted"),
    ("distractors-lent", "distractors-lent"),
)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What every control answers the same queries with, in all seeds.

    ``points``: (control, level) -> (S, Q) average precision, or hits at rank 1, 0..100; the look-alike controls answer
    fewer queries. ``pids``: (control, level) -> (Q,); ``seeds``: S numbers.
    """

    points: dict[tuple[str, float], NDArray[np.float64]]
    pids: dict[tuple[str, float], NDArray[np.int64]]
    seeds: tuple[int, ...]

    def get(self, control: str, level: float = 0.0) -> NDArray[np.float64]:
        """(S, Q) points; InputError where the control was not run."""
        if (control, level) not in self.points:
            raise one_of("control", f"{control} {level:g}", [f"{name} {value:g}" for name, value in self.points])
        return self.points[control, level]


def arrange(per_query: pd.DataFrame, *, measure: Literal["ap", "hit"] = "ap") -> Answers:
    """Check the answers of all controls and seeds and arrange them for pairing.

    Args:
        per_query: columns control, level, seed, query, pid, and ``measure``, 0..1. measure: ``ap``, whose mean is mAP,
            or ``hit``, whose mean is Rank-1.

    Raises:
        InputError: a column is missing; no rows or seeds; a measure outside 0..1 or equal everywhere; only one
            control, no baseline; a control that lacks a seed or a query, or one query or identity only.
    """
    require_columns(per_query, ["control", "level", "seed", "query", "pid", measure], "table of controls")
    values = per_query[measure].to_numpy(float)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        got = f"values from {values.min()} to {values.max()}" if len(values) else "no rows, so no seeds"
        raise InputError(f"{_MEASURES[measure]} must be in 0..1 for every control and query; got {got}")
    if values.min() == values.max():
        raise InputError(
            f"{_MEASURES[measure]} is {values[0]:g} for every control and query; there is nothing to compare"
        )
    seeds = tuple(sorted(per_query["seed"].unique().tolist()))
    points: dict[tuple[str, float], NDArray[np.float64]] = {}
    pids: dict[tuple[str, float], NDArray[np.int64]] = {}
    for _, rows in per_query.groupby(["control", "level"], sort=False):
        control, level = str(rows["control"].iloc[0]), float(rows["level"].iloc[0])
        table = rows.pivot_table(index="seed", columns="query", values=measure, aggfunc=["size", "mean"])
        complete = table["size"].reindex(index=list(seeds)).eq(1).to_numpy().all()
        if not complete:
            raise InputError(
                f"control {control!r} at level {level:g} lacks a seed or query, or has one twice; expected each of "
                f"{table['size'].shape[1]} queries once in seeds {', '.join(map(str, seeds))}"
            )
        points[control, level] = 100 * table["mean"].to_numpy()
        pids[control, level] = rows.groupby("query")["pid"].first().to_numpy(np.int64)
    if len(points) < 2 or (BASELINE, 0.0) not in points:
        names = ", ".join(sorted({control for control, _ in points}))
        raise InputError(f"got the controls {names}; expected {BASELINE!r} and at least one to compare with it")
    if len(pids[BASELINE, 0.0]) < 2:
        raise InputError("got 1 query, expected at least 2: there is nothing to average over")
    return Answers(points=points, pids=pids, seeds=seeds)


def control_table(answers: Answers, *, metric: str = "mAP") -> pd.DataFrame:
    """A row per control and level: control, level, ``metric`` (percent), ci_low, ci_high, difference to the baseline on
    the same queries (points) with difference_low and difference_high, queries, identities, seeds.

    Intervals are at 95 %, over identities and seeds. Look-alike controls are compared with ``alike-baseline``.
    """
    rows = []
    for (control, level), points in answers.points.items():
        pids = answers.pids[control, level]
        reference = answers.get("alike-baseline" if control.startswith("alike-") else BASELINE)
        mean, low, high = paired_mean(points, pids)
        difference, difference_low, difference_high = paired_mean(points - reference, pids)
        rows.append(
            {
                "control": control,
                "level": level,
                metric: mean,
                "ci_low": low,
                "ci_high": high,
                "difference": difference,
                "difference_low": difference_low,
                "difference_high": difference_high,
                "queries": len(pids),
                "identities": len(np.unique(pids)),
                "seeds": len(answers.seeds),
            }
        )
    return pd.DataFrame(rows)


def split_table(answers: Answers) -> pd.DataFrame:
    """How ``oracle - baseline`` divides: split, part, minuend, subtrahend, points with ci_low and ci_high, and share.

    ``gain``/``whole`` is the gain itself; every split through a control has the parts ``to control`` (control -
    baseline) and ``from control`` (oracle - control), which add up to the gain; ``given-labels``/``whole`` is what
    experts add where label agreement is added to both scores; ``look-alikes``/``whole`` is the gain among equal
    attribute vectors, on its own queries. ``share`` is of the whole gain, NaN where its interval holds 0.
    """
    steps = [("gain", "whole", "oracle", BASELINE)]
    for split, control in SPLITS:
        if (control, 0.0) in answers.points:
            steps += [(split, "to control", control, BASELINE), (split, "from control", "oracle", control)]
    if ("oracle-fusion-crossfit", 0.0) in answers.points:
        steps.append(("given-labels", "whole", "oracle-fusion-crossfit", "fusion-crossfit"))
    if ("alike-oracle", 0.0) in answers.points:
        steps.append(("look-alikes", "whole", "alike-oracle", "alike-baseline"))
    rows = []
    for split, part, minuend, subtrahend in steps:
        pids = answers.pids[minuend, 0.0]
        points, low, high = paired_mean(answers.get(minuend) - answers.get(subtrahend), pids)
        row = {"split": split, "part": part, "minuend": minuend, "subtrahend": subtrahend}
        rows.append(row | {"points": points, "ci_low": low, "ci_high": high, "queries": len(pids)})
    table = pd.DataFrame(rows)
    gain = table.iloc[0]
    certain = gain["ci_low"] > 0 or gain["ci_high"] < 0
    comparable = table["split"] != "look-alikes"
    table["share"] = np.where(comparable & certain, table["points"] / gain["points"], np.nan)
    return table


def head_table(heads: pd.DataFrame) -> pd.DataFrame:
    """Per attribute, means over seeds: images, accuracy, accuracy_sd (over seeds, NaN for one), majority,
    calibration_error, unread_bits, unread_sd (over seeds), gain (accuracy less majority); shares but for images and
    bits."""
    grouped = heads.groupby("attribute", sort=False)
    table = grouped[["images", "accuracy", "majority", "calibration_error", "unread_bits"]].mean()
    table.insert(2, "accuracy_sd", grouped["accuracy"].std(ddof=1))
    table["unread_sd"] = grouped["unread_bits"].std(ddof=1)
    return table.assign(gain=table["accuracy"] - table["majority"], images=table["images"].astype(int)).reset_index()


def oracle_tables(runs: Path, *, datasets: Sequence[str], seeds: Sequence[int]) -> dict[str, pd.DataFrame]:
    """``controls``, ``split``, ``heads`` and ``weights`` of all datasets, from what ``run_oracle`` left in ``runs``.

    ``rank1_controls`` and ``rank1_split`` are the same of Rank-1, where mAP is spoken of.

    Raises:
        InputError: as ``read_part`` and ``arrange``.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for dataset in datasets:
        per_query = read_part(runs, dataset=dataset, seeds=seeds, part="controls")
        answers = arrange(per_query)
        of_dataset = {
            "controls": control_table(answers),
            "split": split_table(answers),
            "heads": head_table(read_part(runs, dataset=dataset, seeds=seeds, part="heads")),
            "weights": read_part(runs, dataset=dataset, seeds=seeds, part="weights").drop(columns="gallery"),
        }
        # Where every query, or none, has a match at rank 1 under all controls, there is nothing to compare.
        if 0 < per_query["hit"].mean() < 1:
            first = arrange(per_query, measure="hit")
            of_dataset["rank1_controls"] = control_table(first, metric="rank1")
            of_dataset["rank1_split"] = split_table(first)
        for name, table in of_dataset.items():
            tables.setdefault(name, []).append(columns_first(table.assign(dataset=dataset), "dataset"))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
