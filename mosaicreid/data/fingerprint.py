"""What a training stage gets from the data, as one number: other labels or other pixels are another result."""

import hashlib
import json

import numpy as np
import numpy.typing as npt

from mosaicreid.data.decode import Pixels
from mosaicreid.data.folders import Images
from mosaicreid.errors import InputError
from mosaicreid.progress import bar

# Images hashed at a time: of a map on disk, no more than these are read into memory.
_BLOCK = 64


def content_fingerprint(images: Images, codes: npt.NDArray[np.integer], pixels: Pixels) -> str:
    """A hexadecimal sha256 of the images' names, identities, cameras, attribute codes and pixels, in their order.

    Equal content has equal fingerprints on every machine, whatever the integers' sizes and the pixels' place in memory.
    Nothing else enters: not the root, the files' times, the decoding or the attributes' names.

    Args:
        images: N of them; names are their paths below the root.
        codes: (N, A) integers, as ``Annotation.lookup`` makes them; A is 0 where a stage sees no attributes.
        pixels: (N, 3, H, W) uint8, an array or a memory map (1.2 GiB of them take a second or two).

    Raises:
        InputError: the three do not hold the same number of images, or a dtype is another.
    """
    if pixels.dtype != np.uint8 or codes.dtype.kind not in "iu" or not len(images) == len(codes) == len(pixels):
        raise InputError(
            f"got {len(images)} images, codes {codes.dtype} {codes.shape} and pixels {pixels.dtype} {pixels.shape}; "
            "expected equal numbers, integers and uint8"
        )
    digest = hashlib.sha256(json.dumps([images.paths, codes.shape, pixels.shape]).encode())
    for numbers in (images.pids, images.camids, codes):
        digest.update(np.ascontiguousarray(numbers, dtype="<i8").tobytes())
    starts = range(0, len(pixels), _BLOCK)
    for start in bar(starts, "compare images with earlier runs", total=len(starts), unit="block"):
        digest.update(np.ascontiguousarray(pixels[start : start + _BLOCK]).data)
    return digest.hexdigest()
