"""What the rules need, from the estimands of every world (``strength_worlds.csv``): three tables."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations

import pandas as pd

from mosaicreid.analyses.lengths.decision import (
    ANOTHERS,
    GROWS,
    SHRINKS,
    TRUE,
    UNFINISHED,
    end,
    order,
    pair,
    side,
)
from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.analyses.strength.decision import ANY, NEEDED
from mosaicreid.analyses.strength.tables import over_worlds
from mosaicreid.errors import InputError
from mosaicreid.results import columns_first

_ENDS = ("short", "short_low", "short_high", "long", "long_low", "long_high")
_PAIR = ["dataset", "first", "second", *_ENDS, "verdict", "worlds"]
# Points of mAP but ``baseline`` (mAP, percent), ``reached`` (gain / L) and ``share_gain`` (gain / (100 - baseline)).
QUANTITIES = ("baseline", "gain", "share_gain", "L", "both", "E", "permuted_gain", "permuted_L", "H", "reached")


def compares_lengths(cell: Cell) -> bool:
    """Whether ``cell`` answers this room's question: the default world, experts with true labels and with another
    person's, several lengths."""
    trained = set(cell.arms) & set(cell.long_arms)
    return cell.route == "default" and len(cell.lengths) > 1 and {"experts", "permuted"} <= trained


def length_tables(worlds: pd.DataFrame, cells: Sequence[Cell]) -> dict[str, pd.DataFrame]:
    """The tables of this room by name.

    Args:
        worlds: of ``strength.tables.estimands``. cells: what ``worlds`` are of; those that compare lengths count.

    Returns:
        ``lengths``: dataset, configuration, epochs, quantity (of ``QUANTITIES``), mean, sd (over worlds), low, high
        (95 % over worlds by Student's t; NaN for one world), worlds. ``lengths_pairs``: dataset, first, second (single
        attributes), short, short_low, short_high, long, long_low, long_high (first less second, points), verdict,
        worlds. ``lengths_decision``: dataset, question (end, growth, labels_short, labels_long, most_short, most_long,
        labels_alone, order), estimate, low, high (NaN for the order), verdict, short, long (epochs), worlds, trainings.

    Raises:
        InputError: no cell compares lengths, two of one dataset do, or one of them has no world.
    """
    cells = [cell for cell in cells if compares_lengths(cell)]
    if not cells:
        raise InputError(
            "no cell compares lengths of training; expected one on the route default that trains the arms experts and "
            "permuted for several"
        )
    datasets = [cell.dataset for cell in cells]
    for cell in cells:
        if datasets.count(cell.dataset) > 1:
            raise InputError(f"two cells of {cell.dataset} compare lengths; expected one, the tables are by dataset")
    curves, pairs, decisions = [], [], []
    for cell in cells:
        own = worlds[worlds["cell"] == cell.name]
        if own.empty:
            raise InputError(f"cell {cell.name} has no world in the table; `mosaicreid strength collect` puts it there")
        curves.append(_curves(own))
        announced = {(draw.world, draw.seed) for draw in cell.draws}
        finished = announced == set(own[["world", "seed"]].itertuples(index=False, name=None))
        found = _pairs(own, cell)
        decision = _decision(own, cell, found)
        if not finished:
            found, decision = (table.assign(verdict=UNFINISHED) for table in (found, decision))
        pairs.append(found)
        decisions.append(decision)
    return {
        "lengths": pd.concat(curves, ignore_index=True),
        "lengths_pairs": pd.concat(pairs, ignore_index=True),
        "lengths_decision": pd.concat(decisions, ignore_index=True),
    }


def _curves(own: pd.DataFrame) -> pd.DataFrame:
    # A cell names the usual length first.
    own = own.sort_values("epochs", kind="stable")
    per_world = own.groupby(["dataset", "configuration", "epochs", "world"], sort=False)
    table = per_world[[name for name in QUANTITIES if name != "reached"]].mean().reset_index()
    # Of a world's means: of single trainings of what gains little, it would be noise divided by noise.
    table["reached"] = table["gain"] / table["L"]
    return over_worlds(table, ["dataset", "configuration", "epochs"], list(QUANTITIES))


def _gains(own: pd.DataFrame, epochs: int, configuration: str = "all", quantity: str = "gain") -> pd.Series:
    """One value per world, the mean over its trainings."""
    rows = own[(own["epochs"] == epochs) & (own["configuration"] == configuration)]
    return rows.groupby("world")[quantity].mean()


def _interval(values: pd.Series) -> tuple[float, float, float]:
    """Mean, low and high over worlds."""
    table = pd.DataFrame({"all": 0, "world": values.index, "estimate": values.to_numpy()})
    row = over_worlds(table, ["all"], ["estimate"]).iloc[0]
    return float(row["mean"]), float(row["low"]), float(row["high"])


def _pairs(own: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    short, long = cell.lengths[0], max(cell.lengths)
    rows = []
    for first, second in combinations([name for name in cell.configurations if name != "all"], 2):
        found = [_interval(_gains(own, epochs, first) - _gains(own, epochs, second)) for epochs in (short, long)]
        row: dict[str, object] = {"dataset": cell.dataset, "first": first, "second": second}
        for length, (mean, low, high) in zip(("short", "long"), found, strict=True):
            row |= {length: mean, f"{length}_low": low, f"{length}_high": high}
        verdict = pair(*((low, high) for _, low, high in found))
        rows.append(row | {"verdict": verdict, "worlds": own["world"].nunique()})
    return pd.DataFrame(rows, columns=_PAIR)


def _decision(own: pd.DataFrame, cell: Cell, pairs: pd.DataFrame) -> pd.DataFrame:
    short, long = cell.lengths[0], max(cell.lengths)
    gains = {epochs: _gains(own, epochs) for epochs in (short, long)}
    more = {epochs: _gains(own, epochs, quantity="permuted_gain") - gains[epochs] for epochs in (short, long)}
    most = {epochs: _gains(own, epochs, quantity="H") for epochs in (short, long)}
    alone = _gains(own, long, quantity="permuted_L") - _gains(own, long, quantity="L")
    grows, trues = partial(side, above=GROWS, below=SHRINKS), partial(side, above=ANOTHERS, below=TRUE)
    needs = partial(side, above=NEEDED, below=ANY)
    rules: tuple[tuple[str, pd.Series, Callable[[float, float], str]], ...] = (
        ("end", gains[long] / _gains(own, long, quantity="L"), end),
        ("growth", gains[long] - gains[short], grows),
        ("labels_short", more[short], trues),
        ("labels_long", more[long], trues),
        ("most_short", most[short], needs),
        ("most_long", most[long], needs),
        ("labels_alone", alone, trues),
    )
    rows: list[dict[str, object]] = []
    for question, values, rule in rules:
        mean, low, high = _interval(values)
        rows.append({"question": question, "estimate": mean, "low": low, "high": high, "verdict": rule(low, high)})
    rows.append({"question": "order", "verdict": order(pairs["verdict"].tolist())})
    trainings = own.groupby(["world", "seed"]).ngroups
    table = pd.DataFrame(rows).assign(
        dataset=cell.dataset, short=short, long=long, worlds=own["world"].nunique(), trainings=trainings
    )
    return columns_first(table, "dataset")
