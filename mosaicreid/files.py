"""Writing files so that a reader never sees half of one, and what this process may use."""

import errno
import glob
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from mosaicreid.errors import InputError

# Part of the name of whatever is being made.
UNFINISHED = "unfinished-"
_STALE_SECONDS = 24 * 3600
# Bytes: with less, a writer that failed for a reason of its own would have failed for want of space too.
_LITTLE = 2**20


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it replaces ``path``, on an error it goes away.

    The parent folder is created. Two processes may write the same ``path``: the last to finish wins, whole.

    A process that is killed leaves its hidden temporary file behind. The next write of the same ``path`` removes it
    where it sees that the process has ended, and otherwise once nobody has touched the file for a day, which no write
    in progress lasts.

    Raises:
        InputError: the disk is full, read-only or gone; the message names ``path``.
    """
    path = Path(path)
    with naming_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=working_name(path.stem), suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            _remove_stale(path, now=temporary.stat().st_mtime)
            yield temporary
            # mkstemp makes files readable by their owner alone; results are meant to be shared like any other file.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            # A disk that has gone or turned read-only keeps it, and what made it do so is the error to tell.
            with suppress(OSError):
                temporary.unlink()


@contextmanager
def naming_faults(path: Path) -> Iterator[None]:
    """Make a fault of the disk, met while ``path`` is written in a ``with`` block, an ``InputError`` that names it.

    A full disk shows as an OSError without a path, or as whatever the writing library makes of one. Other errors pass.
    """
    try:
        yield
    except Exception as error:
        reason = _fault(_origin(error), path.parent)
        if reason:
            raise InputError(f"{path} cannot be written: {reason}, and give the same command again") from error
        raise


def _origin(error: BaseException) -> BaseException:
    """The error of the system that ``error`` was raised for, if there is one."""
    below: BaseException | None = error
    while below is not None and not (isinstance(below, OSError) and below.errno is not None):
        below = below.__cause__ or below.__context__
    return below or error


def _fault(error: BaseException, folder: Path) -> str:
    """What is wrong with the disk of ``folder`` and what to do; empty if ``error`` is of another kind."""
    full = "no space is left on its disk (or its quota is used up); free some"
    gone = "its folder has gone (removed, moved or unmounted); bring it back, or name another one"
    if isinstance(error, OSError) and error.errno is not None:
        within = error.filename is not None and folder in (Path(error.filename), *Path(error.filename).parents)
        if within and isinstance(error, FileNotFoundError) and not folder.is_dir():
            return gone
        if within and isinstance(error, PermissionError):
            return "its folder may not be written by you; name another one"
        return {
            errno.ENOSPC: full,
            errno.EDQUOT: full,
            errno.EFBIG: "it is larger than a file may be there (ulimit -f, or the disk's format); name another folder",
            errno.EROFS: "its disk is read-only; name another folder",
            errno.EIO: "its disk fails; name a folder on another one",
            errno.ESTALE: gone,
            errno.ENODEV: gone,
            errno.ENOTCONN: gone,
        }.get(error.errno, "")
    try:
        return full if shutil.disk_usage(folder).free < _LITTLE else ""
    except OSError:
        return gone


def check_space(needs: Mapping[Path, int]) -> None:
    """Refuse, before anything is written, folders that cannot be written or whose disks lack the room.

    A file is made in each folder, or in the part of its path that is there, and removed again.

    Args:
        needs: the bytes that are going to be written to each folder; folders on one disk are counted together.

    Raises:
        InputError: a folder that cannot be written, or fewer bytes free than needed.
    """
    disks: dict[int, list[Path]] = {}
    for folder in needs:
        there = _existing(Path(folder).absolute())
        try:
            with tempfile.TemporaryFile(dir=there, prefix=working_name("try")):
                pass
            disks.setdefault(there.stat().st_dev, []).append(Path(folder))
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {there}: {error.strerror}; expected a folder that may be written, "
                "name another one"
            ) from error
    for folders in disks.values():
        needed = sum(needs[folder] for folder in folders)
        free = shutil.disk_usage(_existing(folders[0].absolute())).free
        if needed > free:
            listed = " and ".join(str(folder) for folder in folders if needs[folder])
            raise InputError(
                f"{listed}: this needs {needed:,} bytes ({needed / 2**30:.2f} GiB), the disk has {free:,} free "
                f"({free / 2**30:.2f} GiB); free some, or name a folder on another disk"
            )


def _existing(path: Path) -> Path:
    # Of a drive that is not there, nothing exists.
    return next((each for each in (path, *path.parents) if os.path.lexists(each)), path)


def expanded(path: Path) -> Path:
    """``path`` with variables of this machine in place of ``$NAME`` and ``${NAME}``.

    Raises:
        InputError: a variable that is not set here, or is empty.
    """
    found = re.compile(r"\$(\w+|\{\w+\})", re.ASCII)
    for name in (match[1].strip("{}") for match in found.finditer(str(path))):
        if not os.environ.get(name):
            raise InputError(f"the folder {path}: no variable {name} is set on this machine ({platform.node()})")
    return Path(found.sub(lambda match: os.environ[match[1].strip("{}")], str(path)))


def working_name(name: str) -> str:
    """The start of a hidden name for what this process is making and has not finished yet; see ``is_abandoned``."""
    return f".{name}.{UNFINISHED}{_machine()}-{os.getpid()}-"


def is_abandoned(path: Path, *, now: float) -> bool:
    """Whether what a process was making at ``path`` (see ``working_name``) is nobody's any more.

    The process was of this machine and has ended, or nobody has touched ``path`` for a day; ``now`` is the time by the
    clock of its file system.

    Raises:
        OSError: ``path`` is gone, which its own process or another one may be quicker to do.
    """
    import psutil

    maker = re.search(rf"\.{UNFINISHED}([0-9a-f]+)-(\d+)-", path.name)
    if maker and maker[1] == _machine() and not psutil.pid_exists(int(maker[2])):
        return True
    return now - path.stat().st_mtime > _STALE_SECONDS


def _machine() -> str:
    """What process numbers are counted by: this machine, or a container on it."""
    numbers = ""
    with suppress(OSError):
        numbers = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:8]


def usable_cpus() -> int:
    """How many processors this process may use: fewer than the machine has under a batch system or in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_stale(path: Path, *, now: float) -> None:
    """Remove what killed writers of ``path`` left; ``now`` is by the clock of the folder's file system."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.{UNFINISHED}*{glob.escape(path.suffix)}"):
        # Its own writer may have finished meanwhile, another one may be faster, or it is somebody else's.
        with suppress(OSError):
            if is_abandoned(left, now=now):
                left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def leads_below(path: str) -> bool:
    """Whether ``path``, written with /, is a place below the folder that it is relative to, on every system, and in the
    one spelling that names it."""
    plain = PurePosixPath(path)
    drive = PureWindowsPath(path).drive
    return str(plain) == path != "." and not (plain.is_absolute() or drive or ".." in plain.parts or "\\" in path)
