"""Rules that judge a claim by one kind of evidence: the published numbers, our runs, or the controls.

A rule takes the result tables and a dataset, and returns the verdict with the numbers it rests on. A verdict is one of
``holds``, ``fails`` and ``open`` (the interval holds both). Effects are in mAP points with 95 % intervals.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaicreid import published
from mosaicreid.results import Tables


@dataclass(frozen=True)
class Finding:
    """One cell of the verdict table: what was found, in a line, and the verdict."""

    evidence: str
    verdict: str


Rule = Callable[[Tables, str], Finding]


def judge(low: float, high: float) -> str:
    """``holds`` where the interval lies above zero, ``fails`` where below, else ``open``."""
    return "holds" if low > 0 else "fails" if high < 0 else "open"


def judge_limited(low: float, high: float, margin: float) -> str:
    """``holds`` where the interval lies within +-margin, ``fails`` where beyond it on one side, else ``open``."""
    if -margin < low and high < margin:
        return "holds"
    return "fails" if low > margin or high < -margin else "open"


def interval(what: str, point: float, low: float, high: float) -> str:
    """``what 1.2 (0.3 to 2.1)``."""
    return f"{what} {point:.1f} ({low:.1f} to {high:.1f})".strip()


def published_gain(tables: Tables, dataset: str) -> Finding:
    """All attributes less the baseline, as printed in Table 3: one run each, so no interval."""
    scores = published.load_table(3, dataset).set_index("configuration")["mAP"]
    gain = scores["all"] - scores["baseline"]
    return Finding(f"all attributes {gain:+.1f} over the baseline, one run each", "holds" if gain > 0 else "fails")


def our_gain(tables: Tables, dataset: str) -> Finding:
    """The gain of ``all`` in our runs, with its simultaneous interval."""
    row = only_row(tables["robust_gains"], dataset=dataset, configuration="all")
    return Finding(
        interval("all attributes over the baseline", row["gain"], row["sim_low"], row["sim_high"]),
        judge(row["sim_low"], row["sim_high"]),
    )


def split(name: str, part: str, words: str) -> Rule:
    """A part of the oracle's gain (``oracle_split.csv``) is positive."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["oracle_split"], dataset=dataset, split=name, part=part)
        share = "" if np.isnan(row["share"]) else f", {row['share']:.0%} of the gain"
        return Finding(
            interval(words, row["points"], row["ci_low"], row["ci_high"]) + share, judge(row["ci_low"], row["ci_high"])
        )

    return finding


def published_contrast(name: str) -> Rule:
    """A contrast of the published GLM's coefficients (``contrasts``) is positive, by Student's t."""
    return _contrast("robust_contrasts", name, ("paper_effect", "paper_ci_low", "paper_ci_high"), "GLM coefficients")


def our_contrast(name: str) -> Rule:
    """The same contrast of the effects in our runs, by the mixed-effects model, is positive."""
    return _contrast("robust_contrasts", name, ("effect", "ci_low", "ci_high"), "effects")


def ablated_contrast(name: str) -> Rule:
    """The same contrast of the Shapley values by switching off experts of one trained model is positive."""
    return _contrast("shapley_contrasts", name, ("value", "ci_low", "ci_high"), "experts switched off,")


def _contrast(table: str, name: str, columns: tuple[str, str, str], words: str) -> Rule:
    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables[table], dataset=dataset, contrast=name)
        point, low, high = (float(row[column]) for column in columns)
        return Finding(interval(f"{words} {name}:", point, low, high), judge(low, high))

    return finding


def published_limited(attribute: str) -> Rule:
    """The published GLM's interval of an attribute, by Student's t, lies within the margin of equivalence."""

    def finding(tables: Tables, dataset: str) -> Finding:
        where = {"dataset": dataset, "metric": "mAP", "term": attribute}
        point = only_row(tables["published_glm"], **where)["coef"]
        row = only_row(tables["caveats_t_vs_z"], **where)
        margin = _margin(tables, dataset)
        said = interval(attribute, point, row["t_low"], row["t_high"]) + f"; margin ±{margin:g}"
        return Finding(said, judge_limited(row["t_low"], row["t_high"], margin))

    return finding


def our_limited(attribute: str) -> Rule:
    """No effect in our runs by two one-sided tests at 5 %; fails where the interval lies beyond the margin."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["robust_effects"], dataset=dataset, attribute=attribute)
        margin = _margin(tables, dataset)
        said = interval(attribute, row["effect"], row["ci_low"], row["ci_high"])
        verdict = judge_limited(row["ci_low"], row["ci_high"], margin)
        return Finding(
            f"{said}; within ±{margin:g}: p = {row['p_equivalence']:.2g}",
            "holds" if row["p_equivalence"] < 0.05 else verdict,
        )

    return finding


def saturation(source: str) -> Rule:
    """Table 6: experts in the last two thirds of the blocks differ from all of them by less than the margin."""

    def finding(tables: Tables, dataset: str) -> Finding:
        rows = tables["experiment_last_k"]
        rows = rows[rows["source"] == source]
        row = rows[rows["last_k"] >= rows["depth"] * 2 / 3].sort_values("last_k").iloc[0]
        margin = _margin(tables, dataset)
        said = f"K = {row['last_k']} of {row['depth']}: {row['difference']:+.1f} against all blocks"
        if np.isnan(row["ci_low"]):
            verdict = judge_limited(row["difference"], row["difference"], margin)
            return Finding(f"{said}, one run each; margin ±{margin:g}", verdict)
        said += f" ({row['ci_low']:.1f} to {row['ci_high']:.1f}); margin ±{margin:g}"
        return Finding(said, judge_limited(row["ci_low"], row["ci_high"], margin))

    return finding


def only_row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row with the given values; LookupError where there is not exactly one."""
    for column, value in where.items():
        table = table[table[column] == value]
    if len(table) != 1:
        raise LookupError(f"{len(table)} rows with {where}; expected one")
    return table.iloc[0]


def _margin(tables: Tables, dataset: str) -> float:
    return float(only_row(tables["robust_panels"], dataset=dataset)["margin"])
