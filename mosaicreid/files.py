"""Writing files so that a reader never sees half of one, and what this process may use."""

import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mosaicreid.errors import InputError

_MARK = "unfinished-"
_STALE_SECONDS = 24 * 3600
# Bytes: with less, a writer that failed for a reason of its own would have failed for want of space too.
_LITTLE = 2**20


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on success it replaces ``path``, on an error it goes away.

    The parent folder is created. Two processes may write the same ``path``: the last to finish wins, whole.

    A process that is killed leaves its hidden temporary file behind; a write of the same ``path`` removes it once
    nobody has touched it for a day, which no write in progress lasts.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.{_MARK}", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        _remove_stale(path, now=temporary.stat().st_mtime)
        yield temporary
        # mkstemp makes files readable by their owner alone; results are meant to be shared like any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except Exception as error:
        # A full disk shows as an OSError without a path, or as whatever the writing library makes of it.
        if _is_full(error, path.parent):
            raise InputError(
                f"{path} cannot be written: no space is left on its disk (or its quota is used up); free some, and "
                "give the same command again"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    try:
        return shutil.disk_usage(folder).free < _LITTLE
    except OSError:
        return False


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
    for left in path.parent.glob(f".{glob.escape(path.stem)}.{_MARK}*{glob.escape(path.suffix)}"):
        # Its own writer may have finished meanwhile, another one may be faster, or it is somebody else's.
        with suppress(OSError):
            if now - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
