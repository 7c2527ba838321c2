"""The published tables load with the types, units and inclusion marks that the loader states."""

import pandas as pd
import pytest

from mosaicreid.config.inclusion import indicators
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.published import (
    DATASETS,
    METRICS,
    attributes,
    describe,
    load_experiments,
    load_printed,
    load_table,
    table_path,
)
from mosaicreid.sweep.variants import table3

EVERY_TABLE = [(1, None), (2, None), (3, "market1501"), (3, "dukemtmc"), (4, None), (5, None), (6, None), (7, None)]
ROWS = {1: 14, 2: 12, 4: 24, 5: 22, 6: 5, 7: 24}


@pytest.mark.parametrize(("number", "dataset"), EVERY_TABLE)
def test_columns_and_types_are_those_described(number: int, dataset: str | None) -> None:
    table, columns = load_table(number, dataset), describe(number, dataset)
    assert list(table.columns) == list(columns["name"])
    assert [str(kind) for kind in table.dtypes] == list(columns["dtype"])
    assert (columns["unit"] != "").equals(columns["dtype"] != "string")
    assert (columns["meaning"] != "").all()


@pytest.mark.parametrize(("number", "rows"), ROWS.items())
def test_number_of_rows(number: int, rows: int) -> None:
    assert len(load_table(number)) == rows


def test_printed_cells_keep_their_zeros() -> None:
    printed = load_printed(4, "market1501").set_index("term")
    assert printed.loc["Intercept", "p_value"] == "0.000"
    assert printed.loc["hair", "z"] == "1.170"


@pytest.mark.parametrize("number", [4, 5, 7])
def test_a_dataset_keeps_its_rows_only(number: int) -> None:
    parts = [load_table(number, dataset) for dataset in DATASETS]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), load_table(number))
    assert [set(part["dataset"]) for part in parts] == [{dataset} for dataset in DATASETS]


@pytest.mark.parametrize("dataset", DATASETS)
def test_table3_marks_what_each_configuration_names(dataset: str) -> None:
    table = load_table(3, dataset).set_index("configuration")
    assert tuple(table.index) == table3(dataset)
    assert attributes(dataset) == get_schema(dataset).attributes
    for name in table.index:
        assert table.loc[name, list(attributes(dataset))].to_dict() == indicators(name, get_schema(dataset))


@pytest.mark.parametrize(("dataset", "first"), [("market1501", "all"), ("dukemtmc", "baseline")])
def test_experiments_are_the_same_rows_in_the_order_of_the_forest(dataset: str, first: str) -> None:
    ordered, printed = load_experiments(dataset), load_table(3, dataset)
    assert ordered["configuration"].iloc[0] == first
    rest = printed[printed["configuration"] != first].reset_index(drop=True)
    pd.testing.assert_frame_equal(ordered.iloc[1:].reset_index(drop=True), rest)
    assert list(ordered.index) == list(range(len(printed)))


def test_ranges_of_the_numbers() -> None:
    for dataset in DATASETS:
        assert load_table(3, dataset)[list(METRICS)].melt()["value"].between(80, 100).all()
    assert load_table(2)["duke_mAP"].isna().sum() == 4


@pytest.mark.parametrize(
    ("number", "dataset", "message"),
    [
        (8, None, "unknown table 8; expected one of: 1, 2, 3, 4, 5, 6, 7"),
        (4, "market", "unknown dataset of table 4 'market'; expected one of: None, market1501, dukemtmc"),
        (3, None, "unknown dataset of table 3 None; expected one of: market1501, dukemtmc"),
        (6, "dukemtmc", "unknown dataset of table 6 'dukemtmc'; expected one of: None"),
    ],
)
def test_unknown_tables_and_datasets(number: int, dataset: str | None, message: str) -> None:
    for function in (load_table, load_printed, describe, table_path):
        with pytest.raises(InputError, match="^" + message.replace("(", r"\(") + "$"):
            function(number, dataset)


def test_unknown_dataset_of_the_experiments() -> None:
    for function in (load_experiments, attributes):
        with pytest.raises(InputError, match="'duke'; expected one of: market1501, dukemtmc"):
            function("duke")
