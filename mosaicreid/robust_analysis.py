"""Every robust result table of a sweep, from the per-query results of its runs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid import bootstrap, robust
from mosaicreid.coverage import World, coverage
from mosaicreid.panel import Panel, build_panel
from mosaicreid.power import power
from mosaicreid.published import attributes as attributes_of
from mosaicreid.results import write_results

# Differences below half a point of mAP are within what two implementations of one method differ by.
MARGIN = 0.5


def analyse_panel(panel: Panel, *, margin: float = MARGIN) -> dict[str, pd.DataFrame]:
    """Every robust analysis of one dataset's panel, by name: effects, gains, components, influence, power."""
    fitted = robust.fit(panel)
    naive = robust.naive_effects(panel).set_index("attribute").add_prefix("naive_")
    influence = robust.leave_one_out(panel)
    strongest = influence.loc[influence["change"].abs().groupby(influence["attribute"]).idxmax().dropna()]
    return {
        "effects": robust.effects(fitted, margin=margin).join(naive, on="attribute"),
        "gains": bootstrap.gains(panel),
        "influence": strongest.set_index("attribute").loc[list(panel.attributes)].reset_index(),
        "power": power(fitted),
        "components": robust.variance_components(panel),
    }


def write_robust(
    per_query: Mapping[str, pd.DataFrame],
    designs: Mapping[str, pd.DataFrame],
    results: Path,
    *,
    inputs: Mapping[str, Path] | None = None,
    margin: float = MARGIN,
) -> None:
    """Write ``robust_<analysis>.csv`` for every dataset of ``per_query`` (see ``panel.build_panel``) to ``results``.

    Raises:
        InputError: as ``build_panel`` and ``robust.fit``.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    facts = []
    for dataset, table in per_query.items():
        panel = build_panel(table, designs[dataset], attributes_of(dataset))
        for name, frame in analyse_panel(panel, margin=margin).items():
            found.setdefault(name, []).append(frame.assign(dataset=dataset))
        facts.append(
            {
                "dataset": dataset,
                "configurations": len(panel.configurations),
                "seeds": len(panel.seeds),
                "queries": len(panel.pids),
                "identities": len(np.unique(panel.pids)),
                "margin": margin,
            }
        )
    parameters = {"margin_mAP_points": margin}
    write_results(pd.DataFrame(facts), Path(results) / "robust_panels.csv", inputs=inputs, parameters=parameters)
    for name, frames in found.items():
        table = pd.concat(frames, ignore_index=True)
        table.insert(0, "dataset", table.pop("dataset"))
        write_results(table, Path(results) / f"robust_{name}.csv", inputs=inputs, parameters=parameters)


def write_coverage(results: Path, design: pd.DataFrame, *, replications: int, seed: int = 0) -> None:
    """Write ``robust_coverage.csv``: the simulation study with one and with three seeds on the given 0/1 design.

    Effects are drawn around one point of mAP, a third of them exactly zero.
    """
    generator = np.random.default_rng(seed)
    matrix = design.to_numpy(float)
    effects = np.where(np.arange(matrix.shape[1]) % 3 == 0, 0.0, generator.normal(0.01, 0.005, matrix.shape[1]))
    beta = np.concatenate([[0.6], effects])
    frames = [
        coverage(World(seeds=seeds), matrix, beta, replications=replications, seed=seed).assign(seeds=seeds)
        for seeds in (1, 3)
    ]
    write_results(
        pd.concat(frames, ignore_index=True),
        Path(results) / "robust_coverage.csv",
        parameters={"replications": replications, "seed": seed},
    )
