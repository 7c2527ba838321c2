"""Inclusion sets against the published table and the schemas."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mosaicreid.published
from mosaicreid.config.inclusion import inclusion_set, indicators
from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError
from mosaicreid.sweep.variants import table3


@pytest.mark.parametrize(("dataset", "count"), [("market1501", 25), ("dukemtmc", 20)])
def test_names_give_the_published_marks(dataset, count):
    file = Path(mosaicreid.published.__file__).parent / f"table3_{dataset}.csv"
    with file.open() as lines:
        published = list(csv.DictReader(lines))
    assert len(published) == count
    assert table3(dataset) == tuple(row["configuration"] for row in published)
    for row in published:
        marks = {name: int(row[name]) for name in get_schema(dataset).attributes}
        assert indicators(row["configuration"], get_schema(dataset)) == marks, row["configuration"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_configuration_of_table3_differs(dataset):
    sets = [inclusion_set(name, get_schema(dataset)) for name in table3(dataset)]
    assert len(set(sets)) == len(sets)


@given(st.sets(st.sampled_from(get_schema("market1501").attributes), min_size=1))
def test_a_union_of_attributes_is_that_set_in_schema_order(names):
    included = inclusion_set("+".join(names), get_schema("market1501"))
    assert set(included) == names
    assert list(included) == [name for name in get_schema("market1501").attributes if name in names]


@pytest.mark.parametrize("name", ["glasses", "hat+glasses", "", "all+hat", "age"])
def test_unknown_parts_are_named(name):
    with pytest.raises(InputError, match="neither an attribute nor a cluster of dukemtmc"):
        inclusion_set(name, get_schema("dukemtmc"))
