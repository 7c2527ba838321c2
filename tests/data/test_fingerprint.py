"""Whatever a training stage gets from the data changes its fingerprint; nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

from mosaicreid.data.fingerprint import content_fingerprint
from mosaicreid.data.folders import Images
from mosaicreid.errors import InputError

RANDOM = np.random.default_rng(0)
NUMBER = 150
IMAGES = Images(
    tuple(f"bounding_box_train/{index}.jpg" for index in range(NUMBER)),
    RANDOM.integers(1, 20, NUMBER),
    RANDOM.integers(1, 7, NUMBER),
)
CODES = RANDOM.integers(0, 8, (NUMBER, 12))
PIXELS = RANDOM.integers(0, 256, (NUMBER, 3, 8, 4), dtype=np.uint8)
WHOLE = content_fingerprint(IMAGES, CODES, PIXELS)


def other(array: np.ndarray, *index: int) -> np.ndarray:
    changed = array.copy()
    changed[index] += 1
    return changed


def test_it_is_a_sha256_that_stays():
    # Checkpoints keep it: whoever changes this line trains every one of them again.
    small = Images(("a.jpg", "b.jpg"), np.array([1, 2]), np.array([3, 4]))
    found = content_fingerprint(small, np.array([[1], [2]]), np.arange(48, dtype=np.uint8).reshape(2, 3, 2, 4))
    assert found == "6afcdc48c11b8fa190e18cac5e59168e8c0ca7d257333b88d700a8437f35c67d"
    assert len(WHOLE) == 64
    assert int(WHOLE, 16) >= 0


@pytest.mark.parametrize(
    ("images", "codes", "pixels"),
    [
        (replace(IMAGES, paths=(*IMAGES.paths[:-1], "bounding_box_train/other.jpg")), CODES, PIXELS),
        (replace(IMAGES, pids=other(IMAGES.pids, 77)), CODES, PIXELS),
        (replace(IMAGES, camids=other(IMAGES.camids, 149)), CODES, PIXELS),
        (IMAGES, other(CODES, 149, 11), PIXELS),
        (IMAGES, other(CODES, 0, 0), PIXELS),
        (IMAGES, np.roll(CODES, 1, axis=0), PIXELS),
        (IMAGES, CODES[:, :11], PIXELS),
        (IMAGES, CODES[:, :0], PIXELS),
        (IMAGES, CODES, other(PIXELS, 0, 0, 0, 0)),
        (IMAGES, CODES, other(PIXELS, 149, 2, 7, 3)),
        (IMAGES, CODES, other(PIXELS, 64, 0, 0, 0)),
        (IMAGES, CODES, PIXELS.reshape(NUMBER, 3, 4, 8)),
        (replace(IMAGES, pids=IMAGES.camids, camids=IMAGES.pids), CODES, PIXELS),
        (IMAGES.where(np.arange(NUMBER) > 0), CODES[1:], PIXELS[1:]),
    ],
)
def test_everything_that_is_trained_on_counts(images, codes, pixels):
    assert content_fingerprint(images, codes, pixels) != WHOLE


def test_the_order_counts():
    order = np.arange(NUMBER)[::-1]
    turned = Images(tuple(IMAGES.paths[index] for index in order), IMAGES.pids[order], IMAGES.camids[order])
    assert content_fingerprint(turned, CODES[order], PIXELS[order]) != WHOLE


def test_types_and_places_in_memory_do_not_count(tmp_path):
    small = replace(IMAGES, pids=IMAGES.pids.astype(np.int16), camids=IMAGES.camids.astype(">u4"))
    assert content_fingerprint(small, CODES.astype(np.int16), PIXELS) == WHOLE
    assert content_fingerprint(IMAGES, np.asfortranarray(CODES), np.asfortranarray(PIXELS)) == WHOLE
    np.save(tmp_path / "pixels.npy", PIXELS)
    assert content_fingerprint(IMAGES, CODES, np.load(tmp_path / "pixels.npy", mmap_mode="r")) == WHOLE


def test_what_does_not_belong_together_is_refused():
    for codes, pixels in (
        (CODES[1:], PIXELS),
        (CODES, PIXELS[1:]),
        (CODES.astype(float), PIXELS),
        (CODES, PIXELS.astype(np.int16)),
    ):
        with pytest.raises(InputError, match=r"got 150 images, codes .* expected equal numbers"):
            content_fingerprint(IMAGES, codes, pixels)
