"""Lists of image paths: from other systems, damaged, and with one line wrong."""

import gzip

import pytest

from mosaicreid.data.folders import read_file_list
from mosaicreid.datasets import get_dataset
from mosaicreid.errors import InputError


def test_a_list_from_windows_is_read(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"query/0001_c1s1_001051_00.jpg\r\nquery/0002_c1s1_001051_00.jpg\r\n")
    assert read_file_list(tmp_path / "list.txt", get_dataset("market1501"))["query"].pids.tolist() == [1, 2]


NAME = "query/0001_c1s1_001051_00.jpg"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            f"/data/{NAME}",
            f"line 2: unknown image folder of '/data/{NAME}'; expected one of: bounding_box_train, query",
        ),
        (f"/{NAME}", f"line 2: unknown image folder of '/{NAME}'"),
        (f"../{NAME}", rf"line 2: unknown image folder of '\.\./{NAME}'"),
        (f"query/../{NAME}", rf"line 2: unknown image folder of 'query/\.\./{NAME}'"),
        (NAME.replace("/", "\\"), r"line 2: unknown image folder of 'query\\\\0001_c1s1_001051_00\.jpg'"),
        (f"C:\\{NAME}", r"line 2: unknown image folder of 'C:"),
        ("", "line 2: unknown image folder of ''"),
        (f"{NAME}\r{NAME}", r"line 2: unknown image folder of 'query/0001_c1s1_001051_00\.jpg\\rquery"),
        (f"{NAME}\r\r", r"'query/0001_c1s1_001051_00\.jpg\\r' is not an image name"),
        (f"{NAME}\v", r"'query/0001_c1s1_001051_00\.jpg\\x0b' is not an image name"),
        (f"{NAME}\u2028", r"'query/0001_c1s1_001051_00\.jpg\\u2028' is not an image name"),
        (f" {NAME}", f"line 2: unknown image folder of ' {NAME}'"),
        ("query/Thumbs.db", r"query/Thumbs\.db is not an image name"),
        ("query/0009_c1s1_001051_00.jpg", r"query/0009_c1s1_001051_00\.jpg is listed more than once"),
        ("x" * 10**6, "line 2: unknown image folder of 'x{100}';"),
    ],
)
def test_lists_with_one_line_wrong_are_refused(tmp_path, line, message):
    path = tmp_path / "list.txt"
    path.write_bytes(f"query/0009_c1s1_001051_00.jpg\n{line}\nquery/0008_c1s1_001051_00.jpg\n".encode())
    with pytest.raises(InputError, match=message) as error:
        read_file_list(path, get_dataset("market1501"))
    assert str(error.value).startswith(str(path))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


def test_damaged_lists_are_refused(tmp_path):
    whole = gzip.compress("\n".join(f"query/{pid:04d}_c1s1_001051_00.jpg" for pid in range(1, 500)).encode())
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for damaged in (b"", whole[:5], whole[: len(whole) // 2], whole[:-1], bytes(flipped), b"plain text", whole + b"x"):
        (tmp_path / "list.txt.gz").write_bytes(damaged)
        with pytest.raises(InputError) as error:
            read_file_list(tmp_path / "list.txt.gz", get_dataset("market1501"))
        assert "list.txt.gz" in str(error.value)
        assert str(error.value).isprintable()
    (tmp_path / "list.txt.gz").write_bytes(gzip.compress(bytes(2**26 + 1)))
    with pytest.raises(InputError, match="holds more than 64 MiB"):
        read_file_list(tmp_path / "list.txt.gz", get_dataset("market1501"))
    (tmp_path / "list.txt").write_bytes("query/0001_c1s1_001051_00.jpg\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"cannot read .*list\.txt .*expected UTF-8 text"):
        read_file_list(tmp_path / "list.txt", get_dataset("market1501"))
