import importlib.resources

import numpy as np
import pandas as pd
import pytest

from mosaicreid.attributes import Annotation, AttributeType
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError

# Table 1 prints one name where the datasets, or Table 3, have another.
TABLE1_NAMES = {
    "market1501": {"up": "top/up"},
    "dukemtmc": {"top": "top/up", "shoecolour": "shoes"},
}


def annotation(codes: list[list[int]], pids: list[int]) -> Annotation:
    return Annotation(get_schema("dukemtmc"), "test", np.array(pids), np.array(codes, dtype=np.int16))


def published(name: str) -> pd.DataFrame:
    with importlib.resources.files("mosaicreid.published").joinpath(name).open() as file:
        return pd.read_csv(file)


@pytest.mark.parametrize("dataset", DATASETS)
def test_schema_agrees_with_table1(dataset):
    table = published("table1_attributes.csv")
    table = table[table[dataset] == 1].set_index("attribute")
    described = get_schema(dataset).describe()
    described["attribute"] = described["attribute"].replace(TABLE1_NAMES[dataset])
    described = described.set_index("attribute").loc[table.index]
    assert len(described) == len(get_schema(dataset).groups)
    assert described["supercategory"].tolist() == table["supercategory"].tolist()
    assert described["type"].tolist() == table["type"].tolist()


@pytest.mark.parametrize("dataset", DATASETS)
def test_attributes_are_the_columns_of_table3(dataset):
    columns = published(f"table3_{dataset}.csv").columns
    assert get_schema(dataset).attributes == tuple(columns.drop(["configuration", "mAP", "rank1"]))


def test_experts_follow_attributes_then_values():
    market = get_schema("market1501").experts
    # 12 attributes: 4 accessories, 5 dual-state, 4 ages, 8 and 9 colours.
    assert len(market) == len(set(market)) == 4 + 2 * 5 + 4 + 8 + 9
    assert market[:8] == (
        *("gender=male", "gender=female", "hair=short", "hair=long"),
        *("age=young", "age=teenager", "age=adult", "age=old"),
    )
    assert market[8:12] == ("hat=yes", "backpack=yes", "bag=yes", "handbag=yes")
    assert market[-2:] == ("clothes=dress", "clothes=pants")
    duke = get_schema("dukemtmc").experts
    assert len(duke) == 5 + 2 * 3 + 7 + 8
    assert duke[:6] == ("backpack=yes", "bag=yes", "handbag=yes", "hat=yes", "boots=yes", "shoecolour=dark")


@pytest.mark.parametrize("dataset", DATASETS)
def test_expert_positions_point_at_their_value(dataset):
    schema = get_schema(dataset)
    names = [
        f"{schema.groups[column].name}={schema.groups[column].values[bit]}"
        for column, bit in schema.expert_positions.tolist()
    ]
    assert tuple(names) == schema.experts


@pytest.mark.parametrize("dataset", DATASETS)
def test_clusters_partition_the_attributes(dataset):
    schema = get_schema(dataset)
    clusters = dict(schema.clusters)
    extrinsic = clusters.pop("extrinsic")
    assert sorted(name for names in clusters.values() for name in names) == sorted(schema.attributes)
    assert set(extrinsic) == set(clusters["upper"] + clusters["lower"] + clusters["accessories"])
    for cluster, names in clusters.items():
        assert {schema.group(name).cluster for name in names} == {cluster}


def test_single_state_attributes_have_no_expert_for_absence():
    hat = get_schema("market1501").group("hat")
    assert hat.type is AttributeType.single_state
    assert hat.values == ("no", "yes")
    assert hat.expert_values == ("yes",)


def test_long_comes_first_in_one_dataset_and_last_in_the_other():
    assert get_schema("market1501").group("up").values == ("long", "short")
    assert get_schema("dukemtmc").group("top").values == ("short", "long")


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="unknown dataset 'msmt17'; expected one of: market1501, dukemtmc"):
        get_schema("msmt17")
    with pytest.raises(InputError, match="unknown attribute of dukemtmc 'age'"):
        get_schema("dukemtmc").group("age")
    with pytest.raises(InputError, match="unknown attribute of market1501 'upper'"):
        get_schema("market1501").group("upper")


def test_lookup_keeps_order_and_gives_zeros_to_strangers():
    known = annotation([[1] * 10, [2] * 8 + [0b101, 0]], [4, 9])
    codes = known.lookup([9, 0, 4, -1, 9, 5, 10])
    assert codes.dtype == np.int16
    assert codes.tolist() == [
        [2] * 8 + [5, 0],
        [0] * 10,
        [1] * 10,
        [0] * 10,
        [2] * 8 + [5, 0],
        [0] * 10,
        [0] * 10,
    ]
    assert known.lookup([]).shape == (0, 10)


def test_table_names_values_and_shows_what_is_missing():
    table = annotation([[1] * 10, [2] * 6 + [0, 2, 0b101, 0]], [4, 9]).table()
    assert table.index.tolist() == [4, 9]
    assert table.loc[4].tolist() == ["no"] * 5 + ["dark", "short", "male", "black", "black"]
    assert table.loc[9].tolist() == ["yes"] * 5 + ["light", "", "female", "black+red", ""]


@pytest.mark.parametrize(
    ("codes", "pids", "message"),
    [
        ([[1] * 9], [4], r"shape \(1, 9\), expected \(1, 10\)"),
        ([[1] * 10] * 2, [4], r"shape \(2, 10\), expected \(1, 10\)"),
        ([[1] * 10] * 2, [9, 4], "identities must ascend"),
        ([[1] * 10] * 2, [4, 4], "identities must ascend"),
        ([[1] * 10, [1] * 7 + [4, 1, 1]], [4, 9], "attribute gender, identity 9: code 4 sets a bit beyond its 2"),
        ([[1] * 9 + [256]], [4], "attribute upcolour, identity 4: code 256"),
        ([[-1] + [1] * 9], [4], "attribute backpack, identity 4: code -1"),
    ],
)
def test_arrays_that_do_not_fit_the_schema_are_refused(codes, pids, message):
    with pytest.raises(InputError, match=message):
        annotation(codes, pids)
