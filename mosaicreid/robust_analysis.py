"""Every robust result table of a sweep, from the per-query results of its runs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid import bootstrap, robust
from mosaicreid.contrasts import combine, contrast_weights, published_contrasts
from mosaicreid.coverage import World, coverage
from mosaicreid.panel import Panel, build_panel
from mosaicreid.power import power
from mosaicreid.published import attributes as attributes_of
from mosaicreid.results import write_results

# Differences below half a point of mAP are within what two implementations of one method differ by.
MARGIN = 0.5


def analyse_panel(panel: Panel, *, dataset: str, margin: float = MARGIN) -> dict[str, pd.DataFrame]:
    """Every robust analysis of one dataset's panel, by name.

    effects, contrasts (see ``contrasts``; beside them the published table's), gains, components, influence (the
    configuration that moves each effect most), power (of effects and contrasts) and answers (``count_answers``).
    """
    fitted = robust.fit(panel)
    std_err = pd.Series(fitted.std_err[1:], index=panel.attributes)
    combined = combine(fitted, contrast_weights(dataset))
    naive = robust.naive_effects(panel).set_index("attribute").add_prefix("naive_")
    found = {
        "effects": robust.effects(fitted, margin=margin).join(naive, on="attribute"),
        "contrasts": robust.effects(combined, margin=margin)
        .rename(columns={"attribute": "contrast"})
        .join(published_contrasts(dataset), on="contrast"),
        "gains": bootstrap.gains(panel),
        "power": pd.concat([power(fitted), power(combined)], ignore_index=True),
        "components": robust.variance_components(panel),
    }
    found["power"]["seeds_needed"] = np.ceil(found["power"]["runs_factor"] * len(panel.seeds))
    found["power"]["queries_needed"] = np.ceil(found["power"]["identities_factor"] * len(panel.pids))
    every = robust.leave_one_out(panel)
    every["shift"] = every["change"] / every["attribute"].map(std_err)
    worst = every.loc[every["change"].abs().groupby(every["attribute"]).rank(ascending=False, method="first") == 1]
    # An effect that no other configurations determine has no row.
    found["influence"] = worst.set_index("attribute").reindex(list(panel.attributes)).reset_index()
    found["answers"] = count_answers(found, every)
    return found


def count_answers(found: dict[str, pd.DataFrame], every: pd.DataFrame) -> pd.DataFrame:
    """One row that says in numbers what the tables show.

    Of ``attributes``: ``naive`` (the paper's interval leaves out zero), ``uncorrected``, ``holm``, ``bh`` (p < 0.05),
    ``equivalent`` (p < 0.05), ``unsettled`` (neither Holm nor equivalence); ``reversed`` (another sign without some one
    configuration, ``every`` being ``leave_one_out``), ``powered`` (power of 80 % or more at the estimate). Of
    ``configurations``: ``better`` and ``worse`` than the baseline by their simultaneous intervals, and
    ``better_alone`` by their own.
    """
    effects, gains, power_now = found["effects"], found["gains"], found["power"]
    equivalent, holm = effects["p_equivalence"] < 0.05, effects["p_holm"] < 0.05
    whole = every["attribute"].map(effects.set_index("attribute")["effect"])
    reversed_ = every.loc[np.sign(every["effect"]) * np.sign(whole) < 0, "attribute"].nunique()
    of_attributes = power_now["attribute"].isin(effects["attribute"])
    row = {
        "attributes": len(effects),
        "naive": int(((effects["naive_ci_low"] > 0) | (effects["naive_ci_high"] < 0)).sum()),
        "uncorrected": int((effects["p_value"] < 0.05).sum()),
        "holm": int(holm.sum()),
        "bh": int((effects["p_bh"] < 0.05).sum()),
        "equivalent": int(equivalent.sum()),
        "unsettled": int((~holm & ~equivalent).sum()),
        "reversed": int(reversed_),
        "powered": int((power_now.loc[of_attributes, "power"] >= 0.8).sum()),
        "configurations": len(gains),
        "better": int((gains["sim_low"] > 0).sum()),
        "worse": int((gains["sim_high"] < 0).sum()),
        "better_alone": int((gains["ci_low"] > 0).sum()),
    }
    return pd.DataFrame([row])


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
        for name, frame in analyse_panel(panel, dataset=dataset, margin=margin).items():
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
