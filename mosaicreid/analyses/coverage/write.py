"""The simulation study, written and drawn."""

from pathlib import Path

from mosaicreid.analyses.coverage.compute import coverage_table
from mosaicreid.analyses.coverage.figures import plot_coverage
from mosaicreid.analyses.coverage.regimes import REGIMES, read_regimes
from mosaicreid.names.provenance import SYNTHETIC, data_titles
from mosaicreid.plotting import save_figure
from mosaicreid.results import read_results, write_results

NAME = "robust_coverage"


def write_coverage(results: Path, *, replications: int, seed: int = 0, settings: Path = REGIMES) -> Path:
    """Write ``robust_coverage.csv``, every interval of ``coverage_table``, and its figure; returns the table's path.

    ``settings``: TOML file of regimes, all of them like our runs in synthetic worlds.

    Raises:
        InputError: as ``read_regimes`` and ``coverage_table``; nothing has been written then.
    """
    regimes = read_regimes(settings)
    table = coverage_table(regimes, replications=replications, seed=seed)
    kinds = {regime.dataset: SYNTHETIC for regime in regimes}
    path = Path(results) / f"{NAME}.csv"
    write_results(
        table,
        path,
        inputs={Path(settings).name: Path(settings)},
        parameters={"data": kinds, "level": 0.95, "replications": replications, "seed": seed},
    )
    figure = plot_coverage(read_results(path), data_titles(kinds))
    save_figure(figure, Path(results) / "figures" / f"{NAME}.svg")
    return path
