"""Losses against CLIP-ReID's own values, and against definitions written out as loops."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mosaicreid.errors import InputError
from mosaicreid.losses import hardest_distances, i2t_loss, id_loss, sup_con_loss, triplet_loss

LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def wave(rows: int, cols: int, a: float, b: float, c: float = 0.0) -> Tensor:
    i, j = np.mgrid[:rows, :cols]
    return torch.from_numpy(np.sin(a * i + b * j + c))


def test_id_loss_equals_reference(reference_values: dict) -> None:
    value = id_loss(3 * wave(8, 5, 1.3, 0.7), LABELS, smoothing=0.1)
    assert value.item() == pytest.approx(reference_values["id_loss_eps0.1"], abs=1e-10)


def test_triplet_equals_reference(reference_values: dict) -> None:
    features = wave(8, 6, 0.9, 1.7, 0.2)
    positive, negative = hardest_distances(features, LABELS)
    np.testing.assert_allclose(positive, reference_values["hardest_positive"], atol=1e-10, rtol=0)
    np.testing.assert_allclose(negative, reference_values["hardest_negative"], atol=1e-10, rtol=0)
    assert triplet_loss(features, LABELS, margin=0.3).item() == pytest.approx(
        reference_values["triplet_margin0.3"], abs=1e-10
    )
    assert triplet_loss(features, LABELS, margin=None).item() == pytest.approx(
        reference_values["soft_triplet"], abs=1e-10
    )


def test_stage1_equals_reference_in_both_directions(reference_values: dict) -> None:
    image, text = wave(8, 6, 0.4, 1.1), wave(8, 6, 0.8, 0.3, 0.5)
    assert sup_con_loss(image, text, LABELS, LABELS).item() == pytest.approx(reference_values["stage1_i2t"], abs=1e-10)
    assert sup_con_loss(text, image, LABELS, LABELS).item() == pytest.approx(reference_values["stage1_t2i"], abs=1e-10)


def test_stage2_total_equals_reference(reference_values: dict) -> None:
    i2t = i2t_loss(wave(8, 6, 0.4, 1.1), wave(4, 6, 0.6, 0.9, 0.1), LABELS, smoothing=0.1)
    assert i2t.item() == pytest.approx(reference_values["i2t_loss_eps0.1"], abs=1e-10)
    logits = [2 * wave(8, 4, 1.1, 0.5), 2 * wave(8, 4, 0.3, 1.9)]
    features = [wave(8, 6, 0.9, 1.7, 0.2), wave(8, 6, 0.5, 1.4), wave(8, 6, 1.2, 0.2)]
    total = (
        0.25 * sum(id_loss(each, LABELS, smoothing=0.1) for each in logits)
        + sum(triplet_loss(each, LABELS, margin=0.3) for each in features)
        + i2t
    )
    assert total.item() == pytest.approx(reference_values["stage2_total"], abs=1e-10)


def test_image_to_text_loss_of_the_cosine() -> None:
    images, texts = wave(8, 6, 0.4, 1.1), wave(4, 6, 0.6, 0.9, 0.1)
    cosine = torch.nn.functional.cosine_similarity(images[:, None], texts[None], dim=2)
    expected = torch.nn.functional.cross_entropy(cosine, LABELS, label_smoothing=0.1)
    loss = i2t_loss(images, texts, LABELS, smoothing=0.1, similarity="cosine")
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_unknown_similarity_is_no_cosine() -> None:
    with pytest.raises(InputError, match="unknown similarity 'cosin'; expected one of: dot, cosine"):
        i2t_loss(wave(8, 6, 0.4, 1.1), wave(4, 6, 0.6, 0.9), LABELS, similarity="cosin")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_id_loss_is_equation_1(smoothing: float) -> None:
    logits, labels = wave(3, 4, 1.3, 0.7), [2, 0, 3]
    expected = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        total = sum(math.exp(value) for value in row)
        for k, value in enumerate(row):
            q = (1 - smoothing) * (k == label) + smoothing / 4
            expected -= q * math.log(math.exp(value) / total) / 3
    assert id_loss(logits, torch.tensor(labels), smoothing=smoothing).item() == pytest.approx(expected, rel=1e-6)


def test_id_loss_smooths_in_single_precision_for_half_precision_logits() -> None:
    logits = (3 * wave(8, 5, 1.3, 0.7)).bfloat16()
    expected = torch.nn.functional.cross_entropy(logits.float(), LABELS, label_smoothing=0.1)
    assert id_loss(logits, LABELS, smoothing=0.1).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("margin", [0.3, None])
def test_triplet_gradient_is_finite_for_equal_features(margin: float | None) -> None:
    features = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    loss = triplet_loss(features, torch.tensor([0, 0, 1, 1]), margin=margin)
    loss.backward()
    assert loss.item() == pytest.approx(0.3 if margin else math.log(2))
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros_like(features))


@pytest.mark.parametrize("margin", [0.3, None])
def test_triplet_gradient_equals_finite_differences(margin: float | None) -> None:
    features = wave(8, 6, 0.5, 1.4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: triplet_loss(x, LABELS, margin=margin), (features,))


def test_the_only_image_of_an_identity_is_its_own_positive() -> None:
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.1]], dtype=torch.float64)
    positive, negative = hardest_distances(features, torch.tensor([5, 7, 7]))
    assert positive[0].item() == 0
    assert negative[0].item() == pytest.approx(0.1)


@pytest.mark.parametrize("margin", [0.3, None])
def test_a_batch_of_one_identity_costs_nothing(margin: float | None) -> None:
    features = wave(4, 3, 0.7, 1.1).requires_grad_()
    loss = triplet_loss(features, torch.zeros(4, dtype=torch.int64), margin=margin)
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_triplet_keeps_single_precision_under_autocast() -> None:
    features = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(16) // 4
    expected = triplet_loss(features, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(triplet_loss(features, labels), expected)


def test_sup_con_without_a_positive_is_not_a_number() -> None:
    loss = sup_con_loss(wave(2, 3, 1.0, 0.4), wave(2, 3, 0.3, 0.9), torch.tensor([0, 1]), torch.tensor([0, 2]))
    assert loss.isnan()
