"""The digit check: every number of Tables 4, 5 and 7, recomputed from Table 3 and compared as printed."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import pandas as pd

from mosaicreid import published
from mosaicreid.errors import one_of
from mosaicreid.statistics.estimators import fit_glm, forest_importance, welch_tests

_RULES = {"truncated": ROUND_DOWN, "rounded": ROUND_HALF_EVEN}
# Tables 4 and 7 were cut off after three decimals, Table 5 was rounded to three: `compare_rules` shows how we know.
_PRINTED = {4: "truncated", 5: "rounded", 7: "truncated"}
_KEYS = ("table", "dataset", "metric", "term", "statistic")
_GLM_METRICS = {4: "mAP", 7: "rank1"}


def as_printed(value: float, like: str, rule: str) -> str:
    """``value`` with as many decimals as ``like`` has, ``truncated`` (toward zero) or ``rounded``.

    Raises:
        InputError: unknown ``rule``.
    """
    if rule not in _RULES:
        raise one_of("rule", rule, _RULES)
    # repr is the shortest decimal that is this float, so nothing is lost or gained on the way to Decimal.
    shown = Decimal(repr(float(value))).quantize(Decimal(like), rounding=_RULES[rule])
    return str(shown + 0)


def digit_check() -> pd.DataFrame:
    """One row per published number of Tables 4, 5 and 7 (398): what was printed, and what Table 3 gives.

    Columns: table, dataset, metric, term (Intercept or attribute), statistic, published (as printed), recomputed
    (float), shown (recomputed, at the printed precision), agree (published == shown, digit for digit).
    """
    parts = []
    for number, rule in _PRINTED.items():
        for dataset in published.DATASETS:
            metric = _GLM_METRICS.get(number, "mAP")
            printed = published.load_printed(number, dataset).drop(columns="dataset")
            part = _line_up(printed, _recompute(number, dataset, metric))
            part["shown"] = _show(part, rule)
            part = part.assign(table=number, dataset=dataset, metric=metric)
            parts.append(part)
    checked = pd.concat(parts, ignore_index=True)[[*_KEYS, "published", "recomputed", "shown"]]
    checked["agree"] = checked["published"] == checked["shown"]
    return checked


def summarise(checked: pd.DataFrame) -> pd.DataFrame:
    """Counts of a ``digit_check`` by table and dataset, then over all: table, dataset, agree, total."""
    counts = checked.groupby(["table", "dataset"], sort=False)["agree"].agg(agree="sum", total="size").reset_index()
    total = pd.DataFrame(
        {"table": ["all"], "dataset": ["all"], "agree": [counts["agree"].sum()], "total": [counts["total"].sum()]}
    )
    return pd.concat([counts.astype({"table": str}), total], ignore_index=True)


def compare_rules(checked: pd.DataFrame) -> pd.DataFrame:
    """How many numbers of a ``digit_check`` agree if a table was truncated or rounded: table, rule, agree, total."""
    parts = []
    for rule in _RULES:
        part = checked[["table"]].assign(rule=rule, agree=checked["published"] == _show(checked, rule))
        parts.append(part.groupby(["table", "rule"])["agree"].agg(agree="sum", total="size").reset_index())
    return pd.concat(parts).sort_values(["table", "rule"], ignore_index=True)


def compare_row_orders() -> pd.DataFrame:
    """How many of Table 5's forest numbers agree with Table 3 in printed order and with the baseline row first.

    Columns: dataset, order (printed, baseline-first), agree, total.
    """
    rows = []
    for dataset in published.DATASETS:
        table = published.load_table(3, dataset)
        printed = published.load_printed(5, dataset)[["attribute", "fimp", "pimp"]]
        is_baseline = table["configuration"] == "baseline"
        orders = {"printed": table, "baseline-first": pd.concat([table[is_baseline], table[~is_baseline]])}
        for order, ordered in orders.items():
            recomputed = _line_up(printed, forest_importance(ordered, published.attributes(dataset), "mAP"))
            agree = recomputed["published"] == _show(recomputed, _PRINTED[5])
            rows.append({"dataset": dataset, "order": order, "agree": int(agree.sum()), "total": len(recomputed)})
    return pd.DataFrame(rows)


def _line_up(printed: pd.DataFrame, recomputed: pd.DataFrame) -> pd.DataFrame:
    """Both tables cell by cell: term, statistic, published (as printed), recomputed; columns in the printed order."""
    long = printed.set_axis(["term", *printed.columns[1:]], axis="columns").melt(
        id_vars="term", var_name="statistic", value_name="published"
    )
    cells = (
        recomputed.rename_axis("term").reset_index().melt(id_vars="term", var_name="statistic", value_name="recomputed")
    )
    return long.astype(object).merge(cells, on=["term", "statistic"], how="left", validate="one_to_one")


def _show(rows: pd.DataFrame, rule: str) -> pd.Series:
    cells = zip(rows["recomputed"], rows["published"], strict=True)
    return pd.Series([as_printed(value, like, rule) for value, like in cells], index=rows.index, dtype=object)


def _recompute(number: int, dataset: str, metric: str) -> pd.DataFrame:
    table, attributes = published.load_experiments(dataset), published.attributes(dataset)
    if number in _GLM_METRICS:
        return fit_glm(table, attributes, metric)
    return forest_importance(table, attributes, metric).join(welch_tests(table, attributes, metric))
