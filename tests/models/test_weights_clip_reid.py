"""CLIP-ReID's checkpoints: loaded by name and shape, and then the features, logits and prompts that they stand for."""

import pytest
import torch
from clip_reid_reference import (
    CONTEXT,
    TEXT,
    TEXT_DEPTH,
    WIDTH,
    blocks,
    clip_reid_state,
    expected_features,
    norm,
    transformer,
)
from torch.nn import functional as F

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_features
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.weights import load_clip_reid, read_weights


def make_model(identities=6, cameras=0, experts=False):
    clip = build_clip("tiny", image_size=(64, 32))
    encoder = ImageEncoder(clip, cameras=cameras)
    added = Experts(["hat=yes"], ExpertOptions(last_k=2, rank=2, alpha=2.0), width=WIDTH, depth=4) if experts else None
    return clip, ReidModel(encoder, added, identities=identities)


def images(count=3):
    return torch.randn(count, 3, 64, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_clip_reid_checkpoint_reproduces_its_features_and_logits(tmp_path, prefix):
    state = clip_reid_state()
    torch.save({prefix + name: value for name, value in state.items()}, tmp_path / "checkpoint.pth")
    _, model = make_model()
    load_clip_reid(read_weights(tmp_path / "checkpoint.pth"), model)
    model.eval()
    features = model.features(images())
    expected = expected_features(state, images())
    torch.testing.assert_close(tuple(features), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(retrieval_features(features), torch.cat(expected[1:], 1), rtol=1e-4, atol=1e-4)
    for logits, feature, suffix in zip(model.logits(features), expected[1:], ("", "_proj"), strict=True):
        s = {name.removeprefix(f"bottleneck{suffix}."): t for name, t in state.items()}
        necked = F.batch_norm(feature, s["running_mean"], s["running_var"], s["weight"], s["bias"])
        torch.testing.assert_close(logits, necked @ state[f"classifier{suffix}.weight"].T, rtol=1e-3, atol=1e-3)


def test_a_clip_reid_checkpoint_brings_its_camera_embedding():
    state = clip_reid_state(cameras=4)
    _, model = make_model(cameras=4)
    load_clip_reid(state, model)
    features = model.features(images(), camids=torch.tensor([1, 4, 2]))
    expected = expected_features(state, images(), torch.tensor([0, 3, 1]))
    torch.testing.assert_close(tuple(features), expected, rtol=1e-4, atol=1e-4)


def test_a_clip_reid_checkpoint_brings_its_prompts_and_text_encoder():
    state = clip_reid_state()
    clip, model = make_model()
    prompts, text = PromptLearner(clip, identities=6), TextEncoder(clip)
    load_clip_reid(state, model, prompts=prompts, text=text)
    s = {name.removeprefix("text_encoder."): t for name, t in state.items()}
    p = {name.removeprefix("prompt_learner."): t for name, t in state.items()}
    x = torch.cat([p["token_prefix"].expand(6, -1, -1), p["cls_ctx"], p["token_suffix"].expand(6, -1, -1)], 1)
    mask = torch.full((CONTEXT, CONTEXT), -torch.inf).triu(1)
    _, x = transformer(s, "transformer.resblocks", TEXT_DEPTH, 2, x + s["positional_embedding"], mask)
    end = F.layer_norm(x[:, 11], (TEXT,), s["ln_final.weight"], s["ln_final.bias"])
    torch.testing.assert_close(text_features(prompts, text), end @ s["text_projection"], rtol=1e-4, atol=1e-4)


def test_heads_and_experts_can_stay_as_they_are():
    state = clip_reid_state(identities=9)
    _, model = make_model(experts=True)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    load_clip_reid(state, model, heads=False)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (not name.startswith("encoder.")), name
    assert torch.equal(model.encoder.visual.proj, state["image_encoder.proj"])


def test_the_paper_s_model_has_the_released_checkpoints_names_and_shapes():
    with torch.device("meta"):
        model = ReidModel(ImageEncoder(build_clip("ViT-B-16-quickgelu", image_size=(256, 128))), None, identities=751)
    shapes = {
        name.replace("encoder.visual.", "image_encoder."): tuple(t.shape) for name, t in model.state_dict().items()
    }
    expected = {
        "image_encoder.class_embedding": (768,),
        "image_encoder.positional_embedding": (129, 768),
        "image_encoder.proj": (768, 512),
        "image_encoder.conv1.weight": (768, 3, 16, 16),
        **norm("image_encoder.ln_pre", 768),
        **norm("image_encoder.ln_post", 768),
        **blocks("image_encoder.transformer.resblocks", 12, 768),
        "classifier.weight": (751, 768),
        "classifier_proj.weight": (751, 512),
    }
    necks = {name for name in shapes if name.startswith("bottleneck")}
    assert {name: shape for name, shape in shapes.items() if name not in necks} == expected
    assert len(necks) == 10


def without(name):
    state = clip_reid_state()
    del state[name]
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: without("image_encoder.ln_pre.bias"), "1 missing: image_encoder.ln_pre.bias; likely"),
        (
            lambda: clip_reid_state() | {"image_encoder.proj": torch.zeros(2, 3)},
            r"1 of another shape: image_encoder.proj \(2, 3\), expected \(96, 64\); likely",
        ),
        (
            lambda: clip_reid_state(identities=5),
            r"2 of another shape: classifier.weight \(5, 96\), expected \(6, 96\), classifier_proj.weight",
        ),
        (
            lambda: clip_reid_state(cameras=2),
            "coefficient no file says; expected model.camera_embedding=1",
        ),
        (
            lambda: clip_reid_state() | {"image_encoder.extra": torch.zeros(1)},
            "1 not known to this model: image_encoder.extra",
        ),
        (
            lambda: {k: v for k, v in clip_reid_state().items() if "resblocks.1" not in k},
            r"12 missing: image_encoder\.transformer\.resblocks\.1\..* and 6 more; likely",
        ),
        (lambda: {"visual.proj": torch.zeros(1)}, "not a CLIP-ReID checkpoint"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named_and_not_copied(state, message):
    _, model = make_model()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with pytest.raises(InputError, match=message) as caught:
        load_clip_reid(state(), model)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_a_missing_camera_embedding_is_named():
    _, model = make_model(cameras=2)
    with pytest.raises(InputError, match="1 missing: cv_embed"):
        load_clip_reid(clip_reid_state(), model)
