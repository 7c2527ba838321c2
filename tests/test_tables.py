"""Tables in CSV files: what is needed of them is there, or one line says what is wrong and where."""

from pathlib import Path

import pytest

from mosaicreid.errors import InputError
from mosaicreid.tables import COUNT, MARK, NUMBER, PERCENT, TEXT, Column, read_table

COLUMNS = {"name": TEXT, "label": Column(kind="text", missing=True), "seed": COUNT, "hat": MARK, "mAP": PERCENT}


def written(folder: Path, *rows: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(["name,label,seed,hat,mAP", *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table_is_read_as_it_stands(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "all,,0,1,50.25", "hat,x,1,0,100"), COLUMNS, key=("name", "seed"))
    assert table["name"].tolist() == ["all", "hat"]
    assert table["label"].isna().tolist() == [True, False]
    assert table[["seed", "hat", "mAP"]].to_numpy().tolist() == [[0, 1, 50.25], [1, 0, 100]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",,0,1,50", "name in row 1 is 'nan'; expected text"),
        ("all,,-1,1,50", "seed in row 1 is '-1'; expected a whole number of at least 0"),
        ("all,,1.5,1,50", "seed in row 1 is '1.5'"),
        ("all,,1e300,1,50", "seed in row 1 is"),
        ("all,,0,2,50", "hat in row 1 is '2'; expected a whole number of at least 0 and at most 1"),
        ("all,,0,True,50", "hat in row 1 is 'True'"),
        ("all,,0,1,100.5", "mAP in row 1 is '100.5'; expected a number of at least 0 and at most 100"),
        ("all,,0,1,nan", "mAP in row 1 is 'nan'"),
        ("all,,0,1,inf", "mAP in row 1 is 'inf'"),
        ("all,,0,1,high", "mAP in row 1 is 'high'"),
        ("all,,0,1", "row 1 has 4 values, expected 5"),
        ("all,,0,1,50,7", "row 1 has 6 values, expected 5"),
        ('all,"x,0,1,50', "is not a table that can be read"),
        ("all,,0,1,50\nall,y,0,1,60", "row 2 is a second one of all, 0"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_row(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(written(tmp_path, row), COLUMNS, key=("name", "seed"))
    assert message in str(caught.value)
    assert str(tmp_path / "table.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a line of names"),
        (b"name,name\n1,2\n", "each once"),
        (b"name,\n1,2\n", "each once"),
        (b"label\nx\n", "lacks the columns name; it has: label"),
        (b"name\n\xff\n", "is not UTF-8 text"),
        (b"name\nall\0x\n", "holds zero bytes"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "a.csv", {"name": NUMBER})
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "b.csv")


@pytest.mark.parametrize("text", ["453027538764", "12e345678901", "007", "True"])
def test_a_text_that_looks_like_a_number_stays_the_text_that_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"settings,seed\n{text},3\n")
    table = read_table(path, {"settings": TEXT, "seed": COUNT})
    assert table.to_numpy().tolist() == [[text, 3]]
