"""Tables of the experiment: the worlds as they were scored, what follows in each, cells, curves and the decision."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid.analyses.strength.bands import fit_band
from mosaicreid.analyses.strength.cells import Cell
from mosaicreid.analyses.strength.compute import finished, read_world
from mosaicreid.analyses.strength.decision import BASELINES, decide, decide_true
from mosaicreid.results import columns_first

_WORLD = ["dataset", "cell", "route", "target", "world", "seed"]
# Name -> arm, of what kind they are, whether added, and what is taken from that row.
_PARTS = {
    "gain": ("experts", "true", 0, "gain"),
    "L": ("baseline", "true", 1, "gain"),
    "E": ("experts", "true", 1, "given_labels"),
    "both": ("experts", "true", 1, "gain"),
    "permuted_gain": ("permuted", "permuted", 0, "gain"),
    "permuted_L": ("baseline", "permuted", 1, "gain"),
    "permuted_E": ("permuted", "permuted", 1, "given_labels"),
    "always_on_gain": ("always_on", "none", 0, "gain"),
    "always_on_E": ("always_on", "true", 1, "given_labels"),
}
ESTIMANDS = tuple(_PARTS)
# Cells on these answer for the strength of the baseline; the default worlds, for the length of training (``lengths``).
_DESIGNED = ["identity", "attributes"]
# Given as a share of the shortfall too.
SHARED = ("gain", "L", "E", "both")
_MATCHED = ["dataset", "cell", "route", "target", "epochs", "kind", "target_share"]
_CURVES = ("E", "gain", "L", "both", "permuted_gain", "H")


def pool_worlds(cells: Sequence[Cell], runs: Path, *, command: str = "mosaicreid strength run") -> pd.DataFrame:
    """The rows of every finished world of ``cells`` (columns as in ``compute``), in the order of cells and draws.

    ``command`` is what makes them, for the message where there are none.

    Raises:
        InputError: a cell without any world, or a world that was made with other settings.
    """
    tables = []
    for cell in cells:
        found = finished(cell, runs, command=command)
        tables += [read_world(runs, cell, draw) for draw in found]
    return pd.concat(tables, ignore_index=True)


def estimands(worlds: pd.DataFrame) -> pd.DataFrame:
    """What follows in each world, a row per world, seed, configuration and length of the experts' training.

    Returns:
        dataset, cell, route, target, world, seed, configuration, epochs (0: the baseline alone), ``main`` (1 for the
        cell's first length), baseline (percent), read, and in points of mAP: gain (experts), L (labels added, no
        experts), E (experts beyond the labels), both (experts and labels), gain, L and E for labels of another person
        (``permuted_``), and gain and E of one bank that is always on (``always_on_``), and H, half of the gain less the
        permuted one; NaN where an arm was not trained. ``share_`` of the first four: of the shortfall, 100 - baseline.
    """
    own = worlds[worlds["target_share"].isna()]
    trained = own[own["epochs"] > 0]
    # Worlds of which only the baseline was scored have a row of it all the same.
    alone = own[own.groupby(_WORLD)["epochs"].transform("max") == 0]
    table = pd.concat([alone, trained])[[*_WORLD, "configuration", "epochs"]].drop_duplicates(ignore_index=True)
    first = own[own["epochs"] > 0].groupby(_WORLD, sort=False)["epochs"].first().rename("first")
    table = table.join(first, on=_WORLD)
    table["main"] = (table["epochs"] == table.pop("first").fillna(0)).astype(int)
    start = own[(own["arm"] == "baseline") & (own["kind"] == "none")].set_index(_WORLD)
    table = table.join(start[["mAP", "read"]].rename(columns={"mAP": "baseline"}), on=_WORLD)
    for name, (arm, kind, added, column) in _PARTS.items():
        found = own[(own["arm"] == arm) & (own["kind"] == kind) & (own["added"] == added)]
        keys = [*_WORLD, "configuration"] if arm == "baseline" else [*_WORLD, "configuration", "epochs"]
        table = table.join(found.set_index(keys)[column].rename(name), on=keys)
    table["H"] = table["gain"] / 2 - table["permuted_gain"]
    for name in SHARED:
        table[f"share_{name}"] = table[name] / (100 - table["baseline"])
    return table


def cell_table(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the worlds of each designed cell, configuration and length.

    Args:
        table: of ``estimands``.

    Returns:
        dataset, cell, route, target, configuration, epochs, quantity (baseline, read, and the estimands), mean, sd
        (over worlds), low, high (95 % over worlds by Student's t; NaN for one world), worlds.
    """
    quantities = ["baseline", "read", *ESTIMANDS, "H", *(f"share_{name}" for name in SHARED)]
    designed = table[table["route"].isin(_DESIGNED)]
    return over_worlds(designed, ["dataset", "cell", "route", "target", "configuration", "epochs"], quantities)


def over_worlds(table: pd.DataFrame, keys: list[str], quantities: list[str]) -> pd.DataFrame:
    """Mean, sd, low and high (95 %, Student's t) of each quantity over the worlds of each group, and their number.

    A world of several seeds counts once, by its mean.
    """
    table = table.groupby([*keys, "world"], sort=False)[quantities].mean().reset_index()
    long = table.melt(id_vars=keys, value_vars=quantities, var_name="quantity").dropna(subset="value")
    # In the order of the table's groups, and of the quantities within each.
    grouped = long.groupby([*keys, "quantity"], sort=False)["value"]
    summary = grouped.agg(["mean", "std", "count"]).reset_index()
    summary = summary.rename(columns={"std": "sd", "count": "worlds"})
    count = summary["worlds"].to_numpy(int)
    half = stats.t.ppf(0.975, np.maximum(count - 1, 1)) * summary["sd"].to_numpy(float) / np.sqrt(count)
    summary = summary.assign(low=summary["mean"] - half, high=summary["mean"] + half)
    return summary[[*keys, "quantity", "mean", "sd", "low", "high", "worlds"]]


def matched_table(worlds: pd.DataFrame) -> pd.DataFrame:
    """Where labels were made worse until the oracle gained the paper's shares: what they and the experts bring then.

    Returns:
        dataset, cell, route, target, epochs, kind, target_share, quantity (share: what the oracle removed of the
        shortfall, E and L in points, level), mean, sd, low, high (95 % over worlds), worlds.
    """
    return over_worlds(_matched_worlds(worlds), _MATCHED, ["share", "E", "L", "level"])


def matched_at_baselines(worlds: pd.DataFrame) -> pd.DataFrame:
    """``matched_table`` at the paper's baselines: in each world a straight line over the baseline, between its cells.

    Returns:
        route, kind, target_share, epochs, at (a baseline, percent), quantity (share, E and L in points), mean, sd, low,
        high (95 % over worlds of both datasets), worlds: those with cells on both sides.
    """
    table = _matched_worlds(worlds)
    found = []
    for _, own in table.groupby(["dataset", "world", "route", "kind", "target_share", "epochs"], sort=False):
        line = own.groupby("cell")[["baseline", "share", "E", "L"]].mean().sort_values("baseline")
        known = line["baseline"].to_numpy(float)
        row = own.iloc[0][["route", "kind", "target_share", "epochs"]].to_dict()
        # Worlds of both datasets bear the same numbers.
        row["world"] = f"{own['dataset'].iloc[0]} {own['world'].iloc[0]}"
        for at in BASELINES:
            if known.min() <= at <= known.max():
                values = {name: np.interp(at, known, line[name].to_numpy(float)) for name in ("share", "E", "L")}
                found.append(row | {"at": at} | values)
    keys = ["route", "kind", "target_share", "epochs", "at"]
    columns = [*keys, "world", "share", "E", "L"]
    return over_worlds(pd.DataFrame(found, columns=columns), keys, ["share", "E", "L"])


def _matched_worlds(worlds: pd.DataFrame) -> pd.DataFrame:
    """A row per world, seed and way of making labels worse: share, level, L, E, and the baseline, percent."""
    some = worlds[worlds["target_share"].notna()].set_index([*_MATCHED, "world", "seed"])
    oracle = some[(some["arm"] == "experts") & (some["added"] == 0)]
    labels = some[some["arm"] == "baseline"]["gain"].rename("L")
    both = some[(some["arm"] == "experts") & (some["added"] == 1)]["given_labels"].rename("E")
    baseline = oracle["mAP"] - oracle["gain"]
    table = pd.DataFrame({"share": oracle["gain"] / (100 - baseline), "level": oracle["level"], "baseline": baseline})
    return table.join([labels, both]).reset_index()


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """What the curves are fitted to: a row per designed cell and world, the mean over its seeds, with all attributes
    and the cell's first length."""
    designed = table["route"].isin(_DESIGNED)
    rows = table[designed & (table["configuration"] == "all") & (table["main"] == 1)]
    keys = [*_WORLD[:-1], "configuration", "epochs", "main"]
    return rows.drop(columns="seed").groupby(keys, sort=False).mean().reset_index()


def grid_of_baselines(step: float = 2.5) -> list[float]:
    """Baselines, percent, that curves are given at: 10 to 100 in steps, and the paper's two."""
    return sorted({*np.arange(10, 100, step).tolist(), *BASELINES})


def curve_tables(table: pd.DataFrame, *, step: float = 2.5) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Curves over the strength of the baseline, and the decisions.

    Returns:
        ``curves``: quantity (E, gain, L, both, permuted_gain and H, in points; share_gain, share_L, share_both: these
        divided by the shortfall, 1 at most), route, baseline, estimate, std_err, low, high (simultaneous 95 %),
        world_sd, rest_sd, gamma, factor, df, worlds, rows; and what ``decide`` and ``decide_true`` return.

    Raises:
        InputError: as ``fit_band`` and ``decide``.
    """
    rows, grid = main_rows(table), grid_of_baselines(step)
    fitted = {name: fit_band(rows, name, grid) for name in _CURVES}
    curves = pd.concat(
        [
            band.curve.assign(
                quantity=name,
                world_sd=band.world_sd,
                rest_sd=band.rest_sd,
                gamma=band.gamma,
                factor=band.factor,
                df=band.df,
                worlds=band.worlds,
                rows=band.rows,
            )
            for name, band in fitted.items()
        ],
        ignore_index=True,
    )
    per_route = {str(route): part.groupby(["dataset", "world"]).ngroups for route, part in rows.groupby("route")}
    bands = {name: band.curve for name, band in fitted.items()}
    decision = decide(bands["E"], bands["gain"], bands["L"], worlds=per_route)
    curves = pd.concat([curves, _shares(curves)], ignore_index=True)
    return columns_first(curves, "quantity"), decision, decide_true(bands["H"], worlds=per_route)


def _shares(curves: pd.DataFrame) -> pd.DataFrame:
    """Curves and bands in points as shares of the shortfall; nothing removes more than all of it."""
    rows = curves[curves["quantity"].isin(["gain", "L", "both"])]
    shortfall = 100 - rows["baseline"]
    shares = {name: (rows[name] / shortfall).clip(upper=1) for name in ("estimate", "low", "high")}
    return rows.assign(quantity="share_" + rows["quantity"], std_err=rows["std_err"] / shortfall, **shares)
