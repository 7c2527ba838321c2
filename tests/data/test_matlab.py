"""The careful reader on whole files, against scipy's; and what is wrong with others, by its place."""

import zlib
from pathlib import Path
from struct import pack

import numpy as np
import pytest
import scipy.io

from mosaicreid.data.matlab import read_variable
from mosaicreid.errors import InputError

SCIPYS = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def saved(request, tmp_path):
    """Save a variable named ``a`` by scipy, and read it again."""

    def save_and_read(value):
        scipy.io.savemat(tmp_path / "a.mat", {"before": np.arange(3), "a": value}, do_compression=request.param)
        return read_variable(tmp_path / "a.mat", "a")

    return save_and_read


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_numbers_of_every_type(saved, dtype):
    limits = np.finfo(dtype) if dtype[0] == "f" else np.iinfo(dtype)
    values = np.array([[limits.min, 1, 2], [0, 7, limits.max]], dtype=dtype)
    found = saved(values)
    assert found.dtype == dtype
    assert found.tolist() == values.ravel(order="F").tolist()


def test_structures_cells_text_and_logical_values(saved):
    cells = np.empty((1, 3), dtype=object)
    cells[0] = ["0002", np.array([[1.5]]), "x"]
    found = saved({"who": cells, "rows": np.array(["ab", "cd"]), "yes": np.array([[True, False]]), "of": {"n": 3}})
    assert list(found) == ["who", "rows", "yes", "of"]
    assert found["who"][0] == ("0002",)
    assert found["who"][1].tolist() == [1.5]
    assert found["rows"] == ("ab", "cd")
    assert found["yes"].dtype == np.bool_
    assert found["yes"].tolist() == [True, False]
    assert found["of"]["n"].tolist() == [3]
    assert saved(np.zeros((0, 0))).tolist() == []
    assert saved("") == ()


@pytest.mark.skipif(not SCIPYS.is_dir(), reason="scipy was installed without the files of its own tests")
def test_files_that_matlab_wrote():
    """Versions 5 to 7.4 on several machines, two of them big-endian: read as scipy reads them, or refused."""
    read, refused = [], []
    for path in sorted(SCIPYS.glob("*.mat")):
        try:
            content = scipy.io.loadmat(path)
        # Files on which scipy's tests expect an error, of any kind.
        except Exception:
            with pytest.raises(InputError):
                read_variable(path, "a")
            continue
        for variable in (name for name in content if not name.startswith("__")):
            try:
                found = read_variable(path, variable)
            except InputError:
                refused.append(path.name)
                continue
            read.append(path.name)
            same(found, content[variable])
    kinds = ("4.2c", "mat4", "_4_", "sparse", "complex", "object", "func", "structarr", "sqr", "parabola")
    odd = [name for name in refused if not any(kind in name for kind in kinds)]
    # The structures have a complex field; the last two have bytes that are no text, and a field's name twice.
    expected = {"broken_utf8.mat", "nasty_duplicate_fieldnames.mat"}
    assert {name for name in odd if not name.startswith("teststruct_")} == expected
    assert len(read) > 50
    assert sum("SOL2" in name for name in read) > 10


def same(found, theirs: np.ndarray) -> None:
    if isinstance(found, dict):
        assert list(found) == list(theirs.dtype.names or ())
        for name, value in found.items():
            same(value, theirs[name].flat[0])
    elif isinstance(found, list):
        for value, other in zip(found, theirs.ravel(order="F"), strict=True):
            same(value, other)
    elif isinstance(found, tuple):
        # scipy gives the empty text one row.
        assert [row.rstrip() for row in found or ("",) * theirs.size] == [
            row.rstrip() for row in theirs.ravel().tolist()
        ]
    else:
        np.testing.assert_array_equal(found, theirs.ravel(order="F"))


# A file written by hand, byte by byte, of either order.
def element(order: str, kind: int, data: bytes) -> bytes:
    return pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def array(order: str, kind: int, body: bytes, *, name: bytes = b"", shape=(1, 1), flags: int = 0) -> bytes:
    head = element(order, 6, pack(f"{order}II", kind | flags, 0))
    head += element(order, 5, pack(f"{order}{len(shape)}i", *shape)) + element(order, 1, name)
    return element(order, 14, head + body)


def file(order: str, *blocks: bytes, version: int = 0x0100) -> bytes:
    mark = b"IM" if order == "<" else b"MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + pack(f"{order}H", version) + mark + b"".join(blocks)


def structure(order: str, fields: dict[bytes, bytes], name: bytes = b"") -> bytes:
    names = b"".join(field.ljust(32, b"\0") for field in fields)
    body = element(order, 5, pack(f"{order}I", 32)) + element(order, 1, names) + b"".join(fields.values())
    return array(order, 2, body, name=name)


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order(tmp_path, order):
    values = array(order, 6, element(order, 4, pack(f"{order}3H", 1, 2, 700)), shape=(1, 3))
    word = array(order, 4, element(order, 4, pack(f"{order}2H", *map(ord, "né"))), shape=(1, 2))
    content = file(order, structure(order, {b"codes": values, b"word": word}, name=b"a"))
    (tmp_path / "a.mat").write_bytes(content)
    found = read_variable(tmp_path / "a.mat", "a")
    assert found["codes"].tolist() == [1, 2, 700]
    assert found["word"] == ("né",)
    # Without the codec scipy takes 16-bit characters for UTF-8.
    codec = {"<": "utf-16-le", ">": "utf-16-be"}[order]
    theirs = scipy.io.loadmat(tmp_path / "a.mat", uint16_codec=codec)["a"][0, 0]
    assert theirs["codes"].ravel().tolist() == [1, 2, 700]
    assert theirs["word"].tolist() == ["né"]


def nested(depth: int) -> bytes:
    return array("<", 1, nested(depth - 1), name=b"a") if depth else array("<", 9, element("<", 2, b"\1"))


NUMBER = element("<", 2, b"\1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file("<", nested(20)), r"a(\{1\})+: nested deeper than 8"),
        (file("<", array("<", 9, NUMBER, name=b"a", shape=(2**31 - 1,) * 20)), "a: 1 bytes where [0-9]+ numbers"),
        (file("<", array("<", 1, b"", name=b"a", shape=(2**31 - 1, 2**31 - 1))), "a: 0 cells where"),
        (file("<", array("<", 9, NUMBER, name=b"a", shape=(1, -1))), "block 1: an array of 1x-1"),
        (file("<", array("<", 9, NUMBER + NUMBER, name=b"a")), "a: an array of class 9 in 2 parts"),
        (file("<", array("<", 99, NUMBER, name=b"a")), "a: an array of class 99"),
        (file("<", array("<", 9, element("<", 10, b"\1"), name=b"a")), "a: numbers of an unknown type: 10"),
        (file("<", array("<", 4, element("<", 9, bytes(8)), name=b"a")), "a: text of an unknown type: 9"),
        (file("<", array("<", 4, element("<", 16, b"\xff"), name=b"a")), "a: text that is not utf-8"),
        (file("<", array("<", 4, element("<", 1, b"xy"), name=b"a")), "a: 2 characters where 1x1"),
        (file("<", array("<", 9, element("<", 2, b"\2"), name=b"a", flags=0x200)), "a: true and false that are"),
        (file("<", array("<", 9, NUMBER, name=b"a", flags=0x800)), "a: complex numbers; expected"),
        (file("<", array("<", 5, NUMBER, name=b"a")), "a: sparse numbers; expected"),
        (file("<", structure("<", {b"x\ny": array("<", 9, NUMBER)}, b"a")), r"a: a name 'x\\ny'"),
        (file("<", structure("<", {b"x": array("<", 9, NUMBER), b"x\0": array("<", 9, NUMBER)}, b"a")), "fields x, x"),
        (file("<", structure("<", {b"x": NUMBER}, b"a")), "a: fields x for 1 values"),
        (file("<", array("<", 9, NUMBER, name=b"a") * 2), "block 2: variable 'a' occurs twice"),
        (file("<", element("<", 14, bytes(16))), "block 1: no array"),
        (file("<", NUMBER), "block 1: an element of type 2, expected an array"),
        (file("<", array("<", 9, NUMBER, name=b"a")[:-8]), "the file: 64 bytes announced where 56 are left"),
        (file("<", array("<", 9, NUMBER, name=b"a") + b"\0"), "the file: 1 bytes left over"),
        (file("<", pack("<II", 15, 4) + b"zlib"), "block 1: Error -3"),
        (file("<", pack("<II", 15, 11) + zlib.compress(b"\0" * 40)), "block 1: its compressed data do not end"),
        (file("<", array("<", 9, NUMBER, name=b"b")), "holds b, expected a: is it another dataset's file"),
        (file("<"), "holds nothing, expected a"),
        (file("<", version=0x0300), r"not a MATLAB 5 file \(its header says so\); expected a.mat"),
        (file("<", version=0x0200).ljust(512) + b"\x89HDF\r\n\x1a\n", "MATLAB 7.3, an HDF5 file: save it with -v7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "MATLAB 7.3, an HDF5 file"),
        (pack("<5I", 0, 1, 1, 0, 2) + b"a\0" + bytes(8), "may be one of MATLAB 4: save it with -v7"),
        (b"", r"not a MATLAB 5 file \(it has 0 bytes, fewer than the header\)"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, content, message):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_variable(path, "a")
    assert str(error.value).startswith(str(path))
    assert str(error.value).isprintable()


def compressed(raw: bytes) -> bytes:
    packed = zlib.compress(raw)
    return pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize(
    "content",
    [
        file("<", array("<", 9, element("<", 2, bytes(2**23)), name=b"a", shape=(1, 2**23))),
        file("<", compressed(array("<", 9, element("<", 2, bytes(2**26)), name=b"a", shape=(1, 2**26)))),
        file("<", *(compressed(array("<", 9, element("<", 2, bytes(2**22)), name=b"%d" % n)) for n in range(3))),
    ],
    ids=["large", "bomb", "many"],
)
def test_sizes_are_bounded(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match="holds more than 8 MiB"):
        read_variable(tmp_path / "a.mat", "a")


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.mat \(No such file"):
        read_variable(tmp_path / "nowhere.mat", "a")
