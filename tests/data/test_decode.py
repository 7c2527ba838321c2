"""Images of every kind against arithmetic on their pixels, or Pillow's own functions; and files that are not images."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mosaicreid.data.decode import decode, read_image
from mosaicreid.errors import InputError

RAMP = np.arange(32 * 16, dtype=np.uint16).reshape(32, 16) * 128
COLOURS = np.random.default_rng(0).integers(0, 256, (32, 16, 3), dtype=np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (32, 16), dtype=np.uint8)
ALPHA[:4], ALPHA[4:8] = 0, 255


def read(image: Image.Image, path: Path, form: str, **options: object) -> np.ndarray:
    """Save under a name like any other image's, whatever the format, and read."""
    image.save(path / "a.jpg", form, **options)
    found = read_image(path / "a.jpg")
    assert found.mode == "RGB"
    return np.asarray(found)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[:, :, np.newaxis], 3, axis=2)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[:, :, np.newaxis] / 255
    return colours * share + 255 * (1 - share)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 100}, {"optimize": True}])
def test_plain_jpegs_decode_as_pillow_converts_them(tmp_path, options):
    found = read(Image.fromarray(COLOURS), tmp_path, "JPEG", **options)
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))
        resized = image.convert("RGB").resize((8, 24), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(decode(tmp_path / "a.jpg", 24, 8), np.asarray(resized).transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP"])
def test_eight_bit_grey_and_colour(tmp_path, form):
    lossless = {"lossless": True} if form == "WEBP" else {}
    values = COLOURS[:, :, 0]
    np.testing.assert_array_equal(read(Image.fromarray(values), tmp_path, form, **lossless), grey(values))
    if form != "GIF":
        np.testing.assert_array_equal(read(Image.fromarray(COLOURS), tmp_path, form, **lossless), COLOURS)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, form):
    found = read(Image.fromarray(RAMP), tmp_path, form)
    np.testing.assert_array_equal(found, grey(RAMP // 256))
    assert found.max() == 255


def test_sixteen_bits_of_the_other_byte_order(tmp_path):
    image = Image.frombytes("I;16B", (16, 32), RAMP.astype(">u2").tobytes())
    np.testing.assert_array_equal(read(image, tmp_path, "TIFF"), grey(RAMP // 256))


def test_one_bit(tmp_path):
    bits = COLOURS[:, :, 0] > 127
    np.testing.assert_array_equal(read(Image.fromarray(bits), tmp_path, "PNG"), grey(bits * np.uint8(255)))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_transparency_lies_over_white(tmp_path, form):
    image = Image.fromarray(np.dstack([COLOURS, ALPHA]))
    found = read(image, tmp_path, form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    np.testing.assert_allclose(found, over_white(COLOURS, ALPHA), atol=0.51)
    assert (found[:4] == 255).all()
    np.testing.assert_array_equal(found[4:8], COLOURS[4:8])


def test_transparent_grey(tmp_path):
    image = Image.fromarray(np.dstack([COLOURS[:, :, 0], ALPHA]), "LA")
    expected = over_white(grey(COLOURS[:, :, 0]), ALPHA)
    np.testing.assert_allclose(read(image, tmp_path, "PNG"), expected, atol=0.51)


def test_palettes_and_their_transparent_entries(tmp_path):
    indices = COLOURS[:, :, 0] % 4
    palette = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200]], dtype=np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(palette.tobytes())
    np.testing.assert_array_equal(read(image, tmp_path, "PNG"), palette[indices])
    for form in ("PNG", "GIF"):
        holes = palette.copy()
        holes[1] = 255
        np.testing.assert_array_equal(read(image, tmp_path, form, transparency=1), holes[indices])
    alphas = np.array([255, 128, 0, 7], dtype=np.uint8)
    found = read(image, tmp_path, "PNG", transparency=alphas.tobytes())
    np.testing.assert_allclose(found, over_white(palette[indices], alphas[indices]), atol=0.51)


def test_a_colour_that_stands_for_transparent(tmp_path):
    colours = COLOURS.copy()
    colours[3, 5] = (1, 2, 3)
    found = read(Image.fromarray(colours), tmp_path, "PNG", transparency=(1, 2, 3))
    colours[3, 5] = 255
    np.testing.assert_array_equal(found, colours)
    deep = RAMP // 256
    deep[1, 2] = 255
    np.testing.assert_array_equal(
        read(Image.fromarray(RAMP), tmp_path, "PNG", transparency=int(RAMP[1, 2])), grey(deep)
    )


def test_cmyk(tmp_path):
    inks = np.zeros((32, 16, 4), dtype=np.uint8)
    inks[8:16, :, 0], inks[16:24, :, 1], inks[24:, :, 3] = 255, 255, 255
    expected = np.full((32, 16, 3), 255)
    expected[8:16, :, 0], expected[16:24, :, 1], expected[24:] = 0, 0, 0
    image = Image.fromarray(inks, "CMYK")
    np.testing.assert_array_equal(read(image, tmp_path, "TIFF"), expected)
    # Adobe stores the inks of a JPEG inverted.
    np.testing.assert_allclose(read(image, tmp_path, "JPEG", quality=100, subsampling=0), expected, atol=6)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_the_orientation_of_the_camera_is_applied(tmp_path, form, orientation):
    image = Image.fromarray(COLOURS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(image, tmp_path, form, exif=exif)
    with Image.open(tmp_path / "a.jpg") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    np.testing.assert_array_equal(found, expected)
    assert found.shape == ((16, 32, 3) if orientation in (5, 6, 7, 8) else (32, 16, 3))


def test_orientation_six_means_a_quarter_turn_clockwise(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(read(Image.fromarray(COLOURS), tmp_path, "PNG", exif=exif), np.rot90(COLOURS, -1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"junk"]
)
def test_an_image_with_damaged_exif_is_read_as_it_is_stored(tmp_path, exif):
    found = read(Image.fromarray(COLOURS), tmp_path, "JPEG", exif=exif)
    np.testing.assert_array_equal(found, read(Image.fromarray(COLOURS), tmp_path, "JPEG"))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_images_the_first_is_taken(tmp_path, form):
    first, second = (Image.new("RGB", (16, 32), colour) for colour in ("red", "blue"))
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "MPO" else {}
    found = read(first, tmp_path, form, save_all=True, append_images=[second], **options)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.n_frames == 2
    np.testing.assert_allclose(found, np.broadcast_to([255, 0, 0], (32, 16, 3)), atol=2)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_image(path)
    message = str(error.value)
    assert message.startswith(f"cannot read the image {path} (")
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (Image.fromarray(RAMP.astype(np.int32)), "I"),
        (Image.fromarray(RAMP.astype(np.float32)), "F"),
        (Image.new("LAB", (16, 32)), "LAB"),
    ],
)
def test_modes_without_a_defined_black_and_white(tmp_path, image, mode):
    image.save(tmp_path / "a.jpg", "TIFF")
    assert f"its mode {mode} has no defined black and white" in refused(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_images_cut_short(tmp_path, form, share):
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", form)
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: int(share * len(whole))])
    refused(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no image\n" * 40,
        b"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='32'></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 32\n%%EndComments\nshowpage\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        bytes(1000),
    ],
)
def test_files_that_are_no_images(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    assert "no image of JPEG, PNG" in refused(tmp_path / "a.jpg")


def test_nothing_and_folders(tmp_path):
    assert "No such file" in refused(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").mkdir()
    refused(tmp_path / "a.jpg")


def png(width: int, height: int) -> bytes:
    """A PNG that announces a size, and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(0, 32), (16, 0), (0, 0), (6000, 6000), (9000, 9000), (50_000, 50_000)])
def test_no_pixels_and_more_than_a_picture_has(tmp_path, size):
    (tmp_path / "a.jpg").write_bytes(png(*size))
    refused(tmp_path / "a.jpg")


def test_other_headers_without_pixels(tmp_path):
    gif = b"GIF89a" + struct.pack("<HH", 0, 0) + bytes(3) + b"\x2c" + bytes(9) + b"\x02\x00\x3b"
    for content in (gif, b"P6\n0 32\n255\n", b"P6\n16 0\n255\n"):
        (tmp_path / "a.jpg").write_bytes(content)
        refused(tmp_path / "a.jpg")


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_uncompressed_tiffs_that_lie_on_a_side(tmp_path, mode, orientation):
    """Pillow scrambles these where it opens them by their path."""
    rows = np.random.default_rng(2).integers(0, 256, (2, 10, len(mode)), dtype=np.uint8).squeeze()
    turned = {5: rows, 6: rows[::-1], 7: rows[::-1, ::-1], 8: rows[:, ::-1]}[orientation].swapaxes(0, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(Image.fromarray(rows, mode), tmp_path, "TIFF", exif=exif)
    upright = Image.fromarray(np.ascontiguousarray(turned), mode)
    expected = over_white(turned[..., :3], turned[..., 3]) if mode == "RGBA" else np.asarray(upright.convert("RGB"))
    np.testing.assert_allclose(found, expected, atol=1)


def test_a_png_whose_checksum_is_wrong_is_refused(tmp_path):
    """Pillow shows other pixels without a word."""
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"IEND") - 9] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot read the image"):
        read_image(path)
