"""Tables of worlds in which it is known what every configuration scores, as ``mosaicreid recovery run`` writes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from strength_cells import quick_cell

from mosaicreid import published
from mosaicreid.analyses.recovery.worlds import Training, training_of
from mosaicreid.analyses.strength.cells import Cell, Draw
from mosaicreid.analyses.strength.compute import world_path
from mosaicreid.config.inclusion import indicators
from mosaicreid.config.parsing import parse_settings
from mosaicreid.datasets import get_schema

DATASET = "dukemtmc"
NAMES = get_schema(DATASET).attributes
TABLE3 = tuple(name for name in published.load_table(3, DATASET)["configuration"] if name != "baseline")
# Share of each of four attributes, by cell.
SQUARE = ("hat=0.05 bag=0.5", "hat=0.5 bag=0.05")
Scores = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def dealt_cell(**changes: object) -> Cell:
    """Two dealt worlds with the paper's rows and every arm."""
    values: dict[str, object] = {
        "name": "dealt",
        "dataset": DATASET,
        "first_world": 300,
        "lengths": (4,),
        "arms": ("experts", "switched_off", "labels"),
        "configurations": TABLE3,
        "dealt": True,
        "read_each": True,
        "with_labels": False,
        "groups": 5,
    }
    return quick_cell(**(values | changes))


def again_cell(**changes: object) -> Cell:
    """One of those worlds once more, from another seed."""
    values: dict[str, object] = {
        "name": "again", "worlds": 1, "first_seed": 1, "arms": ("experts",), "read_each": False,
    }  # fmt: skip
    return dealt_cell(**(values | changes))


def rare_cells() -> list[Cell]:
    """Two cells of two worlds, in which two attributes change shares."""
    return [
        dealt_cell(
            name=f"rare-{number}",
            dealt=False,
            read_each=False,
            with_labels=True,
            groups=0,
            arms=("experts",),
            configurations=("all", "hat", "bag"),
            first_world=400 + 2 * number,
            shares=shares,
        )
        for number, shares in enumerate(SQUARE)
    ]


def bits_of(cell: Cell, draw: Draw) -> NDArray[np.float64]:
    """The hidden bits (A,) of a world."""
    return np.array([float(row["knowledge_gain_bits"]) for row in cell.drawn(draw.world).truth()])


def line(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points above a baseline of 80 mAP, in a straight line."""
    return 80 + 3 * values


def made_table(cell: Cell, draw: Draw, score: Scores = line, *, noise: float = 0.0) -> pd.DataFrame:
    """A world whose configurations score ``score`` of their hidden bits, by every arm, in every group of people.

    ``noise`` is the SD of an error of each retrained row, in points.
    """
    generator = np.random.default_rng([draw.world, draw.seed])
    bits = bits_of(cell, draw)
    shares = {name: float(share) for name, share in parse_settings(cell.shares).items()}
    schema = get_schema(cell.dataset)
    rows = []

    def row(arm: str, configuration: str, *, added: int = 0, error: float = 0.0, kind: str = "true") -> None:
        marks = np.array(list(indicators(configuration, schema).values()), dtype=float)
        value = float(score(marks @ bits)) + error
        base = float(score(np.zeros(1))[0])
        rows.append(
            {
                "dataset": cell.dataset, "cell": cell.name, "route": cell.route, "target": cell.target,
                "world": draw.world, "seed": draw.seed, "settings": cell.fingerprint(), "code": "abc",
                "arm": arm, "configuration": "all" if kind == "none" else configuration,
                "epochs": 0 if arm in ("baseline", "labels") else cell.lengths[0],
                "kind": kind,
                "target_share": np.nan, "level": np.nan, "added": added, "mAP": value, "rank1": value,
                "gain": value - base, "gain_se": 0.1, "given_labels": np.nan, "given_labels_se": np.nan,
                "read": 0.3, "identities": 20, "queries": 60, "seconds": 99.0,
                "took": {"experts": 9.0, "switched_off": 1.5}.get(arm, 0.5),
            }
            | {f"group{n:02}": value + 0.2 * (n - (cell.groups + 1) / 2) for n in range(1, cell.groups + 1)}
            | {f"unread_{name}": 2 * own for name, own in zip(schema.attributes, bits, strict=True) if cell.read_each}
            | {f"holders_{name}": value + 1 for name in shares}
            | {f"people_{name}": round(20 * share) for name, share in shares.items()}
            | {f"trained_{name}": round(40 * share) for name, share in shares.items()}
        )  # fmt: skip

    row("baseline", "baseline", kind="none")
    if cell.with_labels:
        for name in cell.configurations:
            row("baseline", name, added=1)
    for arm in cell.arms:
        others = () if arm == "experts" else ("baseline",)
        for name in (*others, *cell.configurations):
            error = noise * generator.standard_normal() if arm == "experts" else 0.0
            row(arm, name, added=int(arm == "labels"), error=error)
    return pd.DataFrame(rows)


def made_training(cell: Cell, draw: Draw, score: Scores = line, *, noise: float = 0.0) -> Training:
    """The same as arrays."""
    return training_of(cell, draw, made_table(cell, draw, score, noise=noise))


def write_worlds(cells: list[Cell], runs: Path, score: Scores = line, *, noise: float = 0.05) -> None:
    """Every world of ``cells`` as a table in ``runs``."""
    for cell in cells:
        for draw in cell.draws:
            path = world_path(runs, cell, draw)
            path.parent.mkdir(parents=True, exist_ok=True)
            made_table(cell, draw, score, noise=noise).to_csv(path, index=False)
