"""Features and ablation at inference against the plain forward, one image and one gate at a time."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.data.augment import normalise
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.router import Router
from mosaicreid.training.inference import extract_features, extract_variants

INCLUDED = ("gender", "age", "hat", "bag")
SIZE = (32, 16)


def make_samples(number: int, seed: int) -> Samples:
    random = np.random.default_rng(seed)
    schema = get_schema("market1501")
    people = np.array([[1 << random.integers(len(group.values)) for group in schema.groups] for _ in range(6)])
    people[0] = 0  # a distractor
    people[1, schema.attributes.index("age")] = 0b0011  # two labels
    pids = np.arange(number) % 6
    return Samples(
        random.integers(0, 256, (number, 3, *SIZE), dtype=np.uint8),
        pids,
        pids.copy(),
        random.integers(1, 4, number),
        people[pids].astype(np.int64),
    )


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(get_schema("market1501"), INCLUDED)


def make_model(router: Router | None, last_k: int, cameras: int = 0) -> ReidModel:
    torch.manual_seed(0)
    encoder = ImageEncoder(build_clip("tiny", image_size=SIZE), cameras=cameras)
    depth = len(encoder.blocks)
    experts = None
    if router is not None:
        options = ExpertOptions(last_k=last_k, rank=2, alpha=2.0, dropout=0.5)
        experts = Experts(router.experts, options, width=encoder.width, depth=depth)
        for layer in experts.layers:
            torch.nn.init.normal_(layer.lora_b, std=0.5)
    return ReidModel(encoder, experts, identities=3)


@pytest.fixture(scope="module", params=["some blocks", "every block"])
def model(request: pytest.FixtureRequest, router: Router) -> ReidModel:
    depth = len(build_clip("tiny", image_size=SIZE).visual.transformer.resblocks)
    return make_model(router, depth if request.param == "every block" else 2)


def plain(model: ReidModel, samples: Samples, gates: Tensor | None) -> Tensor:
    """The features of every image by itself."""
    model.eval()
    rows = []
    with torch.no_grad():
        for index in range(len(samples)):
            image = normalise(torch.from_numpy(samples.pixels[index : index + 1]))
            camid = torch.from_numpy(samples.camids[index : index + 1])
            gate = None if gates is None else gates[index : index + 1]
            rows.append(retrieval_features(model.features(image, gate, camid)))
    return torch.cat(rows)


def close(found: Tensor, expected: Tensor) -> None:
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_features_equal_the_plain_forward(model: ReidModel, router: Router, batch_size: int) -> None:
    samples = make_samples(11, 1)
    found = extract_features(model, samples, router, batch_size=batch_size, device="cpu")
    close(found, plain(model, samples, router(torch.from_numpy(samples.codes))))


def test_features_without_experts_and_with_cameras() -> None:
    samples = make_samples(7, 1)
    model = make_model(None, 0, cameras=3)
    close(extract_features(model, samples, None, batch_size=3, device="cpu"), plain(model, samples, None))
    other = dataclasses.replace(samples, camids=samples.camids % 3 + 1)
    assert not torch.equal(
        extract_features(model, samples, None, batch_size=3, device="cpu"),
        extract_features(model, other, None, batch_size=3, device="cpu"),
    )


def test_the_mode_is_left_as_it_was_and_dropout_is_off(model: ReidModel, router: Router) -> None:
    samples = make_samples(4, 1)
    model.train()
    one, two = (extract_features(model, samples, router, batch_size=4, device="cpu") for _ in range(2))
    assert torch.equal(one, two)
    assert model.training
    assert not one.requires_grad
    model.eval()
    extract_features(model, samples, router, batch_size=4, device="cpu")
    assert not model.training


def test_autocast_computes_in_the_given_type(model: ReidModel, router: Router) -> None:
    samples = make_samples(4, 1)
    exact = extract_features(model, samples, router, batch_size=4, device="cpu")
    half = extract_features(model, samples, router, batch_size=4, device="cpu", precision=torch.bfloat16)
    assert half.dtype == torch.float32
    assert not torch.equal(half, exact)
    torch.testing.assert_close(half, exact, atol=0.15, rtol=0.1)


def test_experts_without_a_router_are_refused(model: ReidModel) -> None:
    with pytest.raises(InputError, match="gate"):
        extract_features(model, make_samples(4, 1), None, batch_size=4, device="cpu")


@pytest.mark.parametrize("batch_size", [3, 64])
def test_variants_equal_the_plain_forward_of_each(model: ReidModel, router: Router, batch_size: int) -> None:
    samples = make_samples(11, 2)
    masks = torch.stack([router.mask(off) for off in ([], ["hat"], ["gender", "age=adult"], INCLUDED)])
    found = extract_variants(model, samples, router, masks, batch_size=batch_size, device="cpu")
    for mask, features in zip(masks, found, strict=True):
        close(features, plain(model, samples, router(torch.from_numpy(samples.codes), mask)))


def test_the_prefix_runs_once_and_each_distinct_gate_once(
    model: ReidModel, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = make_samples(12, 3)
    switched_off = [(), *((name,) for name in INCLUDED), INCLUDED]
    masks = torch.stack([router.mask(off) for off in switched_off])
    gates = torch.stack([router(torch.from_numpy(samples.codes), mask) for mask in masks])
    distinct = sum(len(torch.unique(gates[:, index], dim=0)) for index in range(12))
    images = {"prefix": 0, "suffix": 0}
    for name in images:
        method = getattr(ReidModel, name)

        def count(self: ReidModel, x: Tensor, *rest: Tensor, name: str = name, method=method) -> Tensor:
            images[name] += len(x)
            return method(self, x, *rest)

        monkeypatch.setattr(ReidModel, name, count)
    extract_variants(model, samples, router, masks, batch_size=5, device="cpu")
    assert images == {"prefix": 12, "suffix": distinct}
    assert distinct < 12 * len(masks)


def test_new_experts_change_nothing_when_switched_off(router: Router) -> None:
    model = make_model(router, 2)
    for layer in model.experts.layers:
        torch.nn.init.zeros_(layer.lora_b)
    masks = torch.stack([router.mask(()), router.mask(INCLUDED)])
    on, off = extract_variants(model, make_samples(12, 4), router, masks, batch_size=16, device="cpu")
    torch.testing.assert_close(on, off, rtol=0, atol=1e-6)
