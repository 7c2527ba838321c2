"""The machine that reads pickles: plain values as pickle gives them, names and calls as records."""

import os
import pickle
import re

import pytest

from mosaicreid.models.pickles import Call, Instance, Name, Stored, read_pickle

ANY = re.compile(".*")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [1, -1, 300, 1 << 20, 1 << 40, -(1 << 70)],
        2.5,
        "text \u00e9",
        {"a": [1, (2,), (2, 3), (2, 3, 4), (1, 2, 3, 4), ()], "b": {}, 3: None, 0.5: []},
        {"one": 1},
        ["one"],
    ],
)
def test_plain_values_are_pickle_s(value):
    assert read_pickle(pickle.dumps(value, protocol=2), names=ANY) == value


def test_a_value_that_is_named_again_is_the_same():
    shared = [1]
    found = read_pickle(pickle.dumps([shared, shared], protocol=2), names=ANY)
    assert found[0] is found[1]
    many = read_pickle(pickle.dumps([[i] for i in range(300)] + [shared, shared], protocol=2), names=ANY)
    assert many[-1] is many[-2]


def test_a_number_to_be_named_by_needs_no_room():
    assert read_pickle(b"\x80\x02Nr\xff\xff\xff\x7f.", names=ANY) is None


class Thing:
    def __init__(self):
        self.value = 3


def test_a_call_an_instance_and_a_reference_are_records():
    call = read_pickle(b"\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00exittR.", names=ANY)
    assert isinstance(call, Call)
    assert (call.function, call.arguments) == (Name("posix.system"), ("exit",))
    instance = read_pickle(pickle.dumps(Thing(), protocol=2), names=ANY)
    assert isinstance(instance, Instance)
    assert instance.kind.dotted.endswith("test_pickles.Thing")
    assert instance.state == {"value": 3}
    assert read_pickle(b"\x80\x02(K\x01K\x02tQ.", names=ANY) == Stored((1, 2))


def test_other_names_are_refused():
    with pytest.raises(ValueError, match=f"it names {os.name}"):
        read_pickle(f"\x80\x02c{os.name}\nsystem\n.".encode("latin1"), names=re.compile(r"torch\.\w+"))
    assert read_pickle(b"\x80\x02ctorch\nTensor\n.", names=re.compile(r"torch\.\w+")) == Name("torch.Tensor")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "pickle exhausted"),
        (b"\x80\x02", "pickle exhausted"),
        (b"\x80\x02K\x01", "pickle exhausted"),
        (b"\x80\x02.", "pop from empty list"),
        (b"\x80\x02t.", "pop from empty list"),
        (b"\x80\x02K\x01\x86.", "pop from empty list"),
        (b"\x80\x02h\x05.", "5"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "list index out of range"),
        (b"\x80\x02K\x01)R.", "an? int in the wrong place"),
        (b"\x80\x02K\x01)\x81.", "an? int in the wrong place"),
        (b"\x80\x02}}b.", "a dict in the wrong place"),
        (b"\x80\x02}K\x01a.", "a dict in the wrong place"),
        (b"\x80\x02](K\x01K\x02u.", "a list in the wrong place"),
        (b"\x80\x02}(K\x01u.", "shorter than argument 1"),
        (b"\x80\x02}()K\x01u.", "a tuple in the wrong place"),
        (b"\x80\x02" + b"}(" + b"]" + b"\x85" * 200_000 + b"K\x01u.", "a tuple in the wrong place"),
        (b"\x80\x04\x8c\x01a\x8c\x01b\x93.", "the opcode SHORT_BINUNICODE"),
        (b"\x80\x02(iposix\nsystem\n.", "the opcode INST"),
        (b"\x80\x02I" + b"9" * 400 + b"\n.", "the opcode INT"),
        (b"\x80\x02\x82\x01.", "the opcode EXT1"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "expected|not enough"),
        (b"\x80\x02X\xff\xff\xff\xff.", "expected|not enough"),
    ],
)
def test_what_torchscript_does_not_write_is_refused(data, message):
    with pytest.raises((ValueError, LookupError), match=message):
        read_pickle(data, names=ANY)
