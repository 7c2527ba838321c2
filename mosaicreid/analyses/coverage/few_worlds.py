"""How often intervals over few worlds hold the mean: worlds drawn again and again from those that there are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.recovery.decision import over_worlds, within_cells
from mosaicreid.errors import InputError
from mosaicreid.names.provenance import SYNTHETIC
from mosaicreid.progress import bar
from mosaicreid.results import Table, read_results, write_tables
from mosaicreid.statistics.inputs import seed_of, whole_number

SOURCES = ("recovered_scores", "recovered_worlds", "recovered_rare_worlds")
# Worlds of an interval: as many as most cells of the experiments have.
WORLDS = (4, 12)
_LEAST_KNOWN = 8

# Whether one interval holds the mean, of values (one per world) that worlds are drawn from.
Trial = Callable[[NDArray[np.float64], np.random.Generator], bool]


@dataclass(frozen=True)
class Case:
    """One quantity: its values, one per world, and how an interval of so many ``worlds`` is tried on them."""

    dataset: str
    interval: str
    worlds: int
    values: NDArray[np.float64]
    trial: Trial


def few_worlds_coverage(tables: Mapping[str, pd.DataFrame], *, replications: int, seed: int = 0) -> pd.DataFrame:
    """Draw worlds with replacement from those of a quantity, make the printed interval, and count.

    What is true is the mean of the worlds that are drawn from, of which there are at least eight: so an interval is
    tried on as skewed values as were found. Drawing the same world twice makes intervals too narrow by itself, so as
    many normal values of the same mean and spread are drawn from beside them.

    Args:
        tables: of ``SOURCES``.

    Returns:
        A row per dataset, interval and number of worlds: dataset, interval (``gain``: of each row of Table 3, in
        points; ``correlation``: of each estimator with the truth; ``rare``: of a rare cue's gain at each share, over
        cells), worlds, quantities (how many are tried), replications, covered (share of intervals that hold the mean;
        nominal 0.95), std_err (as if quantities, which share worlds, were one), least (of the quantity that is covered
        least), normal (covered, of normal values).

    Raises:
        InputError: fewer than 10 replications, or no quantity of eight worlds.
    """
    replications = whole_number(replications, "replications", least=10, most=1_000_000, hint=" (1000 for a report)")
    cases = [*_gains(tables["recovered_scores"]), *_correlations(tables["recovered_worlds"])]
    cases += _rare(tables["recovered_rare_worlds"])
    if not cases:
        raise InputError(f"no quantity is known in {_LEAST_KNOWN} worlds; expected some to draw worlds from")
    rows = []
    generators = np.random.default_rng(seed_of(seed)).spawn(len(cases))
    for case, generator in zip(bar(cases, "intervals", total=len(cases), unit="quantity"), generators, strict=True):
        values = case.values
        normal = values.mean() + values.std() * generator.standard_normal((replications, len(values)))
        rows.append(
            {
                "dataset": case.dataset,
                "interval": case.interval,
                "worlds": case.worlds,
                "covered": np.mean([case.trial(values, generator) for _ in range(replications)]),
                "normal": np.mean([case.trial(one, generator) for one in normal]),
            }
        )
    grouped = pd.DataFrame(rows).groupby(["dataset", "interval", "worlds"], sort=False)
    table = grouped.agg(
        quantities=("covered", "size"), covered=("covered", "mean"), least=("covered", "min"), normal=("normal", "mean")
    ).reset_index()
    table["replications"] = replications
    table["std_err"] = np.sqrt(table["covered"] * (1 - table["covered"]) / replications)
    columns = ["dataset", "interval", "worlds", "quantities", "replications", "covered", "std_err", "least", "normal"]
    return table[columns]


def write_few_worlds(results: Path, *, replications: int) -> pd.DataFrame:
    """Write ``recovered_coverage.csv`` beside the tables that it is drawn from; returns it.

    Raises:
        InputError: a table is not there, or as ``few_worlds_coverage``; nothing is written then.
    """
    paths = {name: Path(results) / f"{name}.csv" for name in SOURCES}
    for path in paths.values():
        if not path.is_file():
            raise InputError(f"no table at {path}; `mosaicreid recovery collect` writes it")
    found = few_worlds_coverage({name: read_results(path) for name, path in paths.items()}, replications=replications)
    inputs = {path.name: path for path in paths.values()}
    data = dict.fromkeys(found["dataset"], SYNTHETIC)
    table = Table(frame=found, inputs=inputs, parameters={"replications": replications, "data": data})
    write_tables({"recovered_coverage": table}, Path(results))
    return found


def _gains(scores: pd.DataFrame) -> Iterator[Case]:
    """What experts gain in the worlds whose bits are dealt, one quantity per configuration."""
    own = scores[(scores["arm"] == "experts") & (scores["added"] == 0) & scores["cell"].str.endswith("-dealt")]
    for (dataset, _), part in own.groupby(["dataset", "configuration"], sort=False):
        yield from _whole(str(dataset), "gain", part.groupby("world")["gain"].mean())


def _correlations(worlds: pd.DataFrame) -> Iterator[Case]:
    for (dataset, _, _), part in worlds.groupby(["dataset", "method", "importance"], sort=False):
        yield from _whole(str(dataset), "correlation", part.groupby("world")["rho"].mean())


def _whole(dataset: str, interval: str, of_worlds: pd.Series) -> Iterator[Case]:
    values = of_worlds.dropna().to_numpy(float)
    if len(values) >= _LEAST_KNOWN:
        for worlds in WORLDS:
            yield Case(dataset, interval, worlds, values, partial(_holds, worlds=worlds, what=interval))


def _holds(values: NDArray[np.float64], generator: np.random.Generator, *, worlds: int, what: str) -> bool:
    found = over_worlds(generator.choice(values, worlds), what=what)
    return bool(found["low"] <= values.mean() <= found["high"])


def _rare(worlds: pd.DataFrame) -> Iterator[Case]:
    """Gains at one share: what worlds are from the mean of their cell."""
    for (dataset, _), part in worlds.groupby(["dataset", "share"], sort=False):
        known = part.dropna(subset="gain")
        cells = known["cell"].tolist()
        if len(cells) >= _LEAST_KNOWN:
            residuals = (known["gain"] - known.groupby("cell")["gain"].transform("mean")).to_numpy(float)
            yield Case(str(dataset), "rare", len(cells), residuals, partial(_holds_within, cells=cells))


def _holds_within(values: NDArray[np.float64], generator: np.random.Generator, *, cells: Sequence[str]) -> bool:
    found = within_cells(generator.choice(values, len(cells)), cells, what="rare")
    return bool(found["low"] <= values.mean() <= found["high"])
