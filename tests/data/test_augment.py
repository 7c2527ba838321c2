"""The batched augmentation against NumPy per image, timm's random erasing, and any split over processes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data.random_erasing import RandomErasing
from torch import Tensor

from mosaicreid.data.augment import Augmentation, augment, draw, flip_and_crop, normalise, step_generator

BATCH, HEIGHT, WIDTH = 12, 16, 8
EVERYTHING = Augmentation(flip=0.5, padding=3, erasing=0.5)
NOTHING = Augmentation(flip=0.0, padding=0, erasing=0.0)


def random_images(batch: int = BATCH) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randint(256, (batch, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=generator)


def run(images: Tensor, policy: Augmentation, *, own: slice = slice(0, BATCH), step: int = 0, epoch: int = 1) -> Tensor:
    return augment(images[own], policy, seed=9, epoch=epoch, step=step, batch=len(images), own=own)


def test_without_augmentation_only_the_range_changes() -> None:
    images = random_images()
    expected = (images.double() / 255 - 0.5) / 0.5
    torch.testing.assert_close(run(images, NOTHING).double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(normalise(images).double(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("padding", [0, 1, 10])
def test_flip_and_crop_equal_numpy(padding: int) -> None:
    images = random_images()
    draws = draw(
        Augmentation(flip=0.5, padding=padding, erasing=0.0), BATCH, HEIGHT, WIDTH, torch.Generator().manual_seed(1)
    )
    assert set(draws.flip.tolist()) == {True, False}
    found = flip_and_crop(images, draws.flip, draws.corner, padding)
    for image, flip, (top, left), result in zip(images.numpy(), draws.flip, draws.corner, found.numpy(), strict=True):
        mirrored = image[:, :, ::-1] if flip else image
        padded = np.pad(mirrored, ((0, 0), (padding, padding), (padding, padding)))
        np.testing.assert_array_equal(result, padded[:, top : top + HEIGHT, left : left + WIDTH])


def test_erasing_fills_the_drawn_box_with_noise_and_nothing_else() -> None:
    images = random_images()
    policy = Augmentation(flip=0.0, padding=0, erasing=0.5)
    box = draw(policy, BATCH, HEIGHT, WIDTH, step_generator(9, 1, 0)).box
    plain, erased = run(images, NOTHING), run(images, policy)
    for before, after, (top, left, tall, wide) in zip(plain, erased, box.tolist(), strict=True):
        inside = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        inside[top : top + tall, left : left + wide] = True
        assert torch.equal(before[:, ~inside], after[:, ~inside])
        assert (before[:, inside] != after[:, inside]).all()
    assert 0 < sum(row[2] > 0 for row in box.tolist()) < BATCH


def test_noise_is_standard_normal() -> None:
    policy = Augmentation(flip=0.0, padding=0, erasing=1.0)
    images = random_images(500)
    erased = augment(images, policy, seed=0, epoch=0, step=0, batch=500, own=slice(0, 500))
    values = erased[erased != normalise(images)]
    assert values.mean().item() == pytest.approx(0, abs=0.03)
    assert values.std().item() == pytest.approx(1, abs=0.03)


def test_boxes_are_distributed_like_timms() -> None:
    number, height, width = 4000, 64, 32
    box = draw(Augmentation(flip=0, padding=0, erasing=1.0), number, height, width, step_generator(0, 0, 0)).box
    timm = RandomErasing(probability=1.0, mode="const", device="cpu")
    mask = torch.stack([timm(torch.ones(1, height, width))[0] == 0 for _ in range(number)])
    rows, columns = mask.any(dim=2), mask.any(dim=1)
    theirs = torch.stack(
        [rows.long().argmax(dim=1), columns.long().argmax(dim=1), rows.sum(dim=1), columns.sum(dim=1)], dim=1
    )
    for column, name in enumerate(("top", "left", "height", "width")):
        ours, reference = box[:, column].double(), theirs[:, column].double()
        error = (ours.var() / number + reference.var() / number).sqrt().item()
        assert ours.mean().item() == pytest.approx(reference.mean().item(), abs=5 * error), name
        assert ours.std().item() == pytest.approx(reference.std().item(), rel=0.06), name


@settings(max_examples=40, deadline=None)
@given(height=st.integers(4, 80), width=st.integers(4, 80), padding=st.integers(0, 12), seed=st.integers(0, 2**40))
def test_draws_stay_inside_the_image(height: int, width: int, padding: int, seed: int) -> None:
    policy = Augmentation(flip=0.5, padding=padding, erasing=1.0)
    draws = draw(policy, 50, height, width, step_generator(seed, 0, 0))
    assert ((draws.corner >= 0) & (draws.corner <= 2 * padding)).all()
    top, left, tall, wide = draws.box.T
    assert ((top >= 0) & (left >= 0) & (top + tall <= height) & (left + wide <= width)).all()
    # Rounding both sides moves the area beyond a third by at most half a pixel a side.
    assert (tall * wide <= height * width / 3 + (tall + wide) / 2 + 1).all()


def test_probabilities_are_kept() -> None:
    policy = Augmentation(flip=0.3, padding=2, erasing=0.7)
    draws = draw(policy, 4000, 64, 32, step_generator(0, 0, 0))
    assert draws.flip.double().mean().item() == pytest.approx(0.3, abs=0.03)
    assert (draws.box[:, 2] > 0).double().mean().item() == pytest.approx(0.7, abs=0.03)
    counts = torch.bincount(draws.corner.flatten(), minlength=5) / 8000
    torch.testing.assert_close(counts, torch.full((5,), 0.2), atol=0.02, rtol=0)


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_any_number_of_processes_gives_the_same_batch(processes: int) -> None:
    images, own = random_images(), BATCH // processes
    parts = [run(images, EVERYTHING, own=slice(rank * own, (rank + 1) * own)) for rank in range(processes)]
    assert torch.equal(torch.cat(parts), run(images, EVERYTHING))


def test_a_step_is_a_function_of_seed_epoch_and_step_alone() -> None:
    images = random_images()
    expected = run(images, EVERYTHING, step=3)
    torch.manual_seed(1)
    torch.rand(5)
    assert torch.equal(run(images, EVERYTHING, step=3), expected)
    assert not torch.equal(run(images, EVERYTHING, step=4), expected)
    assert not torch.equal(run(images, EVERYTHING, step=3, epoch=2), expected)


def test_the_input_stays_as_it_is() -> None:
    images = random_images()
    before = images.clone()
    run(images, EVERYTHING)
    assert torch.equal(images, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_flip_crop_and_boxes_do_not_depend_on_the_device() -> None:
    images = random_images()
    policy = Augmentation(flip=0.5, padding=3, erasing=0.0)
    torch.testing.assert_close(run(images.cuda(), policy).cpu(), run(images, policy))
    box = draw(EVERYTHING, BATCH, HEIGHT, WIDTH, step_generator(9, 1, 0)).box
    there = run(images.cuda(), EVERYTHING).cpu() != run(images.cuda(), policy).cpu()
    assert torch.equal(there[:, 0].sum(dim=(1, 2)), box[:, 2] * box[:, 3])
