"""One image file as pixels: what a browser shows on a white page, or a line that says why not."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from mosaicreid.errors import InputError

Pixels = npt.NDArray[np.uint8]

# Pillow reads some forty formats, one of them by starting another program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBX", "RGBA", "CMYK", "YCbCr"})
# Older versions of Pillow read 16-bit files of these formats as 32-bit integers.
_DEEP_FORMATS = ("PNG", "PPM")
# A person cut out of a video has some ten thousand pixels.
_MOST_PIXELS = 2**25

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(path: Path, height: int, width: int) -> Pixels:
    """One image file as (3, height, width) uint8, RGB, resized bicubically where its size differs; see ``read_image``.

    Raises:
        InputError: as ``read_image`` does.
    """
    rgb = read_image(path)
    if rgb.size != (width, height):
        rgb = rgb.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(rgb).transpose(2, 0, 1)


def read_image(path: Path) -> Image.Image:
    """One image file in 8-bit RGB, decoded to its end, as a browser shows it on a white page.

    Transparency lies over white, 16-bit grey is its upper 8 bits, the camera's orientation (EXIF) is applied, and of an
    animation the first image is taken. Colour profiles are not applied.

    Raises:
        InputError: the file is missing, damaged or cut short, no image of a format that is read, without pixels, of
            more than 2^25, or in 32-bit numbers or another mode whose black and white are not defined.
    """
    try:
        # Not by its path, of which Pillow maps uncompressed TIFFs into memory, and scrambles those that lie on a side.
        with Path(path).open("rb") as file, Image.open(file, formats=_FORMATS) as image:
            _check(image)
            if image.format == "PNG":
                _check_sums(file)
            image.load()
            rgb, turn = _rgb(image), _turn(image)
    # Pillow reports damage with several exceptions, SyntaxError among them, depending on the format and the place.
    except Exception as error:
        raise InputError(f"cannot read the image {path} ({_reason(error)}); expected a whole image file") from error
    return rgb if turn is None else rgb.transpose(turn)


def _check(image: Image.Image) -> None:
    width, height = image.size
    if not 0 < width * height <= _MOST_PIXELS:
        raise ValueError(f"it has {width}x{height} pixels, expected 1 to {_MOST_PIXELS}")
    if image.mode not in _MODES and not _is_deep(image):
        raise ValueError(f"its mode {image.mode} has no defined black and white, expected 8 or 16 bits a channel")


def _check_sums(file: BinaryIO) -> None:
    """An exception of Pillow's where a part of a PNG is not what its checksum says, which loading leaves out."""
    place = file.tell()
    file.seek(0)
    Image.open(file, formats=("PNG",)).verify()
    file.seek(place)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in _DEEP_FORMATS)


def _rgb(image: Image.Image) -> Image.Image:
    if _is_deep(image):
        deep = np.asarray(image)
        shallow = np.where(deep == image.info.get("transparency", -1), 255, deep >> 8)
        return Image.fromarray(shallow.astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    # An image with damaged EXIF is shown as it is stored; what is wrong there comes as any exception.
    except Exception:
        return None
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _reason(error: Exception) -> str:
    """The first line of what Pillow says, which in places is nothing."""
    if isinstance(error, UnidentifiedImageError):
        return f"no image of {', '.join(_FORMATS)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next(iter(str(error).splitlines()), "") or type(error).__name__
