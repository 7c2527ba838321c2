"""Records in JSON: a name that occurs twice is refused, whatever reads the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mosaicreid.errors import InputError
from mosaicreid.records import Record, read_json, read_record


class Pair(Record):
    first: int
    second: dict[str, float]


def by_record(path: Path) -> Any:
    return read_record(path, Pair).model_dump()


@pytest.mark.parametrize("read", [by_record, read_json])
def test_one_of_each_name_is_read_and_two_are_not(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"first": 1, "second": {"a": 0.5}}')
    assert read(path) == {"first": 1, "second": {"a": 0.5}}
    path.write_text('{"first": 1, "second": {"a": 0.5, "b": 1, "a": 0.75}}')
    with pytest.raises(InputError, match=r"a\.json is damaged: the name 'a' occurs twice"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}"])
@pytest.mark.parametrize("read", [by_record, read_json])
def test_what_is_not_json_is_one_line(read: Callable[[Path], Any], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json"):
        read(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "b.json")


def test_a_record_has_no_nan_even_where_any_value_will_do(tmp_path: Path) -> None:
    class Loose(Record):
        anything: dict[str, Any]

    (tmp_path / "a.json").write_text('{"anything": {"a": NaN}}')
    with pytest.raises(InputError, match="NaN is not a number in JSON"):
        read_record(tmp_path / "a.json", Loose)
