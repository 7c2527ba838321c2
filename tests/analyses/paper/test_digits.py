"""398 of 398 published numbers, and the printing rules that this rests on."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid import published
from mosaicreid.analyses.paper import digits
from mosaicreid.analyses.paper.digits import as_printed, compare_row_orders, compare_rules, digit_check, summarise
from mosaicreid.errors import InputError


@pytest.fixture(scope="module")
def checked() -> pd.DataFrame:
    return digit_check()


def test_every_published_number_is_reproduced_to_its_last_digit(checked: pd.DataFrame) -> None:
    assert checked[~checked["agree"]].to_string() == checked[:0].to_string()
    assert len(checked) == 398
    summary = summarise(checked).set_index(["table", "dataset"])
    assert summary["total"].to_dict() == {
        ("4", "market1501"): 78,
        ("4", "dukemtmc"): 66,
        ("5", "market1501"): 60,
        ("5", "dukemtmc"): 50,
        ("7", "market1501"): 78,
        ("7", "dukemtmc"): 66,
        ("all", "all"): 398,
    }
    assert summary["agree"].equals(summary["total"])


def test_every_printed_cell_is_checked_once(checked: pd.DataFrame) -> None:
    cells = checked.groupby(["table", "dataset", "term", "statistic"])["published"].agg(["size", "first"])
    assert (cells["size"] == 1).all()
    for number in (4, 5, 7):
        for row in published.load_printed(number).to_dict("records"):
            term = row.get("term", row.get("attribute"))
            for statistic in row.keys() - {"dataset", "term", "attribute"}:
                assert cells.loc[(number, row["dataset"], term, statistic), "first"] == row[statistic]


def test_a_changed_digit_is_noticed(checked: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    load = published.load_printed

    def altered(number: int, dataset: str | None = None) -> pd.DataFrame:
        table = load(number, dataset)
        return table.replace("1.975", "1.974") if number == 4 else table

    monkeypatch.setattr(digits.published, "load_printed", altered)
    found = digit_check()
    wrong = found[~found["agree"]]
    assert wrong[["table", "dataset", "term", "statistic", "published", "shown"]].to_numpy().tolist() == [
        [4, "market1501", "downcolour", "coef", "1.974", "1.975"]
    ]
    assert summarise(found)["agree"].iloc[-1] == 397


def test_only_one_printing_rule_fits_each_table(checked: pd.DataFrame) -> None:
    rules = compare_rules(checked).set_index(["table", "rule"])
    fits = (rules["agree"] == rules["total"]).to_dict()
    assert fits == {
        (4, "truncated"): True,
        (4, "rounded"): False,
        (5, "truncated"): False,
        (5, "rounded"): True,
        (7, "truncated"): True,
        (7, "rounded"): False,
    }


def test_only_one_row_order_gives_each_forest() -> None:
    orders = compare_row_orders().set_index(["dataset", "order"])
    assert orders["total"].to_dict() == {
        ("market1501", "printed"): 24,
        ("market1501", "baseline-first"): 24,
        ("dukemtmc", "printed"): 20,
        ("dukemtmc", "baseline-first"): 20,
    }
    fits = orders["agree"] == orders["total"]
    assert fits[fits].index.tolist() == [("market1501", "printed"), ("dukemtmc", "baseline-first")]


@pytest.mark.parametrize(
    ("value", "like", "rule", "shown"),
    [
        (0.38849, "0.123", "truncated", "0.388"),
        (0.38851, "0.123", "rounded", "0.389"),
        (-0.11150, "0.123", "truncated", "-0.111"),
        (-0.11151, "0.123", "rounded", "-0.112"),
        (1.975, "0.123", "truncated", "1.975"),
        (0.29, "0.12", "truncated", "0.29"),
        (4e-6, "0.000", "truncated", "0.000"),
        (-4e-6, "0.000", "truncated", "0.000"),
        (930, "0.123", "rounded", "930.000"),
        (2.5, "1", "rounded", "2"),
    ],
)
def test_as_printed(value: float, like: str, rule: str, shown: str) -> None:
    assert as_printed(value, like, rule) == shown


@given(st.integers(-(10**7), 10**7))
@settings(deadline=None)
def test_a_number_that_was_printed_is_printed_the_same_again(thousandths: int) -> None:
    text = f"{thousandths / 1000:.3f}"
    for rule in ("truncated", "rounded"):
        assert as_printed(float(text), "0.000", rule) == text


@given(st.floats(-1000, 1000))
@settings(deadline=None)
def test_printing_moves_a_number_by_less_than_one_last_digit(value: float) -> None:
    truncated, rounded = (float(as_printed(value, "0.000", rule)) for rule in ("truncated", "rounded"))
    assert abs(truncated) <= abs(value) + 1e-12
    assert abs(value - truncated) < 0.001 + 1e-12
    assert abs(value - rounded) <= 0.0005 + 1e-12


def test_unknown_rule() -> None:
    with pytest.raises(InputError, match="unknown rule 'floored'; expected one of: truncated, rounded"):
        as_printed(1.0, "0.000", "floored")
