from functools import partial

import numpy as np
import pytest
import torch

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip, resize_positions
from mosaicreid.models.towers import attend, feed, normed

SIZE = (64, 32)


def images(count=3):
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(count))


def encode(encoder, batch, camids=None):
    """The plain encoder, by its own pieces."""
    x = encoder.tokens(batch, camids)
    for block in encoder.blocks:
        last = x[:, 0]
        x = x + attend(block, x, encoder.rotation())
        x = x + feed(block, normed(block, x))
    return encoder.features(last, x)


def test_tiny_has_a_few_hundred_thousand_visual_parameters_and_a_text_tower():
    clip = build_clip("tiny", image_size=SIZE)
    assert 2e5 < sum(p.numel() for p in clip.visual.parameters()) < 6e5
    assert clip.visual.grid_size == (8, 4)
    assert clip.encode_text(torch.zeros(2, 48, dtype=torch.int64)).shape == (2, 64)


def test_the_features_are_open_clip_s_to_the_bit():
    clip = build_clip("tiny", image_size=SIZE)
    captured = []
    clip.visual.transformer.resblocks[-2].register_forward_hook(lambda *arguments: captured.append(arguments[-1]))
    clip.visual.ln_post.register_forward_hook(lambda *arguments: captured.append(arguments[-1]))
    projected = clip.train().encode_image(images())
    features = encode(ImageEncoder(clip), images())
    assert torch.equal(features.last, captured[0][:, 0])
    assert torch.equal(features.cls, captured[1][:, 0])
    assert torch.equal(features.projected, projected)


def test_the_last_block_s_network_sees_the_cls_token_alone_and_nothing_changes():
    encoder = ImageEncoder(build_clip("tiny", image_size=SIZE)).double()
    seen = []
    for block in encoder.blocks:
        block.mlp.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].shape[1]))
    batch = images().double()
    got = encoder(batch)
    assert seen == [33, 33, 33, 1]
    torch.testing.assert_close(tuple(got), tuple(encode(encoder, batch)), rtol=1e-12, atol=1e-12)
    trained = list(encoder.parameters())
    gradients = [
        torch.autograd.grad(sum(part.sum() for part in run(batch)), trained)
        for run in (encoder, partial(encode, encoder))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


def test_inference_gives_training_s_numbers():
    clip = build_clip("tiny", image_size=SIZE)
    encoder = ImageEncoder(clip)
    trained = encoder.train()(images())
    with torch.no_grad():
        inferred = encoder.eval()(images())
        reference = clip.encode_image(images())
    assert torch.equal(trained.projected, inferred.projected)
    torch.testing.assert_close(inferred.projected, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["ViT-B-16-quickgelu", "ViT-B-16", "ViT-L-14"])
def test_published_vision_transformers_have_the_parts_the_encoder_uses(architecture):
    with torch.device("meta"):
        clip = build_clip(architecture, image_size=(224, 112))
        encoder = ImageEncoder(clip)
        features = encode(encoder, torch.empty(2, 3, 224, 112))
    assert features.last.shape == features.cls.shape == (2, encoder.width)
    assert features.projected.shape == (2, encoder.projected_width)


def test_the_paper_s_encoder_has_clip_reid_s_shapes():
    with torch.device("meta"):
        plain = build_clip("ViT-B-16-quickgelu", image_size=(256, 128), stride=16).visual
        overlapping = build_clip("ViT-B-16-quickgelu", image_size=(256, 128), stride=12).visual
    assert plain.positional_embedding.shape == (129, 768)
    assert plain.proj.shape == (768, 512)
    assert type(plain.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"
    assert overlapping.positional_embedding.shape == (21 * 10 + 1, 768)


def test_overlapping_patches_are_cut_where_the_stride_says():
    encoder = ImageEncoder(build_clip("tiny", image_size=SIZE, stride=6))
    batch = images(1)
    tokens = encoder.visual.conv1(batch)
    assert tokens.shape[2:] == encoder.visual.grid_size == (10, 5)
    patch = batch[0, :, 12 : 12 + 8, 6 : 6 + 8]
    expected = (encoder.visual.conv1.weight * patch).sum(dim=(1, 2, 3))
    torch.testing.assert_close(tokens[0, :, 2, 1], expected, rtol=1e-4, atol=1e-5)
    assert encode(encoder, batch).cls.shape == (1, 96)


def test_positions_are_resized_bilinearly_with_half_pixel_centres():
    positions = torch.randn(1 + 9, 2, dtype=torch.float64)
    resized = resize_positions(positions, (7, 4))
    rows = (np.arange(7) + 0.5) * 3 / 7 - 0.5
    columns = (np.arange(4) + 0.5) * 3 / 4 - 0.5
    for channel in range(2):
        square = positions[1:, channel].reshape(3, 3).numpy()
        tall = np.stack([np.interp(rows, range(3), square[:, c]) for c in range(3)], axis=1)
        expected = np.stack([np.interp(columns, range(3), row) for row in tall])
        np.testing.assert_allclose(resized[1:, channel].reshape(7, 4), expected, rtol=0, atol=1e-12)
    assert torch.equal(resized[0], positions[0])
    assert torch.equal(resize_positions(positions, (3, 3)), positions)


def test_positions_of_no_square_grid_are_refused():
    with pytest.raises(InputError, match="12 entries, expected 33 or 1"):
        resize_positions(torch.zeros(12, 2), (8, 4))


def test_the_camera_embedding_moves_the_cls_token_only():
    clip = build_clip("tiny", image_size=SIZE)
    encoder = ImageEncoder(clip, cameras=3, camera_coefficient=2.0)
    clip.visual.ln_pre = torch.nn.Identity()
    camids = torch.tensor([1, 3, 3])
    moved = encoder.tokens(images(), camids) - ImageEncoder(clip).tokens(images())
    expected = 2.0 * encoder.camera_embedding[[0, 2, 2]]
    torch.testing.assert_close(moved[:, 0], expected, rtol=1e-4, atol=1e-6)
    assert not moved[:, 1:].any()


def test_a_camera_embedding_needs_camera_numbers():
    encoder = ImageEncoder(build_clip("tiny", image_size=SIZE), cameras=3)
    with pytest.raises(InputError, match="pass camids"):
        encoder.tokens(images())
    with pytest.raises(IndexError):
        encoder.tokens(images(), torch.tensor([1, 2, 4]))


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("ViT-B-15", {}, "unknown architecture 'ViT-B-15'; expected one of: tiny, "),
        ("RN50", {}, "not a CLIP whose vision transformer reads its CLS token"),
        ("ViT-B-16-SigLIP", {}, "not a CLIP whose"),
        ("coca_ViT-B-32", {}, "not a CLIP whose"),
        ("xlm-roberta-base-ViT-B-32", {}, "not a CLIP whose"),
        (
            "timm/vit_tiny_patch16_225",
            {"text": False},
            "timm has no model .*; expected one like vit_",
        ),
        ("timm/vit_tiny_patch16_224", {}, "without a text tower, .* expected model.text=none"),
        ("timm/resnet18", {"text": False}, "cannot be built for images"),
        ("timm/eva02_tiny_patch14_224", {"text": False}, "not a standard vision transformer that reads its CLS token"),
        ("tiny", {"stride": 9}, "stride 9; .* expected 1 to 8"),
        ("tiny", {"stride": -1}, "stride -1"),
        ("tiny", {"image_size": (64, 7)}, "images of 64x7 pixels"),
    ],
)
def test_what_cannot_be_built_is_named(architecture, options, message):
    with pytest.raises(InputError, match=message) as caught:
        build_clip(architecture, **({"image_size": SIZE} | options))
    assert "\n" not in str(caught.value)


def test_another_kind_of_tower_is_refused():
    clip = build_clip("tiny", image_size=SIZE)
    clip.visual.pool_type = "avg"
    with pytest.raises(InputError, match="reads its CLS token"):
        ImageEncoder(clip)
