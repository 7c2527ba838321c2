"""One process at a time trains in a folder: a lock that ends with its process, however that ends."""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from mosaicreid.errors import InputError
from mosaicreid.files import naming_faults

if TYPE_CHECKING:
    from accelerate import Accelerator

# Seconds. A notebook's kernel outlives a killed papermill by one or two; who stays longer is training.
PATIENCE = 20.0
LOCK = ".training.lock"
# Of file systems that have no locks: some network folders, or all without their lock service.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextmanager
def sole_trainer(folder: Path, accelerator: "Accelerator", *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold ``folder`` for this process, so that no other one trains there; within itself it may be asked for again.

    Of several processes of one run (``accelerator``) the first one holds it, and the others wait for that. The folder
    is made, and in it ``.training.lock``, which says whose it is or was last. The file stays; the lock goes with its
    process, killed or not. On a file system without locks a line says so, and nothing is held.

    Raises:
        InputError: another process still has the folder after ``patience`` seconds.
    """
    with accelerator.main_process_first():
        lock = _acquire(Path(folder), patience) if accelerator.is_main_process else None
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def check_there(folder: Path) -> None:
    """Refuse to write into a ``folder`` that ``sole_trainer`` holds where it has gone meanwhile.

    Writing would make it anew, in the empty place of a network folder that has been lost, say.

    Raises:
        InputError: the folder, or the lock in it, is not there any more.
    """
    if not (Path(folder) / LOCK).exists():
        raise InputError(
            f"{folder} has gone while this process trained in it (removed, moved or unmounted); bring it back, and the "
            "same command goes on"
        )


def _acquire(folder: Path, patience: float) -> FileLock | None:
    path = folder / LOCK
    with naming_faults(path):
        folder.mkdir(parents=True, exist_ok=True)
        # A singleton, so that a process that has the folder may ask for it again. A lock that is but a file would
        # outlive a killed process, so there is none to fall back to.
        lock = FileLock(path, is_singleton=True, fallback_to_soft=False, on_acquired=_sign)
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                print(f"{folder}: {_holder(path)} trains here; waiting {patience:g} seconds for its end", flush=True)
                lock.acquire(timeout=patience)
        except Timeout:
            raise InputError(
                f"{folder}: {_holder(path)} still trains here after {patience:g} seconds; expected one process at a "
                "time; likely cause: the run was started twice, an earlier one goes on in the background, or "
                "another one trains what both share; wait for its end, or end it"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            print(f"{folder}: its file system has no locks; see to it that no other process trains here", flush=True)
            return None
    return lock


def _sign(descriptor: int) -> None:
    """Write who has the lock into its file."""
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"process {os.getpid()} on {platform.node()}, since {started},\n".encode())


def _holder(path: Path) -> str:
    """Who has the lock, in words. Windows lets nobody else read a file that is locked."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")[:200].strip() or "another process"
    return "another process"
