"""What follows from worlds that differ in one option from a dataset's own."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.config.worlds import world_options
from mosaicreid.errors import InputError

_UNREAD = "unread_"
# Of the world that is a dataset's own.
USUAL = "usual"


def option_tables(worlds: pd.DataFrame, cells: Sequence[Cell]) -> dict[str, pd.DataFrame]:
    """The tables of this room by name.

    Args:
        worlds: the rows of every world of ``cells``, columns as in ``strength.compute``; the baseline's alone count.
        cells: of every dataset one with its own options (``usual``), and others that differ from it in one.

    Returns:
        ``hardness``: dataset, option (``usual`` for none), value, before (the value in the usual world), baseline (mAP,
        percent), change (points, from the usual world with the same seed), read (share of the way from the majority's
        accuracy to the best that one image allows, mean over attributes), read_change, worlds. ``hardness_attributes``:
        dataset, option, value, attribute, unread (bits of the label that heads on the baseline's features leave open),
        change (bits), worlds. Both are means over worlds.

    Raises:
        InputError: a dataset without its usual world, or with two; a cell that differs from it in several options or
            in anything else, or has no world in common with it yet; or worlds that were not made with ``read_each``.
    """
    overall, attributes = [], []
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        own = [cell for cell in cells if cell.dataset == dataset]
        named = {cell.name: _option(cell) for cell in own}
        usual = [cell for cell in own if named[cell.name][0] == USUAL]
        if len(usual) != 1:
            raise InputError(
                f"{len(usual)} cells have the options of {dataset}'s own world; expected one to compare with"
            )
        before = _baselines(worlds, usual[0])
        for cell in own:
            _check_alike(cell, usual[0])
            after = _baselines(worlds, cell)
            # Worlds that both have: a sweep may be half done.
            after = after.loc[after.index.intersection(before.index)]
            if after.empty:
                raise InputError(f"cells {cell.name} and {usual[0].name} have no world in common yet; expected one")
            change, mean = (after - before.loc[after.index]).mean(), after.mean()
            option, value, usual_value = named[cell.name]
            start = {"dataset": dataset, "option": option, "value": value}
            overall.append(
                start
                | {"before": usual_value, "baseline": mean["mAP"], "change": change["mAP"]}
                | {"read": mean["read"], "read_change": change["read"], "worlds": len(after)}
            )
            attributes += [
                start
                | {"attribute": name.removeprefix(_UNREAD), "unread": mean[name], "change": change[name]}
                | {"worlds": len(after)}
                for name in map(str, after.columns)
                if name.startswith(_UNREAD)
            ]
    return {"hardness": pd.DataFrame(overall), "hardness_attributes": pd.DataFrame(attributes)}


def _option(cell: Cell) -> tuple[str, str, str]:
    """The one option in which the cell's worlds differ from the dataset's own, its value, and the usual one."""
    usual, own = (asdict(world_options(cell.dataset, options)) for options in ("", cell.world))
    names = [name for name in own if own[name] != usual[name]]
    if len(names) > 1:
        raise InputError(
            f"cell {cell.name} differs from {cell.dataset}'s own world in {', '.join(names)}; expected one"
        )
    return (names[0], _shown(own[names[0]]), _shown(usual[names[0]])) if names else (USUAL, "", "")


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _check_alike(cell: Cell, usual: Cell) -> None:
    """Raise InputError where two cells differ in more than their name and the options of their worlds."""
    own, other = asdict(cell), asdict(usual)
    names = [name for name in own if name not in ("name", "world") and own[name] != other[name]]
    if names:
        differ = ", ".join(names)
        raise InputError(
            f"cell {cell.name} differs from {usual.name} in {differ}; expected in one option of its worlds alone"
        )


def _baselines(worlds: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """A row per world: mAP, read, and the unread bits of each attribute."""
    rows = worlds[(worlds["cell"] == cell.name) & (worlds["arm"] == "baseline") & (worlds["added"] == 0)]
    columns = [name for name in map(str, rows.columns) if name.startswith(_UNREAD) and rows[name].notna().all()]
    if not columns:
        raise InputError(f"no bits unread of attributes in the worlds of cell {cell.name}; expected read_each = true")
    return rows.set_index(["world", "seed"])[["mAP", "read", *columns]]
