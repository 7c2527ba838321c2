"""Is what is rare unimportant? An attribute's gain against its share of people, at visibilities that stay."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mosaicreid.analyses.recovery.decision import beside_bits, rare, within_cells
from mosaicreid.analyses.recovery.worlds import rows_of
from mosaicreid.analyses.robust.margins import margin_of
from mosaicreid.analyses.strength.cells import Cell, Draw
from mosaicreid.config.parsing import parse_settings
from mosaicreid.errors import InputError
from mosaicreid.world.people import entropy


def rare_worlds(found: Sequence[tuple[Cell, Draw, pd.DataFrame]]) -> pd.DataFrame:
    """Gains alone in the worlds whose cells set shares.

    Returns:
        dataset, cell, world, attribute (whose share the cell sets), share, entropy_bits (of the share),
        knowledge_gain_bits (what images hide of it), visibility, gain and gain_se (alone, points of mAP, standard error
        over people), gain_all (of all attributes).

    Raises:
        InputError: no such cell; an attribute without a configuration of its own, or no configuration of all; cells of
            a dataset that do not deal the same shares, each once; a share that is not above 0 and up to a half.
    """
    rows = []
    for cell, draw, table in found:
        shares = parse_settings(cell.shares)
        if cell.dealt or not shares:
            continue
        for name, share in shares.items():
            if not 0 < share <= 0.5:
                raise InputError(
                    f"cell {cell.name}: the share of {name} is {share}; expected one above 0 and up to a half, beyond "
                    "which the other value is the rare one"
                )
        experts = rows_of(cell, draw, table, "experts")
        missing = [name for name in ("all", *shares) if name not in experts.index]
        if missing:
            raise InputError(
                f"world {draw.world} of cell {cell.name} has no row of experts with {missing[0]}; expected `all` and "
                "every attribute whose share the cell sets"
            )
        truth = pd.DataFrame(cell.drawn(draw.world).truth()).set_index("attribute")
        rows += [
            {
                "dataset": cell.dataset,
                "cell": cell.name,
                "world": draw.world,
                "attribute": name,
                "share": float(share),
                "entropy_bits": entropy(np.array([1 - share, share])),
                "knowledge_gain_bits": truth.loc[name, "knowledge_gain_bits"],
                "visibility": truth.loc[name, "visibility"],
                "gain": experts.loc[name, "gain"],
                "gain_se": experts.loc[name, "gain_se"],
                "gain_all": experts.loc["all", "gain"],
            }
            for name, share in shares.items()
        ]
    if not rows:
        raise InputError("no cell sets shares of attributes; expected one at least to say what is rare")
    worlds = pd.DataFrame(rows)
    for dataset, own in worlds.groupby("dataset", sort=False):
        groups = own.groupby(["cell", "world"], sort=False)["share"]
        levels = list(dict.fromkeys(tuple(sorted(shares)) for _, shares in groups))
        if len(levels) > 1 or len(set(levels[0])) < max(2, len(levels[0])):
            raise InputError(
                f"cells of {dataset} have the shares {' and '.join(map(str, levels))}; expected two at least, "
                "the same ones in every cell, each for one attribute"
            )
    return worlds


def rare_table(worlds: pd.DataFrame) -> pd.DataFrame:
    """The gain alone at every share, over attributes and worlds.

    Returns:
        dataset, share, entropy_bits, knowledge_gain_bits (mean over attributes), mean, sd, low, high (points of mAP,
        95 %), worlds, per_bit (mean over entropy).

    Raises:
        InputError: no cell has two worlds.
    """
    rows = []
    for (dataset, share), own in worlds.groupby(["dataset", "share"]):
        found = within_cells(
            own["gain"].to_numpy(float), own["cell"].tolist(), what=f"the gain at {share:g} in {dataset}"
        )
        bits = float(own["entropy_bits"].iloc[0])
        rows.append(
            {
                "dataset": dataset,
                "share": share,
                "entropy_bits": bits,
                "knowledge_gain_bits": float(own["knowledge_gain_bits"].mean()),
                **found,
                "per_bit": found["mean"] / bits if bits > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def rare_answers(worlds: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """What follows for each dataset.

    Returns:
        dataset, quantity, mean, sd, low, high, worlds; margin, verdict and beside_bits (rule 3, in every row of its
        dataset). Quantities, in points of mAP: gain_all; common_less_rare (gain at the largest share less that at the
        smallest), beyond_bits (gain at the smallest share less the other's times the ratio of entropies), and slope
        (of gain on entropy within a world, points per bit).

    Raises:
        InputError: as ``within_cells``; all attributes gain nothing, so that there is no margin.
    """
    rows = []
    for dataset, own in worlds.groupby("dataset", sort=False):
        values, cells = [], []
        for (cell, _), world in own.sort_values("share").groupby(["cell", "world"], sort=False):
            gain, bits = world["gain"].to_numpy(float), world["entropy_bits"].to_numpy(float)
            spread = bits - bits.mean()
            values.append(
                {
                    "gain_all": float(world["gain_all"].iloc[0]),
                    "common_less_rare": gain[-1] - gain[0],
                    "beyond_bits": gain[0] - gain[-1] * bits[0] / bits[-1],
                    "slope": float(spread @ gain / (spread @ spread)),
                }
            )
            cells.append(str(cell))
        each = pd.DataFrame(values)
        found = {
            str(name): within_cells(column.to_numpy(float), cells, what=f"{name} in {dataset}")
            for name, column in each.items()
        }
        margin = margin_of(found["gain_all"]["mean"])
        shares = table[table["dataset"] == dataset].sort_values("share")
        said = {
            "margin": margin,
            "verdict": rare(shares["low"].tolist(), shares["high"].tolist(), margin=margin),
            "beside_bits": beside_bits(found["beyond_bits"]),
        }
        rows += [{"dataset": dataset, "quantity": name, **one, **said} for name, one in found.items()]
    return pd.DataFrame(rows)
