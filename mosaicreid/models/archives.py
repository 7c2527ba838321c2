"""TorchScript archives, in which OpenAI published CLIP, read as tensors without TorchScript.

An archive is a zip file of code, a pickle of the modules' attributes and a raw file per storage. The attributes are
read as inert values and the storages as bytes; the code is text in which the names of a class's parameters are found.
"""

import math
import re
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.models.pickles import Call, Instance, Name, Stored, read_pickle

_STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
# TorchScript's own classes, and what its pickles call.
_NAMES = re.compile(r"(__torch__|torch\.jit\._pickle|torch\._utils|torch)\.[\w.]+|collections\.OrderedDict")
_CLASS = re.compile(r"^class (\w+)\(Module\):\n  __parameters__ = \[(.*)\]\n(?:  __buffers__ = \[(.*)\]\n)?", re.M)
_MOST_TEXT = 1 << 24
_MOST_MODULES = 100_000
_DEEPEST = 100


def is_torchscript(path: Path) -> bool:
    """Whether the zip archive at ``path`` is TorchScript, rather than what ``torch.save`` writes.

    Raises:
        InputError: no archive as torch writes them: damaged, with members that are double or oddly spelt, or with
            more bytes declared than the file has.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    # Damage raises whatever reading a name or a number of it raises; to a user all mean the same.
    except Exception as error:
        raise InputError(f"{path.name!r} is a zip archive that cannot be read; likely cause: damage") from error
    times = Counter(member.filename.lower() for member in members)
    # torch finds members whatever their case, Python as they are spelt: only what both read alike is read.
    odd = [member.orig_filename for member in members if _is_odd(member) or times[member.filename.lower()] > 1]
    if odd:
        raise InputError(
            f"{path.name!r} has a member that is double or oddly spelt ({odd[0][:100]!r}); expected an archive as "
            "torch writes it"
        )
    check_sums(path)
    folders = {member.filename.partition("/")[0] for member in members}
    if len(folders) != 1 or min(member.header_offset for member in members):
        raise InputError(f"{path.name!r} is not one folder in one zip archive; expected an archive as torch writes it")
    declared = sum(member.file_size for member in members if not _is_text(member))
    if declared > path.stat().st_size:
        raise InputError(
            f"{path.name!r} has {path.stat().st_size} bytes and declares {declared}; expected an archive as torch "
            "writes it, not compressed; likely cause: an archive that was packed again, or damage"
        )
    return any(member.filename.partition("/")[2] == "constants.pkl" for member in members)


def check_sums(path: Path) -> None:
    """InputError where a member of a zip archive is not what its checksum says, which torch does not look at."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    # Damage raises whatever reading a member raises.
    except Exception as error:
        raise InputError(
            f"{path.name!r} is an archive with a member that cannot be read; likely cause: damage"
        ) from error
    if damaged is not None:
        raise InputError(f"{path.name!r} is damaged: {damaged[:100]!r} is not what its checksum says")


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of a TorchScript archive by dotted name, on the CPU, as ``torch.jit`` would give them.

    No code of the archive runs, nothing that it names is imported, and ``torch.jit`` is not used.

    Raises:
        InputError: no such archive, a damaged one, tensors that are not plain numbers within their storage, or modules
            that keep their state in a form of their own (quantised ones do), which only their code could read.
    """
    path = Path(path)
    if not is_torchscript(path):
        raise InputError(f"{path.name!r} is not a TorchScript archive")
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, size=path.stat().st_size).state()
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path.name!r} is not a TorchScript archive of plain tensors ({reason}); likely cause: damage, quantised "
            "modules, or a file that is meant to do harm"
        ) from error


class _Reader:
    """An open archive of ``size`` bytes; what does not fit is a ValueError or LookupError."""

    def __init__(self, archive: zipfile.ZipFile, *, size: int) -> None:
        self.archive = archive
        self.size = size
        self.folder = archive.namelist()[0].partition("/")[0]
        self.storages: dict[str, Tensor] = {}
        self.texts: dict[str, dict[str, set[str]]] = {}

    def state(self) -> dict[str, Tensor]:
        """The state of the outermost module."""
        order = f"{self.folder}/byteorder"
        if order in self.archive.namelist() and self.archive.read(order).decode() != sys.byteorder:
            raise ValueError("its bytes are in another order than this machine's")
        root = read_pickle(self.archive.read(f"{self.folder}/data.pkl"), names=_NAMES)
        if not isinstance(root, Instance):
            raise ValueError(f"a {type(root).__name__} where the module belongs")
        state: dict[str, Tensor] = {}
        modules: list[tuple[tuple[str, ...], Instance]] = [((), root)]
        for place, module in modules:
            tensors = self.tensor_names(module.kind)
            # TorchScript's plain classes are no modules: what they hold belongs to no state.
            if tensors is None:
                continue
            if not isinstance(module.state, dict):
                raise ValueError(f"{module.kind.dotted} keeps its state in a form that only its code can read")
            if len(place) > _DEEPEST or len(modules) > _MOST_MODULES:
                raise ValueError("modules without end")
            for name, value in module.state.items():
                full = ".".join((*place, name))
                if isinstance(value, Instance):
                    modules.append(((*place, name), value))
                elif name in tensors and value is not None:
                    if full in state:
                        raise ValueError(f"{full} is there twice")
                    state[full] = self.tensor(value)
        return state

    def tensor_names(self, kind: Name) -> set[str] | None:
        """The names of a class's own parameters and buffers, None for a class that is not a module."""
        if kind.dotted.startswith("__torch__.torch.classes."):
            return None
        module, _, name = kind.dotted.rpartition(".")
        if module not in self.texts:
            with self.archive.open(f"{self.folder}/code/{module.replace('.', '/')}.py") as file:
                text = file.read(_MOST_TEXT).decode()
            self.texts[module] = {
                found: set(re.findall(r'"([^"]+)"', f"{parameters}{buffers}"))
                for found, parameters, buffers in _CLASS.findall(text)
            }
        return self.texts[module].get(name)

    def tensor(self, value: Any) -> Tensor:
        """The tensor that a call of the pickle describes, on its storage."""
        if not isinstance(value, Call) or value.function.dotted != "torch._utils._rebuild_tensor_v2":
            raise ValueError(f"a {type(value).__name__} where a plain tensor belongs")
        stored, offset, shape, strides, _gradient, _hooks, *conjugate = value.arguments
        storage = self.storage(stored)
        numbers = (offset, *shape, *strides)
        if any(conjugate) or len(shape) != len(strides) or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
            raise ValueError("a tensor that is not plain numbers")
        end = offset + (1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if all(shape) else 0)
        if end > len(storage) or math.prod(shape) * storage.element_size() > self.size:
            raise ValueError(f"a tensor of {shape[:8]} beyond its storage of {len(storage)}")
        return storage.as_strided(shape, strides, offset)

    def storage(self, stored: Any) -> Tensor:
        """A storage as a tensor of one dimension; the same bytes for all tensors on it."""
        if not isinstance(stored, Stored):
            raise ValueError(f"a {type(stored).__name__} where a storage belongs")
        what, kind, key, _device, count = stored.reference
        if what != "storage" or not isinstance(kind, Name) or kind.dotted not in _STORAGES:
            raise ValueError(f"a storage of type {getattr(kind, 'dotted', kind)}")
        if key not in self.storages:
            read = bytearray(self.archive.read(f"{self.folder}/data/{key}"))
            self.storages[key] = torch.frombuffer(read, dtype=torch.uint8) if read else torch.empty(0).byte()
        content, dtype = self.storages[key], _STORAGES[kind.dotted]
        if type(count) is not int or count != len(content) // dtype.itemsize:
            raise ValueError(f"storage {key} has {len(content)} bytes and not the {kind.dotted} it declares")
        return content[: count * dtype.itemsize].view(dtype)


def _is_text(member: zipfile.ZipInfo) -> bool:
    """Whether a member is code or a user's extra, which are compressed and whose names are free."""
    return member.filename.partition("/")[2].startswith(("code/", "extra/"))


def _is_odd(member: zipfile.ZipInfo) -> bool:
    """Whether torch would not have written a member's name."""
    name = member.orig_filename
    spelt = name.rpartition(".")[2] if _is_text(member) else name.partition("/")[2]
    return (
        name != member.filename
        or not name.isprintable()
        or "\\" in name
        or any(part in ("", ".", "..") for part in name.split("/"))
        or not spelt
        or spelt != spelt.lower()
    )
