"""Image files of every kind, whole and damaged, against the pixels that they were made of."""

from pathlib import Path
from random import Random

import numpy as np
from fuzz.campaign import must
from fuzz.mutate import bad_bytes
from PIL import Image, ImageOps

from mosaicreid.data.check import unreadable_images
from mosaicreid.data.decode import decode, read_image
from mosaicreid.data.folders import Images
from mosaicreid.errors import InputError

_LOSSLESS = {
    "RGB": ("PNG", "BMP", "TIFF", "PPM", "WEBP"),
    "L": ("PNG", "BMP", "TIFF", "PPM", "GIF"),
    "RGBA": ("PNG", "TIFF", "WEBP"),
    "LA": ("PNG",),
    "1": ("PNG", "TIFF"),
    "P": ("PNG", "GIF"),
    "I;16": ("PNG", "TIFF"),
    "CMYK": ("TIFF",),
    "I": ("TIFF",),
    "F": ("TIFF",),
}
# What turning an image as its orientation says does to its array of rows.
_TURNED = {
    1: lambda rows: rows,
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.swapaxes(0, 1),
    6: lambda rows: rows[::-1].swapaxes(0, 1),
    7: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
    8: lambda rows: rows[:, ::-1].swapaxes(0, 1),
}


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        Image.init()

    def attempt(self, random: Random, place: Path) -> None:
        if random.random() < 0.15:
            _jpeg(random, place / "image")
            return
        mode = random.choice(list(_LOSSLESS))
        form = random.choice(_LOSSLESS[mode])
        path = place / random.choice(["image.jpg", "image.png", "image"])
        expected = _made(random, mode, form, path)
        damaged = random.random() < 0.6
        if damaged:
            path.write_bytes(bad_bytes(random, path.read_bytes()))
        found = _read(path) if damaged or expected is None else must(lambda: _read(path))
        assert mode not in ("I", "F") or damaged, f"mode {mode} has no black and white, and was read"
        if not damaged:
            assert np.array_equal(found, expected), f"{form} of mode {mode}: other pixels"
        elif form == "PNG":
            # Every part of such a file has a checksum.
            assert expected is not None and np.array_equal(found, expected), f"damaged {form} of mode {mode}"
        else:
            assert np.array_equal(found, _shown(path)), f"damaged {form} of mode {mode}: not as Pillow shows it"


def _read(path: Path) -> np.ndarray:
    """The rows (H, W, 3) of an image; all that reads it must agree about whether it can be."""
    problems = unreadable_images(path.parent, [Images((path.name,), np.array([1]), np.array([1]))])
    try:
        rows = np.asarray(read_image(path))
    except InputError as error:
        if problems != [str(error)]:
            raise AssertionError(f"the check says {problems}") from error
        raise
    assert problems == []
    height, width = rows.shape[:2]
    assert rows.dtype == np.uint8 and rows.shape == (height, width, 3)
    assert np.array_equal(decode(path, height, width), rows.transpose(2, 0, 1))
    assert decode(path, 8, 4).shape == (3, 8, 4)
    return rows


def _made(random: Random, mode: str, form: str, path: Path) -> np.ndarray | None:
    """Write an image of random pixels; what it shows (H, W, 3), None where that is not defined."""
    generator = np.random.default_rng(random.getrandbits(32))
    size = (random.randrange(1, 12), random.randrange(1, 12))
    options: dict = {"lossless": True, "exact": True} if form == "WEBP" else {}
    colours = generator.integers(0, 256, (*size, 4), dtype=np.uint8)
    alpha = colours[..., 3:].astype(float) / 255
    shown: np.ndarray | None
    match mode:
        case "RGB":
            image, shown = Image.fromarray(colours[..., :3]), colours[..., :3]
        case "L":
            image, shown = Image.fromarray(colours[..., 0]), np.repeat(colours[..., :1], 3, axis=2)
        case "RGBA":
            image = Image.fromarray(colours)
            shown = colours[..., :3] * alpha + 255 * (1 - alpha)
        case "LA":
            image = Image.fromarray(colours[..., [0, 3]], mode="LA")
            shown = np.repeat(colours[..., :1], 3, axis=2) * alpha + 255 * (1 - alpha)
        case "1":
            bits = colours[..., 0] > 127
            image, shown = Image.fromarray(bits), np.repeat(bits[..., None] * np.uint8(255), 3, axis=2)
        case "P":
            indices = colours[..., 0] % 8
            palette = generator.integers(0, 256, (8, 3), dtype=np.uint8)
            image = Image.fromarray(indices, mode="P")
            image.putpalette(palette.ravel().tolist())
            shown = palette[indices]
            if random.random() < 0.5:
                options["transparency"] = 3
                shown = np.where((indices == 3)[..., None], np.uint8(255), shown)
        case "I;16":
            deep = generator.integers(0, 2**16, size, dtype=np.uint16)
            image, shown = Image.fromarray(deep), np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)
        case "CMYK":
            image = Image.fromarray(colours, mode="CMYK")
            ink = colours.astype(float)
            shown = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
        case _:
            kind = np.int32 if mode == "I" else np.float32
            image, shown = Image.fromarray(generator.integers(0, 2**20, size).astype(kind)), None
    orientation = random.choice([1, 1, 1, *_TURNED])
    if orientation > 1 and form in ("PNG", "TIFF", "WEBP"):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    else:
        orientation = 1
    image.save(path, format=form, **options)
    if shown is None:
        return None
    turned = np.ascontiguousarray(_TURNED[orientation](shown))
    if turned.dtype == np.uint8:
        return turned
    # Mixing with white rounds, and by how much is the library's: what was found stands where it is that close.
    found = np.asarray(read_image(path)).astype(float) if mode != "I" else turned
    assert found.shape == turned.shape and np.abs(found - turned).max() <= 1.5, f"{form} of mode {mode}: other pixels"
    return found.astype(np.uint8)


def _jpeg(random: Random, path: Path) -> None:
    generator = np.random.default_rng(random.getrandbits(32))
    image = Image.fromarray(generator.integers(0, 256, (random.randrange(1, 40), random.randrange(1, 40), 3), np.uint8))
    image.convert(random.choice(["RGB", "L", "CMYK"])).save(path, format="JPEG", progressive=random.random() < 0.3)
    if random.random() < 0.7:
        path.write_bytes(bad_bytes(random, path.read_bytes()))
        found = _read(path)
    else:
        found = must(lambda: _read(path))
    assert np.array_equal(found, _shown(path)), "not as Pillow shows it"


def _shown(path: Path) -> np.ndarray:
    """What Pillow alone makes of a file: turned, over white, its first image."""
    # By its path, Pillow maps some TIFFs into memory and scrambles those that lie on a side.
    with path.open("rb") as file, Image.open(file) as image:
        image.load()
        try:
            turned = ImageOps.exif_transpose(image)
        except Exception:
            turned = image
        if turned.mode.startswith("I;16"):
            deep = np.asarray(turned)
            return np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)
        if turned.has_transparency_data:
            seen = turned.convert("RGBA")
            return np.asarray(Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB"))
        return np.asarray(turned.convert("RGB"))
