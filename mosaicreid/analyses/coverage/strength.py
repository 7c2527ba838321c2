"""How often the bands of ``analyses.strength`` hold the truth: simulated from fitted curves, and fitted again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mosaicreid.analyses.strength.bands import Band, fit_band, scale_of
from mosaicreid.analyses.strength.decision import BASELINES
from mosaicreid.analyses.strength.tables import grid_of_baselines, main_rows
from mosaicreid.errors import InputError
from mosaicreid.progress import bar
from mosaicreid.results import Table, read_results, write_tables
from mosaicreid.statistics.inputs import seed_of, whole_number

QUANTITIES = ("E", "gain", "L", "H")
TRUTHS = ("as fitted", "datasets scaled")


def band_coverage(
    estimands: pd.DataFrame, *, replications: int, quantities: Sequence[str] = QUANTITIES, seed: int = 0
) -> pd.DataFrame:
    """Simulate what the curves are fitted to, fit again, and count.

    The truth is a fitted model: its curves, its effect of the dataset, its variances and how they shrink with the
    shortfall, at the baselines that the worlds have. It is the model of the bands (``as fitted``), or the variant in
    which datasets differ less where little is left (``datasets scaled``), which the bands do not know of.

    Args:
        estimands: of ``tables.estimands``.

    Returns:
        A row per quantity and truth: quantity, truth, replications, whole (share in which the band holds the true
        curves of all routes everywhere; nominal 0.95), at_baselines (share in which it does at the paper's two), each
        with its binomial standard error (``_se``), and bias (points, the largest over the paper's baselines).

    Raises:
        InputError: fewer than 10 replications, an unknown quantity; else as ``fit_band``.
    """
    replications = whole_number(replications, "replications", least=10, most=1_000_000, hint=" (200 for a report)")
    rows = main_rows(estimands)
    unknown = [name for name in quantities if name not in rows]
    if unknown:
        raise InputError(f"no quantity {unknown[0]!r} of the worlds to simulate; expected of {', '.join(QUANTITIES)}")
    grid = grid_of_baselines()
    found = []
    cases = [(name, truth) for name in quantities for truth in TRUTHS]
    for (name, model), generator in zip(cases, np.random.default_rng(seed_of(seed)).spawn(len(cases)), strict=True):
        truth = fit_band(rows, name, grid, scaled=model == TRUTHS[1])
        curve = truth.curve["estimate"].to_numpy(float)
        at = truth.curve["baseline"].isin(BASELINES).to_numpy()
        held, estimates = [], []
        for _ in bar(range(replications), f"worlds with {name}, {model}", total=replications, unit="fit"):
            again = fit_band(rows.assign(**{name: _simulated(truth, rows, generator)}), name, grid).curve
            held.append(((again["low"] <= curve) & (curve <= again["high"])).to_numpy())
            estimates.append(again["estimate"].to_numpy(float))
        inside = np.stack(held)
        bias = np.abs(np.mean(estimates, axis=0) - curve)[at].max() if at.any() else np.nan
        shares = {"whole": inside.all(axis=1).mean(), "at_baselines": inside[:, at].all(axis=1).mean()}
        errors = {f"{key}_se": np.sqrt(share * (1 - share) / replications) for key, share in shares.items()}
        found.append({"quantity": name, "truth": model, "replications": replications, **shares, **errors, "bias": bias})
    return pd.DataFrame(found)


def write_coverage(results: Path, *, replications: int) -> pd.DataFrame:
    """Write ``strength_coverage.csv`` beside the table of worlds, ``strength_worlds.csv``; returns it.

    Raises:
        InputError: no such table yet, or as ``band_coverage``; nothing is written then.
    """
    source = Path(results) / "strength_worlds.csv"
    if not source.is_file():
        raise InputError(f"no table of worlds at {source}; `mosaicreid strength collect` writes it")
    table = band_coverage(read_results(source), replications=replications)
    written = Table(frame=table, inputs={source.name: source}, parameters={"replications": replications})
    write_tables({"strength_coverage": written}, results)
    return table


def _simulated(truth: Band, rows: pd.DataFrame, generator: np.random.Generator) -> NDArray[np.float64]:
    """Values of the fitted model at the worlds and cells of ``rows``."""
    world = pd.factorize(rows["dataset"].astype(str) + " " + rows["world"].astype(str))[0]
    of_world = truth.world_sd * generator.standard_normal(world.max() + 1)
    rest = truth.rest_sd * generator.standard_normal(len(rows))
    scale = scale_of(rows["baseline"].to_numpy(float), truth.gamma)
    values: NDArray[np.float64] = truth.expected + scale * (of_world[world] + rest)
    return values
