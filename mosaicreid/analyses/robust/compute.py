"""Every robust result table of a sweep, from the per-query results of its runs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mosaicreid.analyses.robust.contrasts import contrast_weights, published_contrasts
from mosaicreid.analyses.robust.margins import margin_if_any
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.results import columns_first
from mosaicreid.statistics import bootstrap, mixed_effects
from mosaicreid.statistics.contrasts import combine
from mosaicreid.statistics.panel import Panel, build_panel
from mosaicreid.statistics.power import power


def analyse_panel(panel: Panel, *, dataset: str) -> dict[str, pd.DataFrame]:
    """Every robust analysis of one dataset's panel, by name.

    effects, contrasts (see ``contrasts``; beside them the published table's), gains, components, influence (the
    configuration that moves each effect most), power (of effects and contrasts) and answers (``count_answers``). The
    margin of equivalence is that of the panel's own gain (``margins``).
    """
    fitted = mixed_effects.fit(panel)
    combined = combine(fitted, contrast_weights(dataset))
    std_err = pd.Series(fitted.std_err[1:], index=panel.attributes)
    tables = {
        **_what_changes(panel, fitted, combined, dataset=dataset),
        "power": pd.concat([power(fitted), power(combined)], ignore_index=True),
        "components": mixed_effects.variance_components(panel),
    }
    tables["power"]["seeds_needed"] = np.ceil(tables["power"]["runs_factor"] * len(panel.seeds))
    tables["power"]["queries_needed"] = np.ceil(tables["power"]["identities_factor"] * len(panel.pids))
    every = mixed_effects.leave_one_configuration_out(panel)
    every["shift"] = every["change"] / every["attribute"].map(std_err)
    worst = every.loc[every["change"].abs().groupby(every["attribute"]).rank(ascending=False, method="first") == 1]
    # An effect that no other configurations determine has no row.
    tables["influence"] = worst.set_index("attribute").reindex(list(panel.attributes)).reset_index()
    tables["answers"] = count_answers(tables, every)
    return tables


def _what_changes(
    panel: Panel, fitted: mixed_effects.Fit, combined: mixed_effects.Fit, *, dataset: str
) -> dict[str, pd.DataFrame]:
    """Effects, contrasts and gains of ``analyse_panel``; ``combined`` is ``fitted`` in the contrasts' terms."""
    gains = bootstrap.gains(panel)
    margin = margin_if_any(gain_of_all(gains))
    naive = mixed_effects.naive_effects(panel).set_index("attribute").add_prefix("naive_")
    return {
        "effects": mixed_effects.effects(fitted, margin=margin).join(naive, on="attribute"),
        "contrasts": mixed_effects.effects(combined, margin=margin)
        .rename(columns={"attribute": "contrast"})
        .join(published_contrasts(dataset), on="contrast"),
        "gains": gains,
    }


def count_answers(tables: dict[str, pd.DataFrame], every: pd.DataFrame) -> pd.DataFrame:
    """One row that says in numbers what the tables show.

    Of ``attributes``: ``naive`` (the paper's interval leaves out zero), ``uncorrected``, ``holm``, ``bh`` (p < 0.05),
    ``equivalent`` (p < 0.05), ``unsettled`` (neither Holm nor equivalence); ``reversed`` (another sign without some one
    configuration, ``every`` being ``leave_one_configuration_out``), ``powered`` (power of 80 % or more at the
    estimate). Of ``configurations``: ``better`` and ``worse`` than the baseline by their simultaneous intervals, and
    ``better_alone`` by their own.
    """
    effects, gains, power_now = tables["effects"], tables["gains"], tables["power"]
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


def gain_of_all(gains: pd.DataFrame) -> float:
    """The gain of all attributes over the baseline, mAP points, from a table of ``bootstrap.gains``.

    Raises:
        InputError: nothing was trained with all attributes.
    """
    found = gains.loc[gains["configuration"] == "all", "gain"]
    if found.empty:
        raise InputError(
            f"no configuration `all` among {', '.join(gains['configuration'])}; expected one: a tenth of its gain is "
            "what counts as little"
        )
    return float(found.iloc[0])


def robust_tables(
    per_query: Mapping[str, pd.DataFrame], designs: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Every robust analysis of all datasets: ``panels``, what each dataset's panel holds (with the margin of
    equivalence in mAP points, NaN without a gain), and those of ``analyse_panel``. What is said of effects, contrasts,
    gains and margins is said of Rank-1 as well, in the tables of the same names after ``rank1_``, in points of Rank-1.

    Args:
        per_query: by dataset, the table that ``build_panel`` takes, and ``hit``: 1 where the first match is at rank 1.
        designs: by dataset, configuration and a 0/1 column per attribute of the dataset.

    Raises:
        InputError: as ``build_panel`` and ``mixed_effects.fit``.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    facts = []
    for dataset, table in per_query.items():
        panel = build_panel(table, designs[dataset], get_schema(dataset).attributes)
        analysed = analyse_panel(panel, dataset=dataset)
        margin = margin_if_any(gain_of_all(analysed["gains"]))
        for name, frame in (analysed | _rank1(table, designs[dataset], dataset)).items():
            found.setdefault(name, []).append(frame.assign(dataset=dataset))
        facts.append(
            {
                "dataset": dataset,
                "configurations": len(panel.configurations),
                "seeds": len(panel.seeds),
                "queries": len(panel.pids),
                "identities": len(np.unique(panel.pids)),
                "margin": np.nan if margin is None else margin,
            }
        )
    joined = {name: columns_first(pd.concat(frames, ignore_index=True), "dataset") for name, frames in found.items()}
    return {"panels": pd.DataFrame(facts), **joined}


def _rank1(per_query: pd.DataFrame, design: pd.DataFrame, dataset: str) -> dict[str, pd.DataFrame]:
    """The analyses of Rank-1, which is the mean over queries of a hit, as mAP is of average precision.

    Nothing where all queries, or none, are hit in all runs: there is nothing to explain.
    """
    hits = per_query.assign(ap=per_query["hit"])
    if hits["ap"].min() == hits["ap"].max():
        return {}
    panel = build_panel(hits, design, get_schema(dataset).attributes)
    fitted = mixed_effects.fit(panel)
    tables = _what_changes(panel, fitted, combine(fitted, contrast_weights(dataset)), dataset=dataset)
    return {f"rank1_{name}": table for name, table in tables.items()}
