"""Names in print: every name of a result has one, no two attributes share one, and a user's own are shown too."""

import re
from itertools import pairwise

import pandas as pd
import pytest

from mosaicreid.datasets import DATASETS, get_schema
from mosaicreid.errors import InputError
from mosaicreid.names.shown import (
    attribute_title,
    configuration_title,
    cost_title,
    for_reading,
    named,
    title_of,
    value_title,
    variant_title,
)
from mosaicreid.names.terms import TERMS
from mosaicreid.published import load_table

OWN = """
dataset = "street"
images = "images.csv"
attributes = "attributes.csv"
[[attribute]]
name = "hand_bag"
type = "single-state binary"
values = ["no", "yes"]
cluster = "things_carried"
[[attribute]]
name = "bag"
type = "single-state binary"
values = ["no", "yes"]
cluster = "things_carried"
description = "Hand bag"
"""


def test_attributes_are_called_as_people_call_them() -> None:
    assert attribute_title("market1501", "downcolour") == "Colour of lower garment"
    assert attribute_title("market1501", "up") == "Sleeve length"
    # Beside each other in the paper's Table 1, and not the same.
    assert attribute_title("dukemtmc", "top") == "Length of upper garment"
    assert value_title("market1501", "hat=yes") == "Hat: yes"
    with pytest.raises(InputError, match="attribute of dukemtmc"):
        attribute_title("dukemtmc", "age")


@pytest.mark.parametrize("dataset", DATASETS)
def test_names_of_table_3_are_shown_without_a_code(dataset: str) -> None:
    names = [*get_schema(dataset).attributes, *load_table(3, dataset)["configuration"]]
    shown = [configuration_title(dataset, name) for name in names]
    assert all(re.fullmatch(r"[A-Z][a-z]+( [a-z+()-]+)*", title) for title in shown), shown
    assert len(set(shown)) == len(set(names))


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("control", "fusion-crossfit", "no experts, labels added (weight cross-fitted)"),
        ("configuration", "upper+downcolour", "Upper garment + colour of lower garment"),
        ("left_out", "all", "All attributes"),
        ("run", "all@rank=4", "All attributes, rank 4"),
        ("attributes", "upcolour, downcolour", "Colour of upper garment, colour of lower garment"),
        ("variant", "heads=fresh,start=clip", "heads start anew, encoder: CLIP's own"),
        ("variant", "some_option=7", "some option 7"),
        ("importance", "cohens_d", "Cohen's d"),
        ("step", "every_design", "all designs"),
        ("term", "Intercept", "Intercept"),
        ("first", "upcolour", "Colour of upper garment"),
        ("first", "leakage", "labels alone, no image"),
        ("control", "", ""),
        ("anything", "as it stands", "as it stands"),
    ],
)
def test_a_cell_is_shown_by_its_column(column: str, value: str, shown: str) -> None:
    assert title_of(column, value, dataset="market1501") == shown


def test_no_name_in_print_is_an_identifier() -> None:
    for column, titles in TERMS.items():
        assert [title for title in titles.values() if "_" in title or "=" in title] == [], column
    assert variant_title("token_reduction=cls") == "experts read the class token"
    assert cost_title("experts_seconds") == "Experts (seconds)"
    assert cost_title("images_per_second") == "Images (per second)"


def test_tables_for_reading_have_no_code_names() -> None:
    rows = pd.DataFrame({"configuration": ["all", "hat"], "hat": [1, 1], "mAP": [90.0, 80.0]})
    shown = for_reading(rows, "market1501")
    assert (shown.index.name, list(shown.index), list(shown)) == (
        "Configuration",
        ["All attributes", "Hat"],
        ["Hat", "mAP (%)"],
    )
    assert named(rows, "market1501")["hat"].tolist() == [1, 1]


def test_a_users_attributes_keep_apart(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "street.toml").write_text(OWN)
    titles = [attribute_title("street", name) for name in get_schema("street").attributes]
    assert titles == ["Hand bag (hand_bag)", "Hand bag (bag)"]
    assert all(first != second for first, second in pairwise(titles))
    assert configuration_title("street", "things_carried") == "Things carried"
