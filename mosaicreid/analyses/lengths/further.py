"""Whether gains and orders move after the longest training of the curve: rules 7 and 8, by cells that train longer."""

from collections.abc import Sequence

import pandas as pd

from mosaicreid.analyses.lengths.decision import UNFINISHED, further
from mosaicreid.analyses.lengths.means import interval_over_worlds
from mosaicreid.analyses.lengths.pairs import pair_table
from mosaicreid.analyses.strength.cells import Cell, Draw
from mosaicreid.analyses.strength.decision import MARGIN
from mosaicreid.errors import InputError

# What a cell goes on from: the same people, cameras and baselines.
_SAME = ("dataset", "route", "identities", "world", "settings", "dealt", "shares")
_TRAINING = ["world", "seed"]


def goes_further(cell: Cell, usual: Cell) -> bool:
    """Whether ``cell`` trains for one length, longer than any of ``usual``, in worlds of it and from its baselines."""
    same = all(getattr(cell, name) == getattr(usual, name) for name in _SAME) and set(cell.draws) <= set(usual.draws)
    trained = {"experts", "permuted"} <= set(cell.arms)
    return same and trained and len(cell.lengths) == 1 and cell.lengths[0] > max(usual.lengths)


def change_table(worlds: pd.DataFrame, usual: Cell, cells: Sequence[Cell]) -> pd.DataFrame:
    """Rule 7 for one dataset.

    Args:
        worlds: of ``strength.tables.estimands``. usual: the cell of the curve. cells: those that go on from it, all
            for one length.

    Returns:
        dataset, configuration, quantity (gain, and of all attributes permuted_gain and both), long, further (epochs),
        before (points, after ``long``), change (points, further less long), low, high (95 % over worlds by Student's
        t), margin (points), verdict, worlds, trainings: those that were scored after both lengths.

    Raises:
        InputError: two of ``cells`` train the same for as long.
    """
    (epochs,) = {cell.lengths[0] for cell in cells}
    before = _after(worlds, [usual], max(usual.lengths))
    after = _after(worlds, cells, epochs)
    rows: list[dict[str, object]] = []
    for configuration in dict.fromkeys(name for cell in cells for name in cell.configurations):
        announced = _announced(cells, configuration)
        for quantity in ("gain", "permuted_gain", "both") if configuration == "all" else ("gain",):
            own = pd.DataFrame(
                {
                    "before": before.loc[before["configuration"] == configuration, quantity],
                    "after": after.loc[after["configuration"] == configuration, quantity],
                }
            ).dropna()
            means = own.groupby("world").mean()
            change, low, high = interval_over_worlds(means["after"] - means["before"])
            start = float(means["before"].mean())
            finished = announced == _draws(own.reset_index())
            verdict = further(low, high, margin=MARGIN * start) if finished else UNFINISHED
            rows.append(
                {
                    "dataset": usual.dataset, "configuration": configuration, "quantity": quantity,
                    "long": max(usual.lengths), "further": epochs, "before": start, "change": change, "low": low,
                    "high": high, "margin": MARGIN * start, "verdict": verdict, "worlds": len(means),
                    "trainings": len(own),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def further_pairs(worlds: pd.DataFrame, usual: Cell, cells: Sequence[Cell]) -> pd.DataFrame:
    """Rule 8: ``pairs.pair_table`` with the length of ``cells`` for ``long``, by the trainings that went so far.

    Raises:
        InputError: two of ``cells`` train the same for as long.
    """
    (epochs,) = {cell.lengths[0] for cell in cells}
    attributes = list(dict.fromkeys(name for cell in cells for name in cell.configurations if name != "all"))
    short = usual.lengths[0]
    both = pd.concat([_after(worlds, [usual], short), _after(worlds, cells, epochs)])
    both = both[both["configuration"].isin(attributes)]
    lengths = both.groupby([*_TRAINING, "configuration"])["epochs"].transform("nunique")
    own = both[lengths == 2].reset_index()
    table = pair_table(own, attributes, dataset=usual.dataset, short=short, long=epochs)
    finished = all(_announced(cells, name) == _draws(own[own["configuration"] == name]) for name in attributes)
    return table if finished else table.assign(verdict=UNFINISHED)


def _after(worlds: pd.DataFrame, cells: Sequence[Cell], epochs: int) -> pd.DataFrame:
    rows = worlds[worlds["cell"].isin([cell.name for cell in cells]) & (worlds["epochs"] == epochs)]
    return rows.set_index(_TRAINING)


def _announced(cells: Sequence[Cell], configuration: str) -> set[Draw]:
    draws = [draw for cell in cells if configuration in cell.configurations for draw in cell.draws]
    if len(set(draws)) < len(draws):
        names = " and ".join(cell.name for cell in cells)
        raise InputError(f"cells {names} train {configuration} in the same worlds for as long; expected it once")
    return set(draws)


def _draws(rows: pd.DataFrame) -> set[Draw]:
    return {Draw(int(world), int(seed)) for world, seed in rows[_TRAINING].to_numpy()}
