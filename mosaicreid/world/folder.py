"""The folder of a synthetic dataset: there whole or not at all, and never in the place of anything of a user's."""

import glob
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mosaicreid.data.folders import FOLDERS
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.datasets.marker import SYNTHETIC_MARKER, read_marker
from mosaicreid.errors import InputError
from mosaicreid.files import UNFINISHED, is_abandoned, naming_faults, working_name


@contextmanager
def whole_folder(root: Path, like: str, *, replace: bool) -> Iterator[Path]:
    """Yield a hidden folder beside ``root``, with its three empty ones; on success it takes the place of ``root``.

    On an error it goes away. What a process that was killed left of it goes with the next call for the same ``root``.
    ``root`` is missing or empty, or else ``replace`` says that what passes ``check_own`` may go.

    Raises:
        InputError: the disk is full, read-only or gone; the message names ``root``. Or it is not ours alone by now.
    """
    hidden = working_name(root.name)
    unfinished, replaced = root.parent / f"{hidden}new", root.parent / f"{hidden}old"
    with naming_faults(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        try:
            for folder in FOLDERS.values():
                (unfinished / folder).mkdir(parents=True)
            _remove_leftovers(root, like, now=unfinished.stat().st_mtime)
            yield unfinished
            if replace:
                # Again: somebody may have put something there meanwhile.
                check_own(root, like)
                root.rename(replaced)
            elif root.exists():
                root.rmdir()
            unfinished.rename(root)
        finally:
            for own in (unfinished, replaced):
                shutil.rmtree(own, ignore_errors=True)


def check_own(root: Path, like: str) -> None:
    """InputError unless ``root`` holds what ``synthesize`` wrote like this dataset, and nothing else."""
    advice = "nothing of it is touched; name another folder (real images need profile=paper)"
    if not (Path(root) / SYNTHETIC_MARKER).is_file():
        raise InputError(f"{root} has no {SYNTHETIC_MARKER} that proves it synthetic: {advice}")
    try:
        written = read_marker(root).like
    except InputError as error:
        raise InputError(f"{root} has no {SYNTHETIC_MARKER} that proves it synthetic ({error}): {advice}") from None
    if written != like:
        raise InputError(f"{root} is a synthetic folder like {written}, not like {like}: {advice}")
    foreign = _foreign(root, like)
    if foreign is not None:
        raise InputError(f"{foreign} is none of the files of a synthetic folder: {advice}")


def _foreign(root: Path, like: str) -> Path | None:
    """The first file or folder in ``root`` that ``synthesize`` does not write there; None if there is none."""
    own = {*FOLDERS.values(), SYNTHETIC_MARKER, get_folder_dataset(like).annotation.file_name}
    pattern = get_folder_dataset(like).images.pattern
    for path in sorted(root.iterdir()):
        if path.name not in own or path.is_symlink():
            return path
    for folder in FOLDERS.values():
        for path in sorted((root / folder).glob("*")):
            if not (path.is_file() and pattern.fullmatch(path.name)):
                return path
    return None


def _remove_leftovers(root: Path, like: str, *, now: float) -> None:
    for left in root.parent.glob(f".{glob.escape(root.name)}.{UNFINISHED}*"):
        # Another call may be quicker.
        with suppress(OSError):
            if left.is_dir() and is_abandoned(left, now=now) and _foreign(left, like) is None:
                shutil.rmtree(left, ignore_errors=True)
