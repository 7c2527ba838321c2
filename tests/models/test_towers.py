"""Encoders of other libraries: each gives its library's own features, wherever its blocks are run one by one."""

import copy

import pytest
import timm
import torch
from open_clip import CustomTextCLIP, get_model_config
from timm.models.eva import Eva
from torch import nn

from mosaicreid.config.settings import ExpertOptions
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.experts import Experts
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_tower
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.towers import ImageOnly, TimmVisual, make_tower

SIZE = (64, 32)
ENCODERS = ["tiny-eva", "timm/vit_tiny_patch16_224", "timm/vit_small_patch14_reg4_dinov2"]


def images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(5))


def build(architecture: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    clip = build_clip(architecture, image_size=SIZE, text=not architecture.startswith("timm/"), **options).eval()
    with torch.no_grad():
        for name, parameter in clip.visual.named_parameters():
            # Initialisations leave biases at 0, and scales at 1 or nearly 0, which would hide a mistake.
            parameter.add_(0.3 if "gamma" in name else 0.02 * torch.randn_like(parameter))
    return clip


@pytest.mark.parametrize("stride", [None, 5])
@pytest.mark.parametrize("architecture", ENCODERS)
def test_the_features_are_those_of_the_library(architecture: str, stride: int | None) -> None:
    clip = build(architecture, stride=stride)
    trunk = clip.visual.trunk
    model = ReidModel(ImageEncoder(clip), None, identities=2).eval()
    before = []
    trunk.blocks[-1].register_forward_pre_hook(lambda _, arguments: before.append(arguments[0]))
    with torch.no_grad():
        features = model.features(images())
        tokens = trunk.forward_features(images())
        torch.testing.assert_close(features.cls, trunk.forward_head(tokens, pre_logits=True), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(features.projected, trunk(images()), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(features.last, before[0][:, 0], rtol=1e-5, atol=1e-6)
    assert features.cls.shape[1] == model.encoder.width
    assert features.projected.shape[1] == model.encoder.projected_width


def test_open_clip_s_eva_gives_open_clip_s_features() -> None:
    """open_clip's own model, built by itself, with a trunk that is small enough to run here."""
    settings = {name: value for name, value in get_model_config("EVA02-B-16").items() if name != "custom_text"}
    settings["text_cfg"] |= {"layers": 1, "width": 64, "heads": 2, "vocab_size": 50}
    clip = CustomTextCLIP(**settings).eval()
    clip.visual.trunk = Eva(
        img_size=SIZE,
        patch_size=16,
        embed_dim=48,
        depth=2,
        num_heads=4,
        qkv_fused=False,
        swiglu_mlp=True,
        scale_mlp=True,
        scale_attn_inner=True,
        use_rot_pos_emb=True,
        ref_feat_shape=(16, 16),
        num_classes=512,
        global_pool="token",
    ).eval()
    features = ReidModel(ImageEncoder(clip), None, identities=2).eval().features(images())
    torch.testing.assert_close(features.projected, clip.encode_image(images()), rtol=1e-5, atol=1e-6)
    assert features.projected.shape == (2, 512)
    assert text_tower(clip) is clip.text


@pytest.mark.parametrize("architecture", ["EVA02-B-16", "EVA01-g-14", "EVA02-L-14", "ViT-B-32", "ViT-H-14"])
def test_published_models_are_built_for_upright_images(architecture: str) -> None:
    with torch.device("meta"):
        clip = build_clip(architecture, image_size=(224, 112))
        encoder = ImageEncoder(clip)
        features = ReidModel(encoder, None, identities=2).features(torch.empty(2, 3, 224, 112))
        texts = TextEncoder(clip)(torch.empty(2, 12, text_tower(clip).token_embedding.embedding_dim))
    assert features.projected.shape == texts.shape == (2, encoder.projected_width)


@pytest.mark.parametrize("architecture", ENCODERS)
def test_experts_sit_beside_their_feed_forward_networks(architecture: str) -> None:
    clip = build(architecture)
    encoder = ImageEncoder(clip)
    depth = len(encoder.blocks)
    experts = Experts(("hat=yes", "up=long"), ExpertOptions(last_k=2, rank=2), width=encoder.width, depth=depth)
    model = ReidModel(encoder, experts, identities=2).eval()
    gate = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    # New experts change nothing.
    torch.testing.assert_close(model.features(images(), gate).projected, clip.visual(images()), rtol=1e-5, atol=1e-6)
    for layer in experts.layers:
        nn.init.normal_(layer.lora_b)
    block = clip.visual.trunk.blocks[-1]
    seen = {}
    block.norm2.register_forward_hook(lambda *arguments: seen.update(h=arguments[-1]))
    block.register_forward_hook(lambda *arguments: seen.update(x=arguments[-1]))
    features = model.features(images(), gate)
    summary = experts.layers[-1].summary(seen["h"], gate)
    assert summary.abs().max() > 0.01
    copied = copy.deepcopy(model)
    copied.experts.layers[-1].lora_b.data.zero_()
    without = copied.features(images(), gate)
    assert not torch.allclose(features.cls, without.cls)
    assert torch.equal(features.last, without.last)


def test_the_camera_moves_the_cls_token_before_the_first_block() -> None:
    clip = build("timm/vit_small_patch14_reg4_dinov2")
    encoder = ImageEncoder(clip, cameras=3, camera_coefficient=2.0)
    moved = encoder.tokens(images(), torch.tensor([1, 3])) - ImageEncoder(clip).tokens(images())
    torch.testing.assert_close(moved[:, 0], 2.0 * encoder.camera_embedding[[0, 2]], rtol=1e-4, atol=1e-6)
    assert not moved[:, 1:].any()


def test_a_rotation_follows_the_grid() -> None:
    square, upright = (build_clip("tiny-eva", image_size=size) for size in ((64, 64), SIZE))
    rotations = [ImageEncoder(clip).rotation() for clip in (square, upright)]
    assert [len(rotation) for rotation in rotations] == [64, 32]
    assert ImageEncoder(build_clip("tiny", image_size=SIZE)).rotation() is None


def test_an_encoder_alone_has_no_text_tower() -> None:
    clip = build_clip("tiny", image_size=SIZE, text=False)
    assert isinstance(clip, ImageOnly)
    assert all(name.startswith("visual.") for name in clip.state_dict())
    with pytest.raises(InputError, match="has no text tower"):
        PromptLearner(clip, identities=3)


@pytest.mark.parametrize("change", [{"global_pool": "avg"}, {"class_token": False, "global_pool": "avg"}])
def test_towers_that_pool_otherwise_are_refused(change: dict) -> None:
    trunk = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=SIZE, **change)
    with pytest.raises(InputError, match="reads its CLS token"):
        make_tower(TimmVisual(trunk))


def test_post_norm_blocks_are_refused() -> None:
    options = {"img_size": SIZE, "patch_size": 16, "embed_dim": 24, "depth": 2, "num_heads": 2, "num_classes": 0}
    assert make_tower(TimmVisual(Eva(**options, global_pool="token"))).width == 24
    with pytest.raises(InputError, match="the vision tower Eva"):
        make_tower(TimmVisual(Eva(**options, global_pool="token", use_post_norm=True)))
