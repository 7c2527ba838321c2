"""The worlds of this experiment as arrays: what is true of each, and what its configurations score in every way.

Ways (``METHODS``): ``retrain`` is a model trained per configuration, ``ablation`` the experts of all attributes with
some switched off, ``leakage`` the labels without any image. The row without attributes is the baseline itself, the
model with all experts off, and no labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.strength.cells import Cell, Draw
from mosaicreid.analyses.strength.compute import finished, read_world
from mosaicreid.config.inclusion import indicators
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError

# The committed settings.
CELLS = Path(__file__).parent / "cells.toml"
TRUTH = "knowledge_gain_bits"
# Way -> the arm of a world's table.
METHODS = {"retrain": "experts", "ablation": "switched_off", "leakage": "labels"}
# Fewer say nothing of people.
FEWEST_GROUPS = 2


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training in one world.

    ``truth``, ``entropy`` and ``unread`` (what heads on the baseline's features leave of the label; NaN where the cell
    does not ask for it) (A,) in bits; ``design`` (C, A) 0/1 of ``configurations``, the first of which is the
    baseline. By method: ``scores`` (C,) mAP in percent, ``groups`` (C, G) of the groups of people, ``took`` seconds of
    processor time (of all rows but the baseline; ``shared`` is what the model of all attributes took, which
    ``ablation`` needs too).
    """

    cell: Cell
    draw: Draw
    truth: NDArray[np.float64]
    entropy: NDArray[np.float64]
    unread: NDArray[np.float64]
    configurations: tuple[str, ...]
    design: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    groups: dict[str, NDArray[np.float64]]
    took: dict[str, float]
    shared: float

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names (A,) of the columns."""
        return get_schema(self.cell.dataset).attributes

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"world {self.draw.world} of cell {self.cell.name}"

    def table(self, scores: NDArray[np.float64]) -> pd.DataFrame:
        """A table of experiments (``statistics.estimators``) with ``scores`` (C,) as its ``mAP``."""
        table = pd.DataFrame(self.design.astype(int), columns=list(self.attributes))
        return table.assign(configuration=self.configurations, mAP=scores)


def read_tables(cells: Sequence[Cell], runs: Path) -> list[tuple[Cell, Draw, pd.DataFrame]]:
    """Every finished world of ``cells``.

    Raises:
        InputError: a cell without any world, or a table that is damaged or of other settings.
    """
    found = []
    for cell in cells:
        draws = finished(cell, runs, command="mosaicreid recovery run")
        found += [(cell, draw, read_world(runs, cell, draw)) for draw in draws]
    return found


def truth_table(cell: Cell, draw: Draw) -> pd.DataFrame:
    """What is true of a world: dataset, cell, world, attribute, visibility, entropy_bits, shown_bits,
    knowledge_gain_bits."""
    rows = pd.DataFrame(cell.drawn(draw.world).truth())
    rows.insert(0, "world", draw.world)
    rows.insert(0, "cell", cell.name)
    rows.insert(0, "dataset", cell.dataset)
    return rows


def training_of(cell: Cell, draw: Draw, table: pd.DataFrame) -> Training:
    """The arrays of one world's table.

    Raises:
        InputError: a configuration without a row in a way that the cell asks for, scores that are all equal, or a table
            without groups of people, processor times or unread bits, as older code made it.
    """
    where = f"world {draw.world} of cell {cell.name}"
    groups = sorted(str(name) for name in table if str(name).startswith("group"))
    if len(groups) < FEWEST_GROUPS or "took" not in table:
        raise InputError(
            f"{where} has {len(groups)} groups of people{'' if 'took' in table else ' and no times'}; expected "
            f"at least {FEWEST_GROUPS}: set `groups` in its cell and make it anew"
        )
    truth = truth_table(cell, draw).set_index("attribute")
    configurations = ("baseline", *cell.configurations)
    schema = get_schema(cell.dataset)
    unread = [f"unread_{name}" for name in schema.attributes]
    if cell.read_each and not set(unread) <= set(table):
        raise InputError(f"{where} does not say what heads leave unread, as its cell asks for; make it anew")
    design = pd.DataFrame([indicators(name, schema) for name in configurations]).to_numpy(float)
    scores, parts, took = {}, {}, {}
    for method, arm in METHODS.items():
        if arm not in cell.arms:
            continue
        rows = rows_of(cell, draw, table, arm)
        missing = [name for name in configurations if name not in rows.index]
        if missing:
            raise InputError(f"{where} has no row of {arm} with {missing[0]}; expected one of every configuration")
        rows = rows.loc[list(configurations)]
        if np.ptp(rows["mAP"]) < 1e-9:
            raise InputError(
                f"{where}: every configuration of {arm} scores {rows['mAP'].iloc[0]:.4g} mAP; nothing can be ranked"
            )
        scores[method] = rows["mAP"].to_numpy(float)
        parts[method] = rows[groups].to_numpy(float)
        took[method] = float(rows["took"].iloc[1:].sum())
    experts = rows_of(cell, draw, table, METHODS["retrain"])
    return Training(
        cell=cell,
        draw=draw,
        truth=truth[TRUTH].to_numpy(float),
        entropy=truth["entropy_bits"].to_numpy(float),
        unread=table[unread].iloc[0].to_numpy(float) if cell.read_each else np.full(len(truth), np.nan),
        configurations=configurations,
        design=design,
        scores=scores,
        groups=parts,
        took=took,
        shared=float(experts["took"].get("all", np.nan)),
    )


def dealt(found: Sequence[tuple[Cell, Draw, pd.DataFrame]]) -> tuple[list[Training], list[Training]]:
    """The trainings in worlds whose bits are dealt: one in each with every way of scoring, and those that repeat.

    Raises:
        InputError: as ``training_of``; no world of the first kind.
    """
    whole: dict[tuple[str, int], Training] = {}
    repeats = []
    for training in (training_of(*one) for one in found if one[0].dealt):
        key = training.cell.dataset, training.draw.world
        if set(training.scores) == set(METHODS) and key not in whole:
            whole[key] = training
        else:
            repeats.append(training)
    if not whole:
        raise InputError(f"no cell is dealt and has the arms {', '.join(METHODS.values())}; expected one at least")
    return list(whole.values()), repeats


def rows_of(cell: Cell, draw: Draw, table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """The rows of an arm by configuration, at the cell's first length; the experts' baseline is the baseline itself.

    Raises:
        InputError: two rows of one configuration.
    """
    own = table[table["target_share"].isna() & (table["added"] == int(arm == "labels"))]
    rows = own[(own["arm"] == arm) & own["epochs"].isin([0, cell.lengths[0]])]
    if arm == METHODS["retrain"]:
        alone = own[(own["arm"] == "baseline") & (own["kind"] == "none")]
        rows = pd.concat([alone.assign(configuration="baseline"), rows])
    twice = rows["configuration"].duplicated()
    if twice.any():
        raise InputError(
            f"world {draw.world} of cell {cell.name} has two rows of {arm} with "
            f"{rows['configuration'][twice].iloc[0]}; expected one"
        )
    return rows.set_index("configuration")
