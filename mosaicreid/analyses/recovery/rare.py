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
from mosaicreid.world.people import entropy, knowledge_gain

# What has a mean at every share, and how its columns begin; of the first, the gain, they have no beginning.
_MEANS = {"gain": "", "labels": "labels_", "holders_gain": "holders_"}


def rare_worlds(found: Sequence[tuple[Cell, Draw, pd.DataFrame]]) -> pd.DataFrame:
    """Gains alone in the worlds whose cells set shares.

    Returns:
        dataset, cell, world, attribute (whose share the cell sets), share (as set), people_share (of the test people
        who were drawn), trained (training people who have it), entropy_bits and knowledge_gain_bits (H(T | X)) of
        ``people_share``, visibility, gain and gain_se (experts of this attribute alone, points of mAP, standard error
        over people), labels (what its labels bring without experts, points), holders_gain (``gain`` among the queries
        of people who have it; NaN where nobody has), gain_all (of all attributes).

    Raises:
        InputError: no such cell; an attribute without a configuration of its own, or no configuration of all; cells of
            a dataset that do not deal the same shares, each once; a share that is not above 0 and up to a half; a cell
            without labels added, or a table without the people who have an attribute.
    """
    rows = []
    for cell, draw, table in found:
        shares = parse_settings(cell.shares)
        if not cell.dealt and shares:
            rows += _world(cell, draw, table, shares)
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


def _world(cell: Cell, draw: Draw, table: pd.DataFrame, shares: dict[str, float]) -> list[dict[str, object]]:
    where = f"world {draw.world} of cell {cell.name}"
    for name, share in shares.items():
        if not 0 < share <= 0.5:
            raise InputError(
                f"cell {cell.name}: the share of {name} is {share}; expected one above 0 and up to a half, beyond "
                "which the other value is the rare one"
            )
    if not cell.with_labels:
        raise InputError(f"cell {cell.name} adds no labels; expected with_labels where shares are set")
    experts = rows_of(cell, draw, table, "experts")
    added = table[(table["arm"] == "baseline") & (table["added"] == 1) & (table["kind"] == "true")]
    labels = added[added["target_share"].isna()].set_index("configuration")["gain"]
    for name in ("all", *shares):
        if name not in experts.index or name not in labels.index:
            raise InputError(
                f"{where} has no row of experts, or of labels added, with {name}; expected `all` and every attribute "
                "whose share the cell sets"
            )
    drawn = cell.drawn(draw.world)
    rows = []
    for name, share in shares.items():
        columns = [f"holders_{name}", f"people_{name}", f"trained_{name}"]
        if not set(columns) <= set(table):
            raise InputError(f"{where} does not say who has {name}, as older code made it; make it anew")
        people = float(table[f"people_{name}"].iloc[0] / table["identities"].iloc[0])
        theirs = np.array([1 - people, people])
        holders = experts[f"holders_{name}"]
        rows.append(
            {
                "dataset": cell.dataset,
                "cell": cell.name,
                "world": draw.world,
                "attribute": name,
                "share": float(share),
                "people_share": people,
                "trained": int(table[f"trained_{name}"].iloc[0]),
                "entropy_bits": entropy(theirs),
                "knowledge_gain_bits": knowledge_gain(theirs, np.array(drawn.priors[name]), drawn.visibility[name]),
                "visibility": drawn.visibility[name],
                "gain": experts.loc[name, "gain"],
                "gain_se": experts.loc[name, "gain_se"],
                "labels": labels[name],
                "holders_gain": holders[name] - holders["baseline"],
                "gain_all": experts.loc["all", "gain"],
            }
        )
    return rows


def rare_table(worlds: pd.DataFrame) -> pd.DataFrame:
    """The gain alone at every share, over attributes and worlds.

    Returns:
        dataset, share, people_share, trained, entropy_bits, knowledge_gain_bits (means); mean, sd, low, high, worlds
        (the gain, points of mAP, 95 %); the same with ``labels_`` (what labels bring without experts) and ``holders_``
        (the gain among those who have it, in the worlds where anybody does); per_bit (gain over hidden bits).

    Raises:
        InputError: no cell has two worlds.
    """
    return pd.DataFrame(
        _at_a_share(str(dataset), own)
        for dataset, of_dataset in worlds.groupby("dataset", sort=False)
        for _, own in of_dataset.groupby("share")
    )


def _at_a_share(dataset: str, own: pd.DataFrame) -> dict[str, object]:
    """A row of ``rare_table``."""
    share = float(own["share"].iloc[0])
    row: dict[str, object] = {"dataset": dataset, "share": share}
    for name in ("people_share", "trained", "entropy_bits", "knowledge_gain_bits"):
        row[name] = float(own[name].mean())
    for name, start in _MEANS.items():
        known = own.dropna(subset=name)
        what = f"{name} at {share:g} in {dataset}"
        found = within_cells(known[name].to_numpy(float), known["cell"].tolist(), what=what)
        row |= {f"{start}{key}": value for key, value in found.items()}
    bits = float(own["knowledge_gain_bits"].mean())
    return row | {"per_bit": float(own["gain"].mean()) / bits if bits > 0 else np.nan}


def rare_answers(worlds: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """What follows for each dataset.

    Returns:
        dataset, quantity, mean, sd, low, high, worlds; margin, verdict, verdict_labels and beside_bits (rule 3, in
        every row of its dataset). Quantities, in points of mAP: gain_all; common_less_rare (gain at the largest share
        less that at the smallest), beyond_bits (gain at the smallest share less that at the largest times the ratio of
        that attribute's mean hidden bits at the two), and slope (of gain on hidden bits within a world, points per
        bit).

    Raises:
        InputError: as ``within_cells``; all attributes gain nothing, so that there is no margin; an attribute that
            nobody has at the largest share, or of which images hide nothing.
    """
    rows = []
    for dataset, own in worlds.groupby("dataset", sort=False):
        ratios = _ratios(own)
        values, cells = [], []
        for (cell, _), world in own.sort_values("share").groupby(["cell", "world"], sort=False):
            gain, bits = world["gain"].to_numpy(float), world["knowledge_gain_bits"].to_numpy(float)
            spread = bits - bits.mean()
            values.append(
                {
                    "gain_all": float(world["gain_all"].iloc[0]),
                    "common_less_rare": gain[-1] - gain[0],
                    "beyond_bits": gain[0] - gain[-1] * ratios[str(world["attribute"].iloc[-1])],
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
            "verdict_labels": rare(shares["labels_low"].tolist(), shares["labels_high"].tolist(), margin=margin),
            "beside_bits": beside_bits(found["beyond_bits"]),
        }
        rows += [{"dataset": dataset, "quantity": name, **one, **said} for name, one in found.items()]
    return pd.DataFrame(rows)


def _ratios(own: pd.DataFrame) -> dict[str, float]:
    """Mean hidden bits at the smallest share over those at the largest, by attribute."""
    bits = own.pivot_table(index="attribute", columns="share", values="knowledge_gain_bits", aggfunc="mean")
    ends = bits[[bits.columns.min(), bits.columns.max()]]
    for name, (smallest, largest) in zip(ends.index, ends.to_numpy(), strict=True):
        if not largest > 0 or np.isnan(smallest):
            raise InputError(
                f"images hide {largest:.3g} bits of {name} at the largest share; expected more than none, and every "
                "attribute to take the smallest and the largest share in some cell"
            )
    return {str(name): float(value) for name, value in (ends.iloc[:, 0] / ends.iloc[:, 1]).items()}
