"""Result tables: equal inputs give equal bytes, provenance names what went in, and bad input is refused unwritten."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaicreid import __version__
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError, one_of
from mosaicreid.results import check_attributes, read_results, write_results

TABLE = pd.DataFrame({"name": ["hat", "bag, small"], "count": [1, 2], "share": [1 / 3, np.nan]})


def test_a_table_reads_back_as_it_was(tmp_path: Path) -> None:
    write_results(TABLE, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_results(tmp_path / "table.csv"), TABLE, rtol=1e-9)


def test_the_bytes_are_these(tmp_path: Path) -> None:
    write_results(TABLE, tmp_path / "table.csv")
    expected = b'name,count,share\nhat,1,0.3333333333\n"bag, small",2,\n'
    assert (tmp_path / "table.csv").read_bytes() == expected


@given(st.floats(-1e300, 1e300))
@settings(deadline=None)
def test_ten_significant_digits_survive(value: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_results(pd.DataFrame({"value": [value]}), Path(folder) / "table.csv")
        assert read_results(Path(folder) / "table.csv")["value"][0] == pytest.approx(value, rel=1e-9)


def test_provenance(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("abc")
    for order in ({"b": 1, "a": [1, 2]}, {"a": [1, 2], "b": 1}):
        write_results(TABLE, tmp_path / "table.csv", inputs={"source": source}, parameters=order)
        provenance = (tmp_path / "table.json").read_text()
        assert json.loads(provenance) == {
            "package": f"mosaicreid {__version__}",
            "inputs": {"source": hashlib.sha256(b"abc").hexdigest()},
            "parameters": {"a": [1, 2], "b": 1},
        }
        assert provenance.index('"a"') < provenance.index('"b"')
        assert str(tmp_path) not in provenance


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_results(TABLE, tmp_path / name / "table.csv", parameters={"seed": 1})
    for suffix in (".csv", ".json"):
        first, second = ((tmp_path / name / f"table{suffix}").read_bytes() for name in ("first", "second"))
        assert first == second


@pytest.mark.parametrize(
    ("frame", "name", "inputs", "error", "message"),
    [
        (TABLE, "table.txt", {}, InputError, "got the path 'table.txt', expected one that ends in .csv"),
        (TABLE.set_index("name"), "table.csv", {}, InputError, r"the index \['name'\] would be lost in table.csv"),
        (TABLE, "table.csv", {"source": Path("none")}, FileNotFoundError, "none"),
    ],
)
def test_nothing_is_written_on_bad_input(
    tmp_path: Path, frame: pd.DataFrame, name: str, inputs: dict[str, Path], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_results(frame, tmp_path / name, inputs=inputs)
    assert list(tmp_path.iterdir()) == []


def test_parameters_that_json_cannot_hold_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_results(TABLE, tmp_path / "table.csv", parameters={"seed": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(dataset="street"), "unknown dataset 'street'"),
        (lambda t: t.replace({"hat": "wings"}), "unknown attribute of market1501 in x.csv 'wings'; expected one of"),
        (lambda t: t[t["attribute"] != "hat"], "x.csv has no hat of market1501; expected a row of every attribute"),
    ],
)
def test_attributes_are_those_of_the_dataset(change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    attributes = get_schema("market1501").attributes
    table = pd.DataFrame({"dataset": "market1501", "attribute": [*attributes, *attributes]})
    check_attributes(table, where="x.csv")
    with pytest.raises(InputError, match=message):
        check_attributes(change(table), where="x.csv")


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no result table at .*none\.csv; expected a CSV file"):
        read_results(tmp_path / "none.csv")


def test_one_of_lists_the_possible_values() -> None:
    assert str(one_of("dataset", "duke", ("a", "b"))) == "unknown dataset 'duke'; expected one of: a, b"
