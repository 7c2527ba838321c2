"""Published weights by name, and weights on disk in layouts of other libraries. Nothing is fetched: the files are made
here, with random numbers."""

from pathlib import Path

import pytest
import timm
import torch
from transformers import CLIPConfig, CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection

from mosaicreid.config.profiles import make_config
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip
from mosaicreid.models.build import build_encoder
from mosaicreid.models.hub.tags import activation, clip_weights
from mosaicreid.models.weights import load_clip, read_weights

SIZE = (64, 32)


def test_the_activation_is_that_of_the_weights() -> None:
    assert activation("ViT-B-16", "openai") is True
    assert activation("ViT-B-16", "laion2b_s34b_b88k") is False
    assert activation("ViT-B-32", "laion400m_e32") is True
    assert activation("EVA02-B-16", "merged2b_s8b_b131k") is False
    assert activation("ViT-B-16", "some/file.pt") is None
    assert activation("tiny", "pretrain") is None
    kinds = {}
    with torch.device("meta"):
        for weights in ("openai", "laion2b_s34b_b88k", "file.pt"):
            for architecture in ("ViT-B-16", "ViT-B-16-quickgelu"):
                chosen = {"model.architecture": architecture, "model.weights": weights}
                blocks = build_encoder(make_config("paper", chosen)).visual.transformer.resblocks
                kinds[architecture, weights] = type(blocks[0].mlp.gelu).__name__
    assert kinds["ViT-B-16", "openai"] == kinds["ViT-B-16-quickgelu", "openai"] == "QuickGELU"
    assert kinds["ViT-B-16", "laion2b_s34b_b88k"] == "GELU"
    assert [kinds[name, "file.pt"] for name in ("ViT-B-16", "ViT-B-16-quickgelu")] == ["GELU", "QuickGELU"]


@pytest.mark.parametrize(
    ("architecture", "weights", "message"),
    [
        (
            "ViT-B-16",
            "laion",
            "neither a file nor published for 'ViT-B-16'; open_clip's tags for it: openai",
        ),
        ("ViT-B-16-plus", "openai", "not a file|neither a file nor published"),
        ("tiny", "openai", "open_clip's tags for it: none"),
        ("ViT-B-16", "some/file.pt", r"no weights at some/file\.pt"),
        ("timm/vit_tiny_patch16_224", "openai", "expected one for timm/vit_tiny_patch16_224, or 'timm', or 'random'"),
    ],
)
def test_names_without_weights_are_one_line(architecture: str, weights: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        clip_weights(architecture, weights)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_fetched_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: object, **keywords: object) -> None:
        raise OSError("no network\nat all")

    monkeypatch.setattr("open_clip.pretrained.download_pretrained", offline)
    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError, match=r"could not be fetched \(no network\); give a file"):
        clip_weights("ViT-B-16-quickgelu", "openai")
    with pytest.raises(InputError, match=r"timm's weights of vit_tiny_patch16_224 could not .* \(no network\)"):
        clip_weights("timm/vit_tiny_patch16_224", "timm")


def test_a_tag_s_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.save({"state_dict": {"visual.class_embedding": torch.ones(3)}}, tmp_path / "found.bin")
    monkeypatch.setattr("open_clip.pretrained.download_pretrained", lambda source: str(tmp_path / "found.bin"))
    assert set(clip_weights("ViT-B-16", "laion2b_s34b_b88k")) == {"visual.class_embedding"}


@pytest.fixture(scope="module")
def theirs() -> CLIPModel:
    """transformers' CLIP at this package's tiny sizes, on square images."""
    torch.manual_seed(1)
    text = {
        **{"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"max_position_embeddings": 48, "vocab_size": 49408, "hidden_act": "gelu", "eos_token_id": 49407},
    }
    vision = {
        **{"hidden_size": 96, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 3},
        **{"image_size": 32, "patch_size": 8, "hidden_act": "gelu", "projection_dim": 64},
    }
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=64)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model._orig_mod.module."])
@pytest.mark.parametrize("kind", [CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection])
def test_transformers_vision_towers_without_text(tmp_path: Path, theirs: CLIPModel, kind: type, prefix: str) -> None:
    own = theirs if kind is CLIPModel else kind(theirs.config.vision_config).eval()
    if kind is not CLIPModel:
        own.load_state_dict(theirs.state_dict(), strict=False)
    torch.save({prefix + name: value for name, value in own.state_dict().items()}, tmp_path / "weights.bin")
    clip = build_clip("tiny", image_size=(32, 32), text=False).eval()
    load_clip(clip, read_weights(tmp_path / "weights.bin"))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        if kind is CLIPVisionModel:
            expected = own(pixel_values=images).pooler_output
        else:
            features = own.get_image_features if kind is CLIPModel else own
            result = features(pixel_values=images)
            expected = getattr(result, "image_embeds", getattr(result, "pooler_output", result))
        torch.testing.assert_close(clip.visual(images), expected, rtol=1e-4, atol=1e-5)


def test_a_vision_tower_alone_is_no_clip(tmp_path: Path, theirs: CLIPModel) -> None:
    state = {name: value for name, value in theirs.state_dict().items() if name.startswith("vision_model.")}
    torch.save(state, tmp_path / "vision.bin")
    with pytest.raises(InputError, match=r"without the text tower; expected model\.text=none") as caught:
        load_clip(build_clip("tiny", image_size=(32, 32)), read_weights(tmp_path / "vision.bin"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"])
@pytest.mark.parametrize("prefix", ["", "backbone.", "module.trunk."])
def test_timm_files_are_in_the_encoder(tmp_path: Path, name: str, prefix: str) -> None:
    """A DINO-like file, with a classifier, on the library's own square grid and then on an upright one."""
    patch = 16 if "16" in name else 14
    trunk = timm.create_model(name, num_classes=5, img_size=4 * patch).eval()
    with torch.no_grad():
        for parameter in trunk.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    state = {prefix + key: value for key, value in trunk.state_dict().items()}
    torch.save({"teacher": state, "epoch": 100}, tmp_path / "dino.pth")
    square = build_clip(f"timm/{name}", image_size=(4 * patch, 4 * patch), text=False).eval()
    load_clip(square, read_weights(tmp_path / "dino.pth"))
    images = torch.randn(2, 3, 4 * patch, 4 * patch)
    expected = trunk.forward_head(trunk.forward_features(images), pre_logits=True)
    torch.testing.assert_close(square.visual(images), expected, rtol=1e-4, atol=1e-5)
    upright = build_clip(f"timm/{name}", image_size=(6 * patch, 3 * patch), text=False)
    load_clip(upright, read_weights(tmp_path / "dino.pth"))
    before = trunk.pos_embed.shape[1] - 16
    own = upright.visual.trunk.pos_embed[0]
    assert torch.equal(own[:before], trunk.pos_embed[0, :before])
    resized = torch.nn.functional.interpolate(
        trunk.pos_embed[:, before:].unflatten(1, (4, 4)).permute(0, 3, 1, 2), (6, 3), mode="bilinear"
    )
    torch.testing.assert_close(own[before:], resized[0].flatten(1).T)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_an_eva_file_keeps_its_text_tower(tmp_path: Path, prefix: str) -> None:
    torch.manual_seed(3)
    source = build_clip("tiny-eva", image_size=SIZE)
    torch.save({prefix + name: value for name, value in source.state_dict().items()}, tmp_path / "eva.pt")
    clip = build_clip("tiny-eva", image_size=SIZE)
    load_clip(clip, read_weights(tmp_path / "eva.pt"))
    assert all(torch.equal(value, clip.state_dict()[name]) for name, value in source.state_dict().items())


def test_another_backbone_s_file_is_named(tmp_path: Path) -> None:
    torch.save(build_clip("tiny", image_size=SIZE).state_dict(), tmp_path / "tiny.pt")
    with pytest.raises(InputError, match=r"do not fit.*another architecture|the weights of another kind") as caught:
        load_clip(build_clip("tiny-eva", image_size=SIZE), read_weights(tmp_path / "tiny.pt"))
    assert "\n" not in str(caught.value)
