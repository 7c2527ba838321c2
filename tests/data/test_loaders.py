"""Batches against the arrays they are taken from."""

import threading

import numpy as np
import pytest
import torch

from mosaicreid.attributes import Annotation
from mosaicreid.data.augment import Augmentation, normalise
from mosaicreid.data.folders import Images
from mosaicreid.data.loaders import Batch, Samples, evaluation_batches, make_samples, training_batches
from mosaicreid.data.sampler import Indices, ShuffleSampler
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError

NUMBER = 23
PLAIN = Augmentation(flip=0.0, padding=0, erasing=0.0)
FULL = Augmentation(flip=0.5, padding=3, erasing=0.5)


@pytest.fixture
def samples() -> Samples:
    random = np.random.default_rng(2)
    schema = get_schema("market1501")
    pids = random.choice(np.array([0, 3, 8, 9]), NUMBER)
    pids[:4] = [0, 3, 8, 9]
    codes = random.integers(0, 3, (3, len(schema.attributes)), dtype=np.int16)
    annotation = Annotation(schema, "train", np.array([3, 8, 9]), codes)
    pixels = random.integers(0, 256, (NUMBER, 3, 12, 6), dtype=np.uint8)
    names = tuple(f"{index}.jpg" for index in range(NUMBER))
    return make_samples(pixels, Images(names, pids, random.integers(1, 7, NUMBER)), annotation)


def train(samples: Samples, augmentation: Augmentation, rank: int = 0, processes: int = 1) -> list[Batch]:
    batches = ShuffleSampler(num_images=NUMBER, batch_size=6, seed=1).batches(4)
    return list(
        training_batches(
            samples,
            batches,
            augmentation=augmentation,
            seed=5,
            epoch=4,
            device="cpu",
            rank=rank,
            processes=processes,
        )
    )


def check(batch: Batch, samples: Samples, indices: Indices) -> None:
    assert torch.equal(batch.images, normalise(torch.from_numpy(samples.pixels[indices])))
    np.testing.assert_array_equal(np.array([0, 3, 8, 9])[batch.labels], samples.pids[indices])
    np.testing.assert_array_equal(batch.camids, samples.camids[indices])
    np.testing.assert_array_equal(batch.codes, samples.codes[indices])
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == batch.camids.dtype == batch.codes.dtype == torch.int64


def test_samples_number_identities_and_look_up_codes(samples: Samples) -> None:
    assert samples.num_identities == 4
    assert len(samples) == NUMBER
    assert sorted(set(samples.labels.tolist())) == [0, 1, 2, 3]
    assert (samples.codes[samples.pids == 0] == 0).all()
    assert samples.codes.shape == (NUMBER, 12)


def test_without_annotation_there_are_no_attributes() -> None:
    images = Images(("a.jpg",), np.array([4]), np.array([1]))
    assert make_samples(np.zeros((1, 3, 4, 2), dtype=np.uint8), images, None).codes.shape == (1, 0)


def test_pixels_of_another_list_are_refused() -> None:
    images = Images(("a.jpg",), np.array([4]), np.array([1]))
    with pytest.raises(InputError, match="pixels of 2 images for a list of 1"):
        make_samples(np.zeros((2, 3, 4, 2), dtype=np.uint8), images, None)


@pytest.mark.parametrize("size", [1, 7, NUMBER, 100])
def test_evaluation_sees_every_image_once_and_in_order(samples: Samples, size: int) -> None:
    batches = list(evaluation_batches(samples, batch_size=size, device="cpu"))
    assert len(batches) == -(-NUMBER // size)
    for position, batch in enumerate(batches):
        check(batch, samples, np.arange(position * size, min((position + 1) * size, NUMBER)))


def test_training_follows_the_sampler(samples: Samples) -> None:
    indices = ShuffleSampler(num_images=NUMBER, batch_size=6, seed=1).batches(4)
    for batch, wanted in zip(train(samples, PLAIN), indices, strict=True):
        check(batch, samples, wanted)


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_add_up_to_the_batch_of_one_process(samples: Samples, processes: int) -> None:
    alone = train(samples, FULL)
    shares = [train(samples, FULL, rank, processes) for rank in range(processes)]
    for step, whole in enumerate(alone):
        for name in ("images", "labels", "camids", "codes"):
            parts = [getattr(batches[step], name) for batches in shares]
            assert torch.equal(torch.cat(parts), getattr(whole, name))


def test_steps_are_augmented_differently(samples: Samples) -> None:
    batches = [np.arange(6)] * 3
    first, second, third = training_batches(samples, batches, augmentation=FULL, seed=0, epoch=1, device="cpu")
    assert not torch.equal(first.images, second.images)
    assert not torch.equal(second.images, third.images)


def test_an_uneven_batch_is_refused(samples: Samples) -> None:
    with pytest.raises(InputError, match="does not divide among 4"):
        train(samples, PLAIN, 0, 4)


def test_an_evaluation_batch_of_none_is_refused(samples: Samples) -> None:
    with pytest.raises(InputError, match="batch size is 0"):
        list(evaluation_batches(samples, batch_size=0, device="cpu"))


def test_leaving_early_ends_the_reader(samples: Samples) -> None:
    threads = threading.active_count()
    batches = evaluation_batches(samples, batch_size=2, device="cpu")
    next(batches)
    assert threading.active_count() == threads + 1
    batches.close()
    assert threading.active_count() == threads
