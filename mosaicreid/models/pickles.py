"""A pickle read as inert values: nothing that it names is imported, made or called.

A small machine for the opcodes that TorchScript writes, in place of an unpickler. A name stays a name, and a call the
record of a call; whoever reads the result decides what a record means.
"""

import pickletools
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Name:
    """A class or function by its dotted name, never looked up."""

    dotted: str


@dataclass(eq=False)
class Call:
    """A call that is not made."""

    function: Name
    arguments: Any


@dataclass(eq=False)
class Instance:
    """An object that is not made: its class, and the state it was to be given."""

    kind: Name
    state: object = None


@dataclass(frozen=True)
class Stored:
    """A reference to what lies beside the pickle, such as a storage."""

    reference: Any


def read_pickle(data: bytes, *, names: re.Pattern[str]) -> Any:
    """What the pickle ``data`` holds: plain values, ``Name``, ``Call``, ``Instance`` and ``Stored``.

    Raises:
        ValueError, LookupError: a name that ``names`` does not match, opcodes that TorchScript does not write, or
            opcodes in an order that makes no sense.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            return machine.stack.pop()
        if opcode.name == "GLOBAL" and not names.fullmatch(str(argument).replace(" ", ".")):
            raise ValueError(f"it names {argument}")
        machine.step(opcode.name, argument)
    raise ValueError("no end")


class _Machine:
    """The stack, where its marks are, and the values that the pickle may name again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[Any, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """Execute one opcode."""
        match opcode:
            case "PROTO":
                return
            case "MARK":
                self.marks.append(len(self.stack))
                return
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
                return
            case "APPEND":
                self._extend([self.stack.pop()])
                return
            case "APPENDS":
                self._extend(self._marked())
                return
            case "SETITEM":
                self._update([self.stack.pop() for _ in range(2)][::-1])
                return
            case "SETITEMS":
                self._update(self._marked())
                return
            case "BUILD":
                state = self.stack.pop()
                _expect(self.stack[-1], Instance).state = state
                return
        self.stack.append(self._value(opcode, argument))

    def _value(self, opcode: str, argument: Any) -> Any:
        """The value that an opcode pushes."""
        pop = self.stack.pop
        match opcode:
            case "NONE":
                return None
            case "NEWTRUE" | "NEWFALSE":
                return opcode == "NEWTRUE"
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                return argument
            case "EMPTY_LIST":
                return []
            case "EMPTY_DICT":
                return {}
            case "EMPTY_TUPLE":
                return ()
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                return tuple([pop() for _ in range(int(opcode[-1]))][::-1])
            case "TUPLE":
                return tuple(self._marked())
            case "BINGET" | "LONG_BINGET":
                return self.memo[argument]
            case "GLOBAL":
                return Name(argument.replace(" ", "."))
            case "REDUCE":
                arguments = pop()
                return Call(_expect(pop(), Name), arguments)
            case "NEWOBJ":
                pop()
                return Instance(_expect(pop(), Name))
            case "BINPERSID":
                return Stored(pop())
        raise ValueError(f"the opcode {opcode}")

    def _marked(self) -> list[Any]:
        """The values above the last mark, taken off the stack."""
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _extend(self, values: list[Any]) -> None:
        _expect(self.stack[-1], list).extend(values)

    def _update(self, values: list[Any]) -> None:
        # Of text and numbers alone: the hash of a tuple that is nested deeply enough ends the process.
        keys = [_expect(key, (str, int, float)) for key in values[::2]]
        _expect(self.stack[-1], dict).update(zip(keys, values[1::2], strict=True))


def _expect(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"a {type(value).__name__} in the wrong place")
    return value
