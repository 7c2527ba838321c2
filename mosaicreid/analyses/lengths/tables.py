"""What the rules need, from the estimands of every world (``strength_worlds.csv``): four tables."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from mosaicreid.analyses.lengths.decision import (
    ANOTHERS,
    GROWS,
    SHRINKS,
    TRUE,
    UNFINISHED,
    end,
    order,
    side,
)
from mosaicreid.analyses.lengths.further import change_table, further_pairs, goes_further
from mosaicreid.analyses.lengths.means import interval_over_worlds, per_world
from mosaicreid.analyses.lengths.pairs import pair_table
from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.analyses.strength.decision import ANY, NEEDED
from mosaicreid.analyses.strength.tables import over_worlds
from mosaicreid.errors import InputError
from mosaicreid.results import columns_first

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
        worlds: of ``strength.tables.estimands``. cells: what ``worlds`` are of; those that compare lengths count, and
            those that go on from them for longer.

    Returns:
        ``lengths``: dataset, configuration, epochs, quantity (of ``QUANTITIES``), mean, sd (over worlds), low, high
        (95 % over worlds by Student's t; NaN for one world), worlds. ``lengths_pairs``: as ``pairs.pair_table``, of the
        longest length and of longer ones. ``lengths_decision``: dataset, question (end, growth, labels_short,
        labels_long, most_short, most_long, labels_alone, order; order_further for each longer length), estimate, low,
        high (NaN for an order), verdict, short, long (epochs), worlds, trainings. ``lengths_further``: as
        ``further.change_table``; left out where no cell goes on.

    Raises:
        InputError: no cell compares lengths, two of one dataset do, or one of them has no world.
    """
    usual = [cell for cell in cells if compares_lengths(cell)]
    if not usual:
        raise InputError(
            "no cell compares lengths of training; expected one on the route default that trains the arms experts and "
            "permuted for several"
        )
    datasets = [cell.dataset for cell in usual]
    for cell in usual:
        if datasets.count(cell.dataset) > 1:
            raise InputError(f"two cells of {cell.dataset} compare lengths; expected one, the tables are by dataset")
    tables: dict[str, list[pd.DataFrame]] = {f"lengths{name}": [] for name in ("", "_pairs", "_decision", "_further")}
    for cell in usual:
        own = worlds[worlds["cell"] == cell.name]
        if own.empty:
            raise InputError(f"cell {cell.name} has no world in the table; `mosaicreid strength collect` puts it there")
        longer = [other for other in cells if goes_further(other, cell)]
        tables["lengths"].append(_curves(worlds[worlds["cell"].isin([cell.name, *(other.name for other in longer)])]))
        announced = {(draw.world, draw.seed) for draw in cell.draws}
        finished = announced == set(own[["world", "seed"]].itertuples(index=False, name=None))
        single = [name for name in cell.configurations if name != "all"]
        pairs = pair_table(own, single, dataset=cell.dataset, short=cell.lengths[0], long=max(cell.lengths))
        decision = _decision(own, cell, pairs)
        if not finished:
            pairs, decision = (table.assign(verdict=UNFINISHED) for table in (pairs, decision))
        tables["lengths_pairs"].append(pairs)
        tables["lengths_decision"].append(decision)
        for epochs in sorted({other.lengths[0] for other in longer}):
            some = [other for other in longer if other.lengths == (epochs,)]
            tables["lengths_further"].append(change_table(worlds, cell, some))
            pairs = further_pairs(worlds, cell, some)
            if not pairs.empty:
                tables["lengths_pairs"].append(pairs)
                tables["lengths_decision"].append(_order_further(pairs, cell, epochs))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}


def _curves(own: pd.DataFrame) -> pd.DataFrame:
    # A cell names the usual length first.
    own = own.sort_values("epochs", kind="stable")
    per_world = own.groupby(["dataset", "configuration", "epochs", "world"], sort=False)
    table = per_world[[name for name in QUANTITIES if name != "reached"]].mean().reset_index()
    # Of a world's means: of single trainings of what gains little, it would be noise divided by noise.
    table["reached"] = table["gain"] / table["L"]
    return over_worlds(table, ["dataset", "configuration", "epochs"], list(QUANTITIES))


def _decision(own: pd.DataFrame, cell: Cell, pairs: pd.DataFrame) -> pd.DataFrame:
    short, long = cell.lengths[0], max(cell.lengths)
    gains = {epochs: per_world(own, epochs) for epochs in (short, long)}
    more = {epochs: per_world(own, epochs, quantity="permuted_gain") - gains[epochs] for epochs in (short, long)}
    most = {epochs: per_world(own, epochs, quantity="H") for epochs in (short, long)}
    alone = per_world(own, long, quantity="permuted_L") - per_world(own, long, quantity="L")
    grows, trues = partial(side, above=GROWS, below=SHRINKS), partial(side, above=ANOTHERS, below=TRUE)
    needs = partial(side, above=NEEDED, below=ANY)
    rules: tuple[tuple[str, pd.Series, Callable[[float, float], str]], ...] = (
        ("end", gains[long] / per_world(own, long, quantity="L"), end),
        ("growth", gains[long] - gains[short], grows),
        ("labels_short", more[short], trues),
        ("labels_long", more[long], trues),
        ("most_short", most[short], needs),
        ("most_long", most[long], needs),
        ("labels_alone", alone, trues),
    )
    rows: list[dict[str, object]] = []
    for question, values, rule in rules:
        mean, low, high = interval_over_worlds(values)
        rows.append({"question": question, "estimate": mean, "low": low, "high": high, "verdict": rule(low, high)})
    rows.append({"question": "order", "verdict": order(pairs["verdict"].tolist())})
    trainings = own.groupby(["world", "seed"]).ngroups
    table = pd.DataFrame(rows).assign(
        dataset=cell.dataset, short=short, long=long, worlds=own["world"].nunique(), trainings=trainings
    )
    return columns_first(table, "dataset")


def _order_further(pairs: pd.DataFrame, cell: Cell, epochs: int) -> pd.DataFrame:
    """Rule 8 for the dataset, a row beside those of ``_decision``."""
    verdicts = pairs["verdict"].tolist()
    row = {
        "dataset": cell.dataset, "question": "order_further",
        "verdict": UNFINISHED if UNFINISHED in verdicts else order(verdicts),
        "short": cell.lengths[0], "long": epochs, **pairs[["worlds", "trainings"]].iloc[0],
    }  # fmt: skip
    return pd.DataFrame([row])
