"""TorchScript archives made by hand: tensors beyond their storage, odd members, sizes beyond the file's own."""

import io
import struct
import zipfile

import numpy as np
import pytest
import torch

from mosaicreid.errors import InputError
from mosaicreid.models.weights import read_weights


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, contents, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def pickled_tensor(*, kind="FloatStorage", key="0", count=6, offset=0, shape=(2, 3), strides=(3, 1), rest=b""):
    """The attribute ``weight`` as TorchScript pickles it."""

    def number(value):
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(raw)]) + raw

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def row(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    stored = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(count) + b"tQ"
    arguments = stored + number(offset) + row(shape) + row(strides) + b"\x89ccollections\nOrderedDict\n)R" + rest
    return text("weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


CODE = b'class M(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n  weight : Tensor\n'


def written(path, attributes, *, data=bytes(24), **more):
    """A small archive by hand."""
    contents = {
        "m/data.pkl": b"\x80\x02c__torch__\nM\n)\x81}(" + attributes + b"ub.",
        "m/code/__torch__.py": CODE,
        "m/constants.pkl": b"\x80\x02).",
        "m/data/0": data,
        "m/version": b"3\n",
    }
    return rewritten(path, contents | more)


def test_an_archive_by_hand_is_torch_jit_s_too(tmp_path):
    numbers = np.arange(6, dtype="<f4")
    path = written(tmp_path / "m.pt", pickled_tensor(), data=numbers.tobytes())
    assert torch.equal(torch.jit.load(path).state_dict()["weight"], torch.arange(6.0).view(2, 3))
    assert torch.equal(read_weights(path)["weight"], torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (pickled_tensor(offset=1), "beyond its storage of 6"),
        (pickled_tensor(strides=(4, 1)), "beyond its storage of 6"),
        (pickled_tensor(shape=(7,), strides=(1,)), "beyond its storage of 6"),
        (pickled_tensor(shape=(0,), strides=(1,), offset=7), "beyond its storage of 6"),
        (pickled_tensor(shape=(1 << 20,), strides=(0,)), "beyond its storage of 6"),
        (pickled_tensor(shape=(1 << 40, 1 << 40), strides=(0, 0)), "beyond its storage of 6"),
        (pickled_tensor(shape=(2, 3), strides=(1,)), "not plain numbers"),
        (pickled_tensor(shape=(-2, 3)), "not plain numbers"),
        (pickled_tensor(strides=(-3, 1)), "not plain numbers"),
        (pickled_tensor(offset=-1), "not plain numbers"),
        (pickled_tensor(offset=10**400), "not plain numbers"),
        (pickled_tensor(shape=(10**400, 1)), "not plain numbers"),
        (pickled_tensor(rest=b"}(X\x04\x00\x00\x00conj\x88u"), "not plain numbers"),
        (pickled_tensor(count=7), "storage 0 has 24 bytes"),
        (pickled_tensor(count=5), "storage 0 has 24 bytes"),
        (pickled_tensor(count=10**400), "storage 0 has 24 bytes"),
        (pickled_tensor(kind="DoubleStorage"), "storage 0 has 24 bytes"),
        (pickled_tensor(kind="QInt8Storage"), r"a storage of type torch\.QInt8Storage"),
        (pickled_tensor(key="1"), "no item named 'm/data/1'"),
        (pickled_tensor(key="../code/__torch__.py"), "no item named"),
        (b"X\x06\x00\x00\x00weightK\x01", "a int where a plain tensor belongs"),
        (b"K\x01K\x02", "sequence item 0"),
        (b"X\x01\x00\x00\x00ac__torch__\nN\n)\x81}b", "it is empty"),
        (b"X\x01\x00\x00\x00ac__torch__.none\nN\n)\x81}b", "no item named 'm/code/__torch__/none.py'"),
        (b"X\x01\x00\x00\x00ac__torch__\nM\n)\x81K\x01b", "keeps its state in a form"),
        (b"))K\x01", "a tuple in the wrong place"),
        (b"(lp0\n", "opcode LIST"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(tmp_path, attributes, message):
    path = written(tmp_path / "m.pt", attributes)
    with pytest.raises(InputError, match=message) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_modules_without_end_are_refused(tmp_path):
    # The module is put by as 0 and is its own attribute.
    looped = b"\x80\x02c__torch__\nM\n)\x81q\x00}(X\x01\x00\x00\x00ah\x00ub."
    # Each of 40 modules is the next one's attribute twice.
    doubled = b"c__torch__\nM\n)\x81q\x00"
    for level in range(40):
        put, get = bytes([level + 1]), bytes([level])
        doubled += (
            b"c__torch__\nM\n)\x81q" + put + b"}(X\x01\x00\x00\x00ah" + get + b"X\x01\x00\x00\x00bh" + get + b"ub"
        )
    for pickled in (looped, b"\x80\x02" + doubled + b"."):
        written(tmp_path / "m.pt", b"", **{"m/data.pkl": pickled})
        with pytest.raises(InputError, match="modules without end"):
            read_weights(tmp_path / "m.pt")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"m/DATA.PKL": b""}, r"double or oddly spelt \('m/data.pkl'\)"),
        ({"m/Data/0": b""}, "double or oddly spelt"),
        ({"M/data/1": b""}, "not one folder"),
        ({"other/data/1": b""}, "not one folder"),
        ({"m/data/../../x": b""}, "double or oddly spelt"),
        ({"m//data/1": b""}, "double or oddly spelt"),
        ({"/etc/x": b""}, "double or oddly spelt"),
        ({"m\\data\\1": b""}, "double or oddly spelt"),
        ({"m/data/1\n": b""}, "double or oddly spelt"),
        ({"alone": b""}, "double or oddly spelt"),
        ({"m/byteorder": b"big"}, "bytes are in another order"),
        ({"m/code/__torch__.py": b"\xff"}, "can't decode byte"),
        ({"m/code/__torch__.py": b"class N(Module):\n"}, "not a table of tensors: it is empty"),
    ],
)
def test_an_archive_that_torch_would_not_write_is_refused(tmp_path, more, message):
    path = written(tmp_path / "m.pt", pickled_tensor(), **more)
    with pytest.raises(InputError, match=message) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("name", ["m/data.pkl", "m/data/0", "m/constants.pkl"])
def test_a_member_that_is_there_twice_is_refused(tmp_path, name):
    path = written(tmp_path / "m.pt", pickled_tensor())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(InputError, match="double or oddly spelt"):
        read_weights(path)


@pytest.mark.parametrize("eager", [True, False], ids=["torch.save", "TorchScript"])
def test_an_archive_that_unfolds_to_more_than_itself_is_refused(tmp_path, eager):
    path = tmp_path / "m.pt"
    if eager:
        torch.save({"weight": torch.zeros(1 << 20)}, path)
        rewritten(path, members(path), compression=zipfile.ZIP_DEFLATED)
    else:
        zeros = pickled_tensor(count=1 << 20, shape=(1 << 20,), strides=(1,))
        written(path, zeros, data=bytes(1 << 22))
        rewritten(path, members(path), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 14
    with pytest.raises(InputError, match=r"bytes and declares 419\d{4}; expected .* not compressed"):
        read_weights(path)


def test_bytes_before_an_archive_are_refused(tmp_path):
    path = written(tmp_path / "m.pt", pickled_tensor())
    before = io.BytesIO()
    with zipfile.ZipFile(before, "w") as archive:
        archive.writestr("x", b"x")
    path.write_bytes(before.getvalue() + path.read_bytes())
    with pytest.raises(InputError, match="not one folder in one zip archive"):
        read_weights(path)
