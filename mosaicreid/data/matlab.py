"""A careful reader of MATLAB 5 files: structures, cells, text and plain numbers, which is all that annotations hold.

scipy's reader trusts the lengths in a file, and one flipped byte can end the whole process there. Here every length is
compared with what is left before anything is taken, sizes and nesting are bounded, and what is damaged or not known is
refused by its place in the file. The format is that of MathWorks' "MAT-File Format", level 5.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from struct import Struct
from typing import Any, NoReturn

import numpy as np

from mosaicreid.errors import InputError

# Ten thousand people with every field in double precision are 3 MiB.
_MOST_BYTES = 2**23
_DEEPEST = 8

_MATRIX, _COMPRESSED = 14, 15
# Some programs that are not MATLAB write sizes as unsigned numbers, and names as UTF-8.
_NAMES, _SIZES, _FLAGS = (1, 16), (5, 6), 6
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "utf-8", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}

_CELL, _STRUCTURE, _TEXT = 1, 2, 4
_NUMERIC = range(6, 16)
_OPAQUE = 17
_REFUSED = {3: "an object", 5: "sparse numbers", 16: "a function", _OPAQUE: "an object"}
_COMPLEX, _LOGICAL = 0x800, 0x200


@dataclass(frozen=True, kw_only=True)
class _Array:
    """The head of an array, and the elements after it, not looked at yet."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str
    body: Iterator[tuple[int, memoryview]]


def read_variable(path: Path, variable: str) -> Any:
    """The value of one variable: a structure as a dictionary, a cell array as a list, text as a tuple of its rows, and
    numbers as a flat array in the file's own type (logical ones bool), columns first.

    Other variables of the file are skipped. Files of either byte order are read, compressed or not.

    Raises:
        InputError: the file is not a MATLAB 5 file, is damaged, larger than 8 MiB, or lacks the variable; or the
            variable holds something else (complex or sparse numbers, objects, arrays of structures). The place
            is named.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); expected a MATLAB 5 file") from error
    return _File(path=path, variable=variable, content=content).read()


class _File:
    """What all parts of one file share: its name for messages, and its byte order."""

    def __init__(self, *, path: Path, variable: str, content: bytes) -> None:
        self._path, self._variable, self._content = path, variable, content
        self._order = self._byte_order()
        self._tag, self._word = Struct(f"{self._order}II"), Struct(f"{self._order}I")

    def read(self) -> Any:
        if len(self._content) > _MOST_BYTES:
            self._too_large()
        room, found = _MOST_BYTES, {}
        for number, (kind, data) in enumerate(self._elements(memoryview(self._content)[128:], "the file"), start=1):
            where = f"block {number}"
            if kind == _COMPRESSED:
                data = self._inflate(data, where, room)
                room -= len(data)
                inner = list(self._elements(data, where))
                if len(inner) != 1:
                    self._damaged(where, f"{len(inner)} arrays, expected one")
                kind, data = inner[0]
            if kind != _MATRIX:
                self._damaged(where, f"an element of type {kind}, expected an array")
            array = self._array(data, where)
            if array.name and array.name in found:
                self._damaged(where, f"variable {array.name!r} occurs twice")
            found[array.name] = data
        if self._variable not in found:
            names = ", ".join(filter(None, found)) or "nothing"
            raise InputError(f"{self._path} holds {names}, expected {self._variable}: is it another dataset's file?")
        return self._value(found[self._variable], self._variable, 0)

    def _byte_order(self) -> str:
        head = self._content[:128]
        if b"\x89HDF\r\n\x1a\n" in (self._content[:8], self._content[512:520]):
            self._foreign("it is one of MATLAB 7.3, an HDF5 file: save it with -v7")
        order = {b"IM": "<", b"MI": ">"}.get(head[126:])
        if order is None and 0 in head[:4]:
            self._foreign("it may be one of MATLAB 4: save it with -v7")
        if len(head) < 128:
            self._foreign(f"it has {len(head)} bytes, fewer than the header")
        if order is None or Struct(f"{order}H").unpack(head[124:126])[0] != 0x0100:
            self._foreign("its header says so")
        return order

    def _inflate(self, data: memoryview, where: str, room: int) -> memoryview:
        decompressor = zlib.decompressobj()
        try:
            inflated = decompressor.decompress(data, room + 1)
        except zlib.error as error:
            self._damaged(where, str(error))
        if len(inflated) > room:
            self._too_large()
        if not decompressor.eof or decompressor.unused_data:
            self._damaged(where, "its compressed data do not end where they should")
        return memoryview(inflated)

    def _elements(self, data: memoryview, where: str) -> Iterator[tuple[int, memoryview]]:
        """Type and data of each element, which must fill ``data`` exactly."""
        position, end = 0, len(data)
        while position < end:
            if end - position < 8:
                self._damaged(where, f"{end - position} bytes left over")
            kind, size = self._tag.unpack_from(data, position)
            start = position + 8
            padded = size if kind == _COMPRESSED else size + -size % 8
            # Four bytes or fewer share the eight of the tag, and the size stands in the type's upper half.
            if kind >> 16:
                kind, size, start, padded = kind & 0xFFFF, kind >> 16, position + 4, 4
            if start + padded > end or size > padded:
                self._damaged(where, f"{size} bytes announced where {end - start} are left")
            yield kind, data[start : start + size]
            position = start + padded

    def _array(self, data: memoryview, where: str) -> _Array:
        parts = self._elements(data, where)
        head = list(islice(parts, 3))
        if not head:
            return _Array(kind=6, flags=0, shape=(0, 0), name="", body=iter([(9, data)]))
        if len(head) != 3 or head[0][0] != _FLAGS or len(head[0][1]) != 8:
            self._damaged(where, "no array")
        (_, marks), (size_kind, sizes), (name_kind, name) = head
        flags = self._word.unpack_from(marks)[0]
        kind = flags & 0xFF
        if kind == _OPAQUE:
            return _Array(kind=kind, flags=flags, shape=(), name=self._ascii(sizes, where), body=parts)
        if size_kind not in _SIZES or name_kind not in _NAMES or len(sizes) < 8 or len(sizes) % 4:
            self._damaged(where, "no array")
        shape = tuple(np.frombuffer(sizes, f"{self._order}i4").tolist())
        if min(shape) < 0:
            self._damaged(where, f"an array of {'x'.join(map(str, shape))}")
        return _Array(kind=kind, flags=flags, shape=shape, name=self._ascii(name, where), body=parts)

    def _value(self, data: memoryview, where: str, depth: int) -> Any:
        if depth > _DEEPEST:
            self._damaged(where, f"nested deeper than {_DEEPEST}")
        array = self._array(data, where)
        if array.kind in _REFUSED or array.flags & _COMPLEX:
            raise InputError(
                f"{self._path}, {where}: {_REFUSED.get(array.kind, 'complex numbers')}; "
                "expected structures, cells, text and plain numbers"
            )
        count, body = prod(array.shape), list(array.body)
        if array.kind == _STRUCTURE:
            return self._structure(body, count, where, depth)
        if array.kind == _CELL:
            if len(body) != count or any(kind != _MATRIX for kind, _ in body):
                self._damaged(where, f"{len(body)} cells where {count} are announced")
            return [self._value(cell, f"{where}{{{n}}}", depth + 1) for n, (_, cell) in enumerate(body, start=1)]
        if len(body) != 1 or array.kind not in (_TEXT, *_NUMERIC):
            self._damaged(where, f"an array of class {array.kind} in {len(body)} parts")
        kind, values = body[0]
        if array.kind == _TEXT:
            return self._text(kind, values, array.shape, where)
        return self._numbers(kind, values, count, bool(array.flags & _LOGICAL), where)

    def _structure(self, body: list[tuple[int, memoryview]], count: int, where: str, depth: int) -> dict[str, Any]:
        if count != 1:
            raise InputError(f"{self._path}, {where}: expected one structure, got {count}")
        kinds = [kind for kind, _ in body]
        if len(kinds) < 2 or kinds[0] not in _SIZES or kinds[1] not in _NAMES or len(body[0][1]) != 4:
            self._damaged(where, "no names of fields")
        length, names = self._word.unpack(body[0][1])[0], body[1][1]
        if not length or len(names) % length:
            self._damaged(where, f"{len(names)} bytes of names that have {length} each")
        fields = [self._ascii(names[start : start + length], where) for start in range(0, len(names), length)]
        if len(set(fields)) != len(fields) or kinds[2:] != [_MATRIX] * len(fields):
            self._damaged(where, f"fields {', '.join(fields)} for {len(kinds) - 2} values")
        return {
            field: self._value(data, f"{where}.{field}", depth + 1)
            for field, (_, data) in zip(fields, body[2:], strict=True)
        }

    def _text(self, kind: int, values: memoryview, shape: tuple[int, ...], where: str) -> tuple[str, ...]:
        if kind not in _TEXTS:
            self._damaged(where, f"text of an unknown type: {kind}")
        codec = _TEXTS[kind]
        if codec != "utf-8":
            codec += "-le" if self._order == "<" else "-be"
        try:
            text = bytes(values).decode(codec)
        except UnicodeDecodeError:
            self._damaged(where, f"text that is not {codec}")
        if len(text) != prod(shape) or len(shape) != 2:
            self._damaged(where, f"{len(text)} characters where {'x'.join(map(str, shape))} are announced")
        return tuple(text[row :: shape[0]] for row in range(min(shape[0], len(text))))

    def _numbers(self, kind: int, values: memoryview, count: int, logical: bool, where: str) -> np.ndarray:
        if kind not in _NUMBERS:
            self._damaged(where, f"numbers of an unknown type: {kind}")
        dtype = np.dtype(self._order + _NUMBERS[kind])
        if len(values) != count * dtype.itemsize:
            self._damaged(where, f"{len(values)} bytes where {count} numbers of {dtype.itemsize} are announced")
        numbers = np.frombuffer(values, dtype)
        if logical and not np.isin(numbers, (0, 1)).all():
            self._damaged(where, "true and false that are neither 1 nor 0")
        return numbers.astype(bool) if logical else numbers

    def _ascii(self, data: memoryview, where: str) -> str:
        """A name, which ends before the first zero."""
        name = bytes(data).partition(b"\0")[0].decode("latin-1")
        if not (name.isascii() and name.isprintable()):
            self._damaged(where, f"a name {name!r}")
        return name

    def _foreign(self, what: str) -> NoReturn:
        raise InputError(f"{self._path} is not a MATLAB 5 file ({what}); expected {self._variable}.mat")

    def _too_large(self) -> NoReturn:
        raise InputError(f"{self._path} holds more than {_MOST_BYTES >> 20} MiB; expected {self._variable}.mat")

    def _damaged(self, where: str, what: str) -> NoReturn:
        raise InputError(
            f"{self._path} is not a MATLAB 5 file in one piece ({where}: {what}); it was damaged or cut short, "
            f"expected {self._variable}.mat"
        )
