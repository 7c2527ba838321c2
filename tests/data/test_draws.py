"""The draws of sampler and augmentation, image by image, against a plain writing of their rules."""

import numpy as np
import pytest
import torch
from batch_reference import augmented, pk_batches, shuffled_batches

from mosaicreid.data.augment import Augmentation, augment
from mosaicreid.data.loaders import Samples, training_batches
from mosaicreid.data.sampler import RandomIdentitySampler, ShuffleSampler

# Identities with too few images, just enough, some left over, and several groups.
COUNTS = (1, 3, 4, 5, 7, 8, 13)
LABELS = np.random.default_rng(5).permutation(np.repeat([3, 4, 10, 11, 20, 21, 30], COUNTS))


def pk(seed: int, **sizes: int) -> RandomIdentitySampler:
    return RandomIdentitySampler(**{"labels": LABELS, "num_identities": 3, "num_instances": 4, "seed": seed, **sizes})


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize("epoch", [1, 2])
def test_pk_batches_are_those_of_the_rule(seed: int, epoch: int) -> None:
    found = [batch.tolist() for batch in pk(seed).batches(epoch)]
    assert found == pk_batches(LABELS, 3, 4, seed, epoch)
    assert len(found) > 1
    other = [batch.tolist() for batch in pk(seed, num_identities=4, num_instances=3).batches(epoch)]
    assert other == pk_batches(LABELS, 4, 3, seed, epoch)


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("epoch", [1, 2])
def test_shuffled_batches_are_those_of_the_rule(seed: int, epoch: int) -> None:
    found = ShuffleSampler(num_images=23, batch_size=5, seed=seed).batches(epoch)
    assert [batch.tolist() for batch in found] == shuffled_batches(23, 5, seed, epoch)


def test_images_of_an_identity_meet_others_in_every_epoch() -> None:
    labels = np.repeat(np.arange(3), 12)
    sampler = RandomIdentitySampler(labels=labels, num_identities=3, num_instances=4, seed=0)
    groups = {
        frozenset(batch[start : start + 4].tolist())
        for epoch in range(1, 41)
        for batch in sampler.batches(epoch)
        for start in range(0, 12, 4)
    }
    # 40 epochs of 3 groups for each of 3 identities: of 495 groups that 4 of 12 images can form, few come twice.
    assert len(groups) > 250
    companions = {frozenset((a, b)) for group in groups for a in group for b in group if a != b}
    assert len(companions) == 3 * 66


def test_seeds_and_epochs_draw_other_batches() -> None:
    for sampler in (pk, lambda seed: ShuffleSampler(num_images=23, batch_size=5, seed=seed)):
        drawn = [[batch.tolist() for batch in sampler(seed).batches(epoch)] for seed in (0, 1) for epoch in (1, 2)]
        assert all(drawn[i] != drawn[j] for i in range(4) for j in range(i))
        assert [batch.tolist() for batch in sampler(1).batches(2)] == drawn[3]


PIXELS = np.random.default_rng(0).integers(0, 256, (9, 3, 18, 10), dtype=np.uint8)
FULL = {"flip": 0.5, "padding": 3, "erasing": 0.6}


@pytest.mark.parametrize(
    "policy",
    [FULL, FULL | {"flip": 0.0}, FULL | {"flip": 1.0}, FULL | {"padding": 0}, FULL | {"erasing": 0.0}],
    ids=["all", "no flip", "always flipped", "no padding", "no erasing"],
)
@pytest.mark.parametrize(("seed", "epoch", "step"), [(0, 1, 0), (0, 2, 1), (4, 1, 1)])
def test_augmented_images_are_those_of_the_rule(policy: dict, seed: int, epoch: int, step: int) -> None:
    found = augment(
        torch.from_numpy(PIXELS), Augmentation(**policy), seed=seed, epoch=epoch, step=step, batch=9, own=slice(0, 9)
    )
    expected = augmented(PIXELS, **policy, seed=seed, epoch=epoch, step=step)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-6)


def test_seed_epoch_and_step_each_draw_other_images() -> None:
    draws = [
        augment(torch.from_numpy(PIXELS), Augmentation(**FULL), seed=s, epoch=e, step=k, batch=9, own=slice(0, 9))
        for s, e, k in ((0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1), (1, 0, 0))
    ]
    assert all(not torch.equal(draws[i], draws[j]) for i in range(5) for j in range(i))


def test_the_loader_augments_every_batch_by_its_own_step() -> None:
    people = np.arange(9) % 3
    samples = Samples(PIXELS, people, people, people + 1, np.zeros((9, 2), dtype=np.int64))
    batches = [np.array([8, 0, 3]), np.array([1, 1, 4]), np.array([2, 5, 7])]
    for seed, epoch in ((0, 1), (6, 2)):
        found = training_batches(
            samples, batches, augmentation=Augmentation(**FULL), seed=seed, epoch=epoch, device="cpu"
        )
        for step, (batch, own) in enumerate(zip(found, batches, strict=True)):
            expected = augmented(PIXELS[own], **FULL, seed=seed, epoch=epoch, step=step)
            torch.testing.assert_close(batch.images.double(), expected, rtol=0, atol=1e-6)
