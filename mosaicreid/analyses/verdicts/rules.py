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
    gain, (low, high) = _number(row, "gain"), _ends(row, "sim_low", "sim_high")
    return Finding(interval("all attributes over the baseline", gain, low, high), judge(low, high))


def split(name: str, part: str, words: str) -> Rule:
    """A part of the oracle's gain (``oracle_split.csv``) is positive."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["oracle_split"], dataset=dataset, split=name, part=part)
        points, (low, high) = _number(row, "points"), _ends(row, "ci_low", "ci_high")
        share = "" if _is_missing(row, "share") else f", {_number(row, 'share'):.0%} of the gain"
        return Finding(interval(words, points, low, high) + share, judge(low, high))

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
        point, (low, high) = _number(row, columns[0]), _ends(row, *columns[1:])
        return Finding(interval(f"{words} {name}:", point, low, high), judge(low, high))

    return finding


def published_limited(attribute: str) -> Rule:
    """The published GLM's interval of an attribute, by Student's t, lies within the margin of equivalence."""

    def finding(tables: Tables, dataset: str) -> Finding:
        where = {"dataset": dataset, "metric": "mAP", "term": attribute}
        row = only_row(tables["caveats_t_vs_z"], **where)
        point, (low, high) = _number(only_row(tables["published_glm"], **where), "coef"), _ends(row, "t_low", "t_high")
        margin = _margin(tables, dataset)
        said = interval(attribute, point, low, high) + f"; margin ±{margin:g}"
        return Finding(said, judge_limited(low, high, margin))

    return finding


def our_limited(attribute: str) -> Rule:
    """No effect in our runs by two one-sided tests at 5 %; fails where the interval lies beyond the margin."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["robust_effects"], dataset=dataset, attribute=attribute)
        margin = _margin(tables, dataset)
        effect, (low, high) = _number(row, "effect"), _ends(row, "ci_low", "ci_high")
        p_value = _number(row, "p_equivalence")
        return Finding(
            f"{interval(attribute, effect, low, high)}; within ±{margin:g}: p = {p_value:.2g}",
            "holds" if p_value < 0.05 else judge_limited(low, high, margin),
        )

    return finding


def saturation(source: str) -> Rule:
    """Table 6: experts in the last two thirds of the blocks differ from all of them by less than the margin."""

    def finding(tables: Tables, dataset: str) -> Finding:
        rows = tables["experiment_last_k"]
        rows = rows[rows["source"] == source]
        depths = [(_number(row, "last_k"), _number(row, "depth")) for _, row in rows.iterrows()]
        last_k, depth, place = min((k, depth, place) for place, (k, depth) in enumerate(depths) if k >= depth * 2 / 3)
        row, margin = rows.iloc[place], _margin(tables, dataset)
        difference = _number(row, "difference")
        said = f"K = {last_k:g} of {depth:g}: {difference:+.1f} against all blocks"
        if _is_missing(row, "ci_low"):
            return Finding(f"{said}, one run each; margin ±{margin:g}", judge_limited(difference, difference, margin))
        low, high = _ends(row, "ci_low", "ci_high")
        return Finding(f"{said} ({low:.1f} to {high:.1f}); margin ±{margin:g}", judge_limited(low, high, margin))

    return finding


def only_row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row with the given values; LookupError where there is not exactly one."""
    for column, value in where.items():
        table = table[table[column] == value]
    if len(table) != 1:
        raise LookupError(f"{len(table)} rows with {where}; expected one")
    return table.iloc[0]


def _margin(tables: Tables, dataset: str) -> float:
    return _number(only_row(tables["robust_panels"], dataset=dataset), "margin")


def _number(row: pd.Series, column: str) -> float:
    """A finite number; LookupError where the column is missing or holds something else."""
    value = row[column]
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not np.isfinite(value):
        raise LookupError(f"{column} is {str(value)[:100]!r}; expected a number")
    return float(value)


def _ends(row: pd.Series, lower: str, upper: str) -> tuple[float, float]:
    """The ends of an interval by their columns; LookupError where one is no number or they are the wrong way round."""
    low, high = _number(row, lower), _number(row, upper)
    if low > high:
        raise LookupError(f"{lower} is {low:g} and {upper} {high:g}; expected an interval")
    return low, high


def _is_missing(row: pd.Series, column: str) -> bool:
    return isinstance(row[column], float) and bool(np.isnan(row[column]))
