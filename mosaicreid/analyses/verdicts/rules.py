"""Rules that judge a claim by one kind of evidence: the published numbers, our runs, or the controls.

A rule takes the result tables and a dataset, and returns the verdict with the numbers it rests on. A verdict is one of
``holds``, ``fails`` and ``open`` (the interval holds both), or says what it ``depends on``. Effects are in mAP points
with 95 % intervals. A claim that something is needed, or next to nothing, is judged by size: what counts as little is
``margin_of`` the gain at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mosaicreid import published
from mosaicreid.analyses.robust.contrasts import contrast_weights
from mosaicreid.analyses.robust.margins import margin_of
from mosaicreid.analyses.verdicts.single_rows import deciding_configurations
from mosaicreid.names.shown import attribute_title, configuration_title
from mosaicreid.results import Tables
from mosaicreid.statistics.mixed_effects import equivalence_p

LEVEL = 0.05


@dataclass(frozen=True)
class Finding:
    """One cell of the verdict table: what was found, in a line, the verdict, and the p-value of the test that decides
    it; NaN where no interval does."""

    evidence: str
    verdict: str
    p_value: float = np.nan


Rule = Callable[[Tables, str], Finding]


def judge(low: float, high: float, threshold: float = 0.0) -> str:
    """``holds`` where the interval lies above the threshold, ``fails`` where below, else ``open``."""
    return "holds" if low > threshold else "fails" if high < threshold else "open"


def judge_limited(low: float, high: float, margin: float) -> str:
    """``holds`` where the interval lies within +-margin, ``fails`` where beyond it on one side, else ``open``."""
    if -margin < low and high < margin:
        return "holds"
    return "fails" if low > margin or high < -margin else "open"


def p_of_interval(point: float, low: float, high: float, threshold: float = 0.0) -> float:
    """Two-sided p-value of the threshold, for an estimate whose 95 % interval is a normal one."""
    distance = abs(point - threshold)
    if high == low:
        return float(distance == 0)
    return float(2 * stats.norm.sf(distance / (high - low) * 2 * stats.norm.ppf(1 - LEVEL / 2)))


def interval(what: str, point: float, low: float, high: float) -> str:
    """``what 1.2 (0.3 to 2.1)``."""
    return f"{what} {tenth(point)} ({tenth(low)} to {tenth(high)})".strip()


def tenth(value: float) -> str:
    """A number with one decimal, and no minus before a zero."""
    shown = f"{value:.1f}"
    return shown.removeprefix("-") if float(shown) == 0 else shown


def published_gain(tables: Tables, dataset: str) -> Finding:
    """All attributes less the baseline, as printed in Table 3: one run each, so no interval."""
    gain = _published_gain(dataset)
    return Finding(f"all attributes {gain:+.1f} over the baseline, one run each", "holds" if gain > 0 else "fails")


def our_gain(tables: Tables, dataset: str) -> Finding:
    """The gain of ``all`` in our runs, with its simultaneous interval."""
    row = only_row(tables["robust_gains"], dataset=dataset, configuration="all")
    gain, (low, high) = _number(row, "gain"), _ends(row, "sim_low", "sim_high")
    said = interval("all attributes over the baseline", gain, low, high)
    return Finding(said, judge(low, high), p_of_interval(gain, low, high))


def split(name: str, part: str, words: str, *, least_share: float = 0.0) -> Rule:
    """A part of the oracle's gain (``oracle_split.csv``) is more than ``least_share`` of the whole."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["oracle_split"], dataset=dataset, split=name, part=part)
        points, (low, high) = _number(row, "points"), _ends(row, "ci_low", "ci_high")
        share = "" if _is_missing(row, "share") else f", {round(100 * _number(row, 'share')):d}% of the gain"
        threshold = 0.0
        if least_share:
            threshold = least_share * _number(only_row(tables["oracle_split"], dataset=dataset, split="gain"), "points")
            share += f"; {least_share:.0%} is {threshold:.1f}"
        return Finding(
            interval(words, points, low, high) + share,
            judge(low, high, threshold),
            p_of_interval(points, low, high, threshold),
        )

    return finding


def predicted(words: str) -> Rule:
    """Experts routed by linear heads gain over the baseline; heads that cannot read refute nothing but themselves."""
    of_split = split("predicted", "to control", words)

    def finding(tables: Tables, dataset: str) -> Finding:
        found = of_split(tables, dataset)
        heads = tables["oracle_heads"]
        gain = pd.to_numeric(heads.loc[heads["dataset"] == dataset, "gain"])
        if gain.empty:
            raise LookupError(f"0 rows of heads with {{'dataset': {dataset!r}}}")
        readable = int((gain > 0).sum())
        unfair = found.verdict == "fails" and readable < len(gain)
        return Finding(
            f"{found.evidence}; the heads beat the majority class on {readable} of {len(gain)} attributes",
            "open" if unfair else found.verdict,
            found.p_value,
        )

    return finding


def positive_control(rule: Rule) -> Rule:
    """What the worlds were built to show: that it is found says that the method works, and nothing of the claim."""

    def finding(tables: Tables, dataset: str) -> Finding:
        found = rule(tables, dataset)
        said = {"holds": "found", "fails": "missed", "open": "open"}[found.verdict]
        return Finding(f"{found.evidence}; built into the worlds", f"{said} (positive control)", found.p_value)

    return finding


def published_contrast(name: str) -> Rule:
    """A contrast of the published GLM's coefficients (``contrasts``) is positive, by Student's t."""
    columns = ("paper_effect", "paper_ci_low", "paper_ci_high")
    rule = _contrast("robust_contrasts", name, columns, "GLM coefficients")
    return _unless_one_row_decides(rule, name, lambda tables, dataset: published.load_table(3, dataset))


def our_contrast(name: str) -> Rule:
    """The same contrast of the effects in our runs, by the mixed-effects model, is positive."""
    rule = _contrast("robust_contrasts", name, ("effect", "ci_low", "ci_high"), "effects")
    return _unless_one_row_decides(rule, name, lambda tables, dataset: tables[f"experiment_table3_{dataset}"])


def ablated_contrast(name: str) -> Rule:
    """The same contrast of the Shapley values by switching off experts of one trained model is positive."""
    return _contrast("shapley_contrasts", name, ("value", "ci_low", "ci_high"), "experts switched off,")


def _contrast(table: str, name: str, columns: tuple[str, str, str], words: str) -> Rule:
    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables[table], dataset=dataset, contrast=name)
        point, (low, high) = _number(row, columns[0]), _ends(row, *columns[1:])
        return Finding(
            interval(f"{words} {name}:", point, low, high), judge(low, high), p_of_interval(point, low, high)
        )

    return finding


def _unless_one_row_decides(rule: Rule, name: str, rows: Callable[[Tables, str], pd.DataFrame]) -> Rule:
    """``open`` where the contrast changes its sign without some one configuration of the experiment."""

    def finding(tables: Tables, dataset: str) -> Finding:
        found, table = rule(tables, dataset), rows(tables, dataset)
        if table.empty:
            raise LookupError(f"0 configurations of {dataset}")
        deciding = deciding_configurations(table, contrast_weights(dataset).T[name])
        if not deciding:
            return found
        rows_named = " or ".join(configuration_title(dataset, row) for row in deciding)
        return Finding(f"{found.evidence}; another sign without the row {rows_named}", "open", found.p_value)

    return finding


def published_limited(attribute: str) -> Rule:
    """The published GLM's interval of an attribute, by Student's t, lies within the margin of the published gain."""

    def finding(tables: Tables, dataset: str) -> Finding:
        where = {"dataset": dataset, "metric": "mAP", "term": attribute}
        row = only_row(tables["caveats_t_vs_z"], **where)
        point, (low, high) = _number(only_row(tables["published_glm"], **where), "coef"), _ends(row, "t_low", "t_high")
        df = _number(row, "df_resid")
        std_err = (high - low) / 2 / stats.t.ppf(1 - LEVEL / 2, df)
        return _limited(attribute_title(dataset, attribute), point, std_err, df, margin_of(_published_gain(dataset)))

    return finding


def our_limited(attribute: str) -> Rule:
    """No effect in our runs beyond the margin of our gain, by the mixed-effects model."""

    def finding(tables: Tables, dataset: str) -> Finding:
        row = only_row(tables["robust_effects"], dataset=dataset, attribute=attribute)
        effect, std_err, df = (_number(row, column) for column in ("effect", "std_err", "df"))
        return _limited(attribute_title(dataset, attribute), effect, std_err, df, margin_of(_our_gain(tables, dataset)))

    return finding


def _limited(what: str, point: float, std_err: float, df: float, margin: float) -> Finding:
    """Two one-sided tests at 5 % show that an effect is within the margin; an interval beyond it, that it is not."""
    half = std_err * stats.t.ppf(1 - LEVEL / 2, df)
    estimate, error, freedom = np.array([[point], [std_err], [df]])
    p_within = float(equivalence_p(estimate, error, freedom, margin)[0])
    p_beyond = float(2 * stats.t.sf((abs(point) - margin) / std_err, df))
    verdict = "holds" if p_within < LEVEL else judge_limited(point - half, point + half, margin)
    return Finding(
        interval(what, point, point - half, point + half) + f"; within ±{margin:.1f}: p = {p_within:.2g}",
        verdict,
        min(p_within, p_beyond, 1.0),
    )


def saturation(source: str) -> Rule:
    """Table 6: experts in the last two thirds of the blocks differ from all of them by less than the margin."""

    def finding(tables: Tables, dataset: str) -> Finding:
        rows = tables["experiment_last_k"]
        rows = rows[rows["source"] == source]
        depths = [(_number(row, "last_k"), _number(row, "depth")) for _, row in rows.iterrows()]
        last_k, depth, place = min((k, depth, place) for place, (k, depth) in enumerate(depths) if k >= depth * 2 / 3)
        margin = margin_of(_published_gain(dataset) if source == "paper" else _our_gain(tables, dataset))
        row = rows.iloc[place]
        difference = _number(row, "difference")
        said = f"K = {last_k:g} of {depth:g}: {difference:+.1f} against all blocks"
        if _is_missing(row, "ci_low"):
            verdict = judge_limited(difference, difference, margin)
            return Finding(f"{said}, one run each; margin ±{margin:.1f}", verdict)
        low, high = _ends(row, "ci_low", "ci_high")
        p_value = max(p_of_interval(difference, low, high, threshold) for threshold in (-margin, margin))
        said += f" ({low:.1f} to {high:.1f}); margin ±{margin:.1f}"
        return Finding(said, judge_limited(low, high, margin), p_value)

    return finding


def only_row(table: pd.DataFrame, **where: str) -> pd.Series:
    """The one row with the given values; LookupError where there is not exactly one."""
    for column, value in where.items():
        table = table[table[column] == value]
    if len(table) != 1:
        raise LookupError(f"{len(table)} rows with {where}; expected one")
    return table.iloc[0]


def _published_gain(dataset: str) -> float:
    scores = published.load_table(3, dataset).set_index("configuration")["mAP"]
    return float(scores["all"] - scores["baseline"])


def _our_gain(tables: Tables, dataset: str) -> float:
    return _number(only_row(tables["robust_gains"], dataset=dataset, configuration="all"), "gain")


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
