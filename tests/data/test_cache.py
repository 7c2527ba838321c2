"""The image cache against decoding with Pillow directly; staleness, damage, and builds at the same time."""

import errno
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mosaicreid import files
from mosaicreid.data import cache
from mosaicreid.data.cache import Pixels, missing_bytes, open_cache
from mosaicreid.data.folders import Images
from mosaicreid.errors import InputError

HEIGHT, WIDTH = 24, 12


def write_image(path: Path, seed: int, size: tuple[int, int] = (16, 32), mode: str = "RGB") -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, quality=95)


def images_of(*names: str) -> Images:
    return Images(names, np.arange(len(names)), np.ones(len(names), dtype=np.int64))


def build(root: Path, images: Images, folder: Path, workers: int = 2) -> Pixels:
    return open_cache(root, images, height=HEIGHT, width=WIDTH, folder=folder, workers=workers, progress=False)


def build_sum(root: Path, images: Images, folder: Path) -> int:
    return int(build(root, images, folder).sum(dtype=np.int64))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(5):
        write_image(folder / f"{index}.jpg", index)
    write_image(folder / "exact.png", 5, (WIDTH, HEIGHT))
    write_image(folder / "grey.png", 6, mode="L")
    return folder


ALL = images_of(*(f"{index}.jpg" for index in range(5)), "exact.png", "grey.png")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_pixels_are_pillows(root: Path, tmp_path: Path, workers: int) -> None:
    pixels = build(root, ALL, tmp_path / "cache", workers)
    assert pixels.shape == (7, 3, HEIGHT, WIDTH)
    assert pixels.dtype == np.uint8
    for index, name in enumerate(ALL.paths):
        with Image.open(root / name) as image:
            expected = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(pixels[index].transpose(1, 2, 0), np.asarray(expected))


def test_an_image_of_the_right_size_keeps_its_bytes(root: Path, tmp_path: Path) -> None:
    with Image.open(root / "exact.png") as image:
        expected = np.asarray(image)
    np.testing.assert_array_equal(build(root, ALL, tmp_path / "cache")[5].transpose(1, 2, 0), expected)


def test_the_cache_cannot_be_written_to(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        build(root, ALL, tmp_path / "cache")[0] = 0


def test_the_second_opening_decodes_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root, ALL, tmp_path / "cache")

    def refuse(*_: object) -> Pixels:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "decode", refuse)
    np.testing.assert_array_equal(build(root, ALL, tmp_path / "cache"), first)


def test_a_changed_file_is_noticed_and_the_stale_cache_removed(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    before = build(root, ALL, folder)
    kept = before.copy()
    write_image(root / "1.jpg", 77)
    after = build(root, ALL, folder)
    changed = [index for index in range(7) if not np.array_equal(after[index], kept[index])]
    assert changed == [1]
    assert len(list(folder.iterdir())) == 1
    # A run that still holds the old map goes on with the old pixels.
    np.testing.assert_array_equal(before, kept)


def test_a_change_of_time_alone_is_noticed(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    build(root, ALL, folder)
    (before,) = folder.iterdir()
    os.utime(root / "1.jpg", ns=(1, 1))
    build(root, ALL, folder)
    assert before not in folder.iterdir()


def test_a_change_of_size_alone_is_noticed(root: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "cache", root / "1.jpg"
    kept = build(root, ALL, folder).copy()
    before = file.stat()
    write_image(file, 77)
    # Not even the time of change tells: a copy may keep it.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_size != before.st_size
    after = build(root, ALL, folder)
    assert [index for index in range(7) if not np.array_equal(after[index], kept[index])] == [1]


def test_a_microsecond_is_noticed(root: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "cache", root / "1.jpg"
    build(root, ALL, folder)
    (before,) = folder.iterdir()
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1000))
    build(root, ALL, folder)
    assert before not in folder.iterdir()


def test_another_rule_of_decoding_is_noticed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    build(root, ALL, folder)
    (before,) = folder.iterdir()
    monkeypatch.setattr(cache, "_DECODING", cache._DECODING + 1)
    build(root, ALL, folder)
    (after,) = folder.iterdir()
    assert after != before


def test_other_sizes_lists_and_roots_have_their_own_cache(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    build(root, ALL, folder)
    build(root, images_of("1.jpg", "0.jpg"), folder)
    open_cache(root, ALL, height=8, width=4, folder=folder, workers=1, progress=False)
    other = tmp_path / "other"
    root.rename(other)
    build(other, ALL, folder)
    assert len(list(folder.iterdir())) == 4


def test_two_processes_build_at_the_same_time(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        sums = [future.result() for future in [pool.submit(build_sum, root, ALL, folder) for _ in range(4)]]
    assert set(sums) == {build_sum(root, ALL, tmp_path / "alone")}
    assert len(list(folder.iterdir())) == 1


def test_nobody_sees_a_cache_before_it_is_whole(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, decode, seen = tmp_path / "cache", cache.decode, []

    def watch(path: Path, height: int, width: int) -> Pixels:
        seen.extend(folder.glob("[!.]*"))
        return decode(path, height, width)

    monkeypatch.setattr(cache, "decode", watch)
    build(root, ALL, folder)
    assert seen == []
    assert len(list(folder.glob("[!.]*"))) == 1


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_an_unreadable_image_is_named_and_nothing_stays(root: Path, tmp_path: Path, damage: str) -> None:
    whole = (root / "3.jpg").read_bytes()
    (root / "3.jpg").write_bytes({"truncated": whole[: len(whole) // 2], "text": b"not an image", "empty": b""}[damage])
    with pytest.raises(InputError, match=r"cannot read the image .*/3\.jpg"):
        build(root, ALL, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_image_is_named_before_anything_is_written(root: Path, tmp_path: Path) -> None:
    (root / "3.jpg").unlink()
    with pytest.raises(InputError, match=r"3\.jpg \(No such file"):
        build(root, ALL, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_cache_is_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    build(root, ALL, folder)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="delete it"):
        build(root, ALL, folder)
    np.save(file, np.zeros(3))
    with pytest.raises(InputError, match=r"holds float64 \(3,\)"):
        build(root, ALL, folder)


def test_a_full_disk_is_refused(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = missing_bytes(root, ALL, height=HEIGHT, width=WIDTH, folder=tmp_path / "cache")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    with pytest.raises(InputError, match=rf"cache: this needs {needed:,} bytes .* the disk has {needed - 1:,} free"):
        build(root, ALL, tmp_path / "cache")
    assert list(tmp_path.rglob("*cache*")) == []
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed))
    build(root, ALL, tmp_path / "cache")


def test_a_disk_that_fills_up_meanwhile_is_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache.os, "posix_fallocate", fail, raising=False)
    with pytest.raises(InputError, match=r"cache/\w+-24x12-\w+\.npy cannot be written: no space is left"):
        build(root, ALL, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_system_that_sets_nothing_aside_is_used(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    expected = build(root, ALL, tmp_path / "one")
    monkeypatch.setattr(cache.os, "posix_fallocate", fail, raising=False)
    assert np.array_equal(build(root, ALL, tmp_path / "other"), expected)


def test_only_what_is_not_decoded_yet_needs_room(root: Path, tmp_path: Path) -> None:
    size = {"height": HEIGHT, "width": WIDTH, "folder": tmp_path / "cache"}
    assert missing_bytes(root, ALL, **size) == len(ALL) * 3 * HEIGHT * WIDTH
    pixels = build(root, ALL, tmp_path / "cache")
    assert pixels.nbytes == len(ALL) * 3 * HEIGHT * WIDTH
    assert missing_bytes(root, ALL, **size) == 0
    os.utime(root / ALL.paths[0], ns=(7, 7))
    assert missing_bytes(root, ALL, **size) == pixels.nbytes


def test_no_images_and_no_size_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got 0 images"):
        build(root, images_of(), tmp_path / "cache")
    with pytest.raises(InputError, match="size of 0x4"):
        open_cache(root, ALL, height=0, width=4, folder=tmp_path, workers=1, progress=False)


def test_every_image_counts_and_the_last_as_well(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for name in ALL.paths:
        build(root, ALL, folder)
        (before,) = folder.iterdir()
        os.utime(root / name, ns=(7, 7))
        build(root, ALL, folder)
        assert before not in folder.iterdir(), name
