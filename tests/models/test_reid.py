import pytest
import torch
from expert_reference import LoopedExperts

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.reid import ReidModel, retrieval_features

NAMES = ("hat=yes", "gender=male", "gender=female")


def make_model(last_k=2, **options):
    encoder = ImageEncoder(build_clip("tiny", image_size=(64, 32)))
    chosen = ExpertOptions(**({"last_k": last_k, "rank": 3, "alpha": 6.0} | options))
    experts = Experts(NAMES, chosen, width=encoder.width, depth=len(encoder.blocks))
    return ReidModel(encoder, experts, identities=7)


def make_batch(count=4):
    generator = torch.Generator().manual_seed(0)
    gate = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]])
    return torch.randn(count, 3, 64, 32, generator=generator), gate[:count]


def disturb(model):
    for layer in model.experts.layers:
        torch.nn.init.normal_(layer.lora_b)


@pytest.mark.parametrize("last_k", [1, 2, 4])
def test_experts_that_are_zero_leave_the_encoder_unchanged_to_the_bit(last_k):
    model = make_model(last_k)
    images, gate = make_batch()
    features = model.features(images, gate)
    plain = ReidModel(model.encoder, None, identities=7).features(images)
    for name in features._fields:
        assert torch.equal(getattr(features, name), getattr(plain, name))
    assert torch.equal(features.projected, model.encoder.visual.train()(images))
    with torch.no_grad():
        assert torch.equal(model.eval().features(images, gate).projected, plain.projected)


@pytest.mark.parametrize("last_k", [1, 3, 4])
@pytest.mark.parametrize("injection", ["every", "cls"])
def test_the_whole_model_equals_open_clip_s_blocks_with_looped_experts(last_k, injection):
    model = make_model(last_k, injection=injection).double()
    disturb(model)
    images, gate = make_batch()
    images = images.double()
    visual = model.encoder.visual
    x = visual._embeds(images)
    for k, block in enumerate(visual.transformer.resblocks):
        last = x[:, 0]
        x = x + block.attention(block.ln_1(x))
        h = block.ln_2(x)
        x = x + block.mlp(h)
        if k >= 4 - last_k:
            x = LoopedExperts(model.experts.layers[k - 4 + last_k])(x, h, gate)
    expected = (last, visual.ln_post(x)[:, 0], visual.ln_post(x)[:, 0] @ visual.proj)
    features = model.features(images, gate)
    torch.testing.assert_close(tuple(features), expected, rtol=1e-10, atol=1e-10)
    assert not torch.allclose(features.cls, model.features(images, torch.zeros_like(gate)).cls)


@pytest.mark.parametrize("last_k", [1, 2, 4])
def test_one_prefix_serves_every_gate(last_k):
    model = make_model(last_k)
    disturb(model)
    images, gate = make_batch()
    prefix = model.prefix(images)
    for masked in (gate, gate * torch.tensor([1.0, 0, 1]), torch.zeros_like(gate)):
        for got, expected in zip(model.suffix(prefix, masked), model.features(images, masked), strict=True):
            assert torch.equal(got, expected)
    assert model.split == 4 - last_k


def test_a_frozen_prefix_keeps_no_graph():
    model = make_model(2)
    model.encoder.requires_grad_(False)
    images, gate = make_batch()
    prefix = model.prefix(images)
    assert prefix.grad_fn is None
    assert not prefix.requires_grad
    model.suffix(prefix, gate).cls.sum().backward()
    assert all(p.grad is not None for p in model.experts.parameters())
    assert all(p.grad is None for p in model.encoder.parameters())


def test_logits_are_the_normalised_features_times_the_classifiers():
    model = make_model()
    images, gate = make_batch()
    features, logits = model(images, gate)
    for feature, head, got in zip(features[1:], (model.classifier, model.classifier_proj), logits, strict=True):
        centred = (feature - feature.mean(0)) / (feature.var(0, unbiased=False) + 1e-5).sqrt()
        torch.testing.assert_close(got, centred @ head.weight.T, rtol=1e-4, atol=1e-5)
        assert got.shape == (4, 7)


def test_retrieval_features_are_both_features_before_the_necks():
    model = make_model()
    features = model.features(*make_batch())
    joined = retrieval_features(features)
    assert joined.shape == (4, 96 + 64)
    assert torch.equal(joined[:, :96], features.cls)
    assert torch.equal(joined[:, 96:], features.projected)


def test_biases_of_the_necks_do_not_train_and_classifiers_have_none():
    model = make_model()
    assert not model.bottleneck.bias.requires_grad
    assert not model.bottleneck_proj.bias.requires_grad
    assert model.classifier.bias is model.classifier_proj.bias is None


def test_the_whole_model_compiles_without_a_graph_break():
    model = make_model()
    disturb(model)
    images, gate = make_batch()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(tuple(compiled(images, gate).features), tuple(model(images, gate).features))


def test_autocast_stays_close_to_full_precision():
    model = make_model()
    disturb(model)
    images, gate = make_batch()
    expected = model.features(images, gate).cls
    with torch.autocast("cpu", torch.bfloat16):
        got = model.features(images, gate).cls
    assert torch.nn.functional.cosine_similarity(got.float(), expected).min() > 0.99


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (None, r"shape is none; expected \(4, 3\)"),
        (torch.ones(4, 2), r"shape is \(4, 2\)"),
        (torch.ones(1, 3), r"shape is \(1, 3\)"),
    ],
)
def test_a_gate_that_does_not_fit_is_refused(gate, message):
    with pytest.raises(InputError, match=message):
        make_model().features(make_batch()[0], gate)


def test_a_model_without_experts_takes_no_gate_and_some_identities():
    encoder = make_model().encoder
    with pytest.raises(InputError, match="without experts"):
        ReidModel(encoder, None, identities=2).features(*make_batch())
    with pytest.raises(InputError, match="identities is 0"):
        ReidModel(encoder, None, identities=0)
