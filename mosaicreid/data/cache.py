"""Images decoded once: a memory-mapped array of pixels on disk, shared by every run of a sweep.

A cache file's name holds a fingerprint of the source files (path, size, time of change), so a changed, added or missing
source file leads to another name and a fresh build. So does another rule of decoding. A build lands under its name in
one step: processes that build at the same time each land a whole file, and readers of a replaced one keep theirs.
"""

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from mosaicreid.data.decode import Pixels, decode
from mosaicreid.data.folders import Images
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path, check_space
from mosaicreid.progress import bar

# Counts up when ``decode`` makes other pixels of any file, so that no cache of an earlier rule is used.
_DECODING = 3


def open_cache(
    root: Path,
    images: Images,
    *,
    height: int,
    width: int,
    folder: Path,
    workers: int,
    progress: bool = True,
) -> Pixels:
    """The pixels of ``images`` under ``root``: a read-only memory map (N, 3, height, width) uint8, RGB.

    Images of another size are resized bicubically with antialiasing, as CLIP-ReID does. ``folder`` holds the caches;
    the first call decodes in ``workers`` threads (at least one), later ones open what is there. The cache that an
    earlier state of the same source files left behind is removed.

    Raises:
        InputError: no images, a size below 1, a missing or unreadable image (its path is named), too little room on
            the disk, or a damaged cache file.
    """
    root, folder = Path(root).resolve(), Path(folder)
    if not len(images) or min(height, width) < 1:
        raise InputError(f"got {len(images)} images and a size of {height}x{width}; expected at least 1 of each")
    path = _path(root, images, height, width, folder)
    shape = (len(images), 3, height, width)
    if not path.is_file():
        _build(path, root, images.paths, shape, workers, progress)
        for stale in folder.glob(f"{path.stem.rpartition('-')[0]}-*.npy"):
            if stale != path:
                stale.unlink(missing_ok=True)
    return _open(path, shape)


def missing_bytes(root: Path, images: Images, *, height: int, width: int, folder: Path) -> int:
    """The bytes that ``open_cache`` would write for these images: 3 per pixel, or 0 where they are decoded already.

    Raises:
        InputError: a missing image.
    """
    path = _path(Path(root).resolve(), images, height, width, Path(folder))
    return 0 if path.is_file() else 3 * len(images) * height * width


def _path(root: Path, images: Images, height: int, width: int, folder: Path) -> Path:
    source = _digest("\0".join((str(root), *images.paths)))
    return folder / f"{source}-{height}x{width}-{_state(root, images.paths)}.npy"


def _build(
    path: Path, root: Path, names: tuple[str, ...], shape: tuple[int, int, int, int], workers: int, progress: bool
) -> None:
    check_space({path.parent: int(np.prod(shape))})

    def fill(pixels: Pixels, index: int) -> None:
        pixels[index] = decode(root / names[index], *shape[2:])

    with atomic_path(path) as temporary, ThreadPoolExecutor(max(1, workers)) as pool:
        pixels = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        _claim(temporary)
        try:
            filled = pool.map(partial(fill, pixels), range(len(names)))
            for _ in bar(filled, "decode images", total=len(names), unit="image") if progress else filled:
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        pixels.flush()


def _claim(path: Path) -> None:
    """Have the whole file at ``path`` set aside on its disk, where the system can do that: writing past the end of a
    disk through a memory map kills the process instead of raising."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _open(path: Path, shape: tuple[int, ...]) -> Pixels:
    try:
        pixels = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError) as error:
        raise InputError(f"cannot open the image cache {path} ({error}); delete it and it is built again") from error
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise InputError(
            f"the image cache {path} holds {pixels.dtype} {pixels.shape}, expected uint8 {shape}; delete it and it is "
            "built again"
        )
    return pixels


def _state(root: Path, names: tuple[str, ...]) -> str:
    """A fingerprint of the files as they are now, from their sizes and times of change, without reading them."""
    lines = [str(_DECODING)]
    for name in names:
        try:
            status = (root / name).stat()
        except OSError as error:
            raise InputError(f"cannot read the image {root / name} ({error.strerror}); expected a file") from error
        lines.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")
    return _digest("\n".join(lines))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
