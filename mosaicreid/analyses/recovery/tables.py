"""All tables of this experiment from its worlds; nothing is written here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.analyses.recovery.ceilings import ceilings
from mosaicreid.analyses.recovery.components import component_table, noise_of_runs
from mosaicreid.analyses.recovery.decision import LOSSES, RECOVERED, over_worlds, reason, recovered
from mosaicreid.analyses.recovery.estimates import world_rhos
from mosaicreid.analyses.recovery.power import needed_table, power_table
from mosaicreid.analyses.recovery.rare import rare_answers, rare_table, rare_worlds
from mosaicreid.analyses.recovery.switched import switched_table, switched_worlds
from mosaicreid.analyses.recovery.worlds import dealt, read_tables, truth_table
from mosaicreid.analyses.strength.cells import Cell

_KEY = ["dataset", "method", "importance"]


def all_tables(cells: Sequence[Cell], runs: Path) -> dict[str, pd.DataFrame]:
    """Every table by the name of its file: what the worlds in ``runs`` scored, what is true there, and what follows.

    ``recovered_scores`` has the worlds' own tables, columns as in ``strength.compute``; the others are described where
    they are made: ``worlds.truth_table``, ``estimates``, ``agreement_table``, ``ceilings``, ``losses_table``,
    ``components``, ``power``, ``switched`` and ``rare``.

    Raises:
        InputError: a cell without a world, a world without a configuration, scores that are all equal, no world trained
            twice, one world where there must be two: in one line, as these functions say.
    """
    found = read_tables(cells, runs)
    rare_each = rare_worlds(found)
    whole, repeats = dealt(found)
    noise = noise_of_runs([*whole, *repeats])
    rare_shares = rare_table(rare_each)
    rhos = world_rhos(whole)
    # What needs two worlds is asked for before what takes long.
    agreement = agreement_table(rhos)
    switched = switched_worlds(whole)
    compared = switched_table(switched)
    answers = rare_answers(rare_each, rare_shares)
    steps = ceilings(whole, noise)
    power = power_table(whole, noise)
    drawn = {(cell.name, draw.world): truth_table(cell, draw) for cell, draw, _ in found}
    return {
        "recovered_scores": pd.concat([table for _, _, table in found], ignore_index=True),
        "recovered_truth": pd.concat(drawn.values(), ignore_index=True),
        "recovered_worlds": rhos,
        "recovered": agreement,
        "recovered_steps": steps,
        "recovered_losses": losses_table(steps, agreement),
        "recovered_components": component_table(whole, noise),
        "recovered_power": power,
        "recovered_needed": needed_table(power),
        "recovered_switched_worlds": switched,
        "recovered_switched": compared,
        "recovered_rare_worlds": rare_each,
        "recovered_rare": rare_shares,
        "recovered_rare_answers": answers,
    }


def agreement_table(rhos: pd.DataFrame) -> pd.DataFrame:
    """Mean rank correlation with the truth over worlds, a row per dataset, method and importance.

    Args:
        rhos: of ``world_rhos``.

    Returns:
        dataset, method, importance, mean, sd, low, high, worlds, verdict, worlds_needed (rule 1); pearson_mean,
        pearson_low, pearson_high (Pearson's correlation); entropy_ and unread_ likewise (rho with the labels' entropy,
        and with what heads leave unread, in place of the hidden bits; the latter missing in fewer than two worlds);
        halves_mean (between halves of the test people; missing for mixed effects, which are the GLM's).

    Raises:
        InputError: fewer than two worlds.
    """
    rows = []
    for key, own in rhos.groupby(_KEY, sort=False):
        what = f"{key[2]} of {key[1]} in {key[0]}"
        found = over_worlds(own["rho"].to_numpy(float), what=what, bound=1.0)
        row = dict(zip(_KEY, key, strict=True)) | found | recovered(found)
        for name, column in (("pearson", "pearson"), ("entropy", "rho_entropy"), ("unread", "rho_unread")):
            values = own[column].to_numpy(float)
            if column == "rho_unread" and np.isfinite(values).sum() < 2:
                row |= dict.fromkeys((f"{name}_mean", f"{name}_low", f"{name}_high"), np.nan)
                continue
            other = over_worlds(values, what=f"{what} beside {name}", bound=1.0)
            row |= {f"{name}_{end}": other[end] for end in ("mean", "low", "high")}
        rows.append(row | {"halves_mean": float(own["rho_halves"].mean())})
    return pd.DataFrame(rows)


def losses_table(steps: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """What each step takes from rho = 1, mean over worlds.

    Args:
        steps: of ``ceilings``. agreement: of ``agreement_table``, for the verdicts.

    Returns:
        dataset, importance, loss (of ``decision.LOSSES``), mean, sd, low, high, worlds, reason (rule 2, in every row of
        its importance; empty where the truth is recovered).

    Raises:
        InputError: fewer than two worlds.
    """
    verdicts = agreement[agreement["method"] == "retrain"].set_index(["dataset", "importance"])["verdict"].to_dict()
    rows = []
    for (dataset, importance), own in steps.groupby(["dataset", "importance"], sort=False):
        found = {
            name: over_worlds(own[name].to_numpy(float), what=f"{name} of {importance} in {dataset}") for name in LOSSES
        }
        why = "" if verdicts[str(dataset), str(importance)] == RECOVERED else reason(found)
        rows += [
            {"dataset": dataset, "importance": importance, "loss": name, **one, "reason": why}
            for name, one in found.items()
        ]
    return pd.DataFrame(rows)
