import pickle

import pytest
import safetensors.torch
import torch
from torch.nn import functional as F

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import ImageEncoder, build_clip, resize_positions
from mosaicreid.models.experts import Experts
from mosaicreid.models.prompts import PromptLearner, TextEncoder, text_features
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.weights import fetch_openai, is_clip_reid, load_clip, load_clip_reid, read_weights

WIDTH, JOINT, TEXT, CONTEXT, DEPTH, TEXT_DEPTH = 96, 64, 64, 48, 4, 2


def blocks(prefix, depth, width):
    shapes = {}
    for k in range(depth):
        shapes |= {
            f"{prefix}.{k}.attn.in_proj_weight": (3 * width, width),
            f"{prefix}.{k}.attn.in_proj_bias": (3 * width,),
            f"{prefix}.{k}.attn.out_proj.weight": (width, width),
            f"{prefix}.{k}.attn.out_proj.bias": (width,),
            f"{prefix}.{k}.mlp.c_fc.weight": (4 * width, width),
            f"{prefix}.{k}.mlp.c_fc.bias": (4 * width,),
            f"{prefix}.{k}.mlp.c_proj.weight": (width, 4 * width),
            f"{prefix}.{k}.mlp.c_proj.bias": (width,),
        }
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{prefix}.{k}.{norm}.weight": (width,), f"{prefix}.{k}.{norm}.bias": (width,)}
    return shapes


def norm(prefix, width):
    return {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}


def clip_reid_shapes(identities=6, cameras=0):
    """The tensors of a CLIP-ReID checkpoint, by the reference notes, at this package's tiny sizes."""
    shapes = {
        "image_encoder.class_embedding": (WIDTH,),
        "image_encoder.positional_embedding": (33, WIDTH),
        "image_encoder.proj": (WIDTH, JOINT),
        "image_encoder.conv1.weight": (WIDTH, 3, 8, 8),
        **norm("image_encoder.ln_pre", WIDTH),
        **norm("image_encoder.ln_post", WIDTH),
        **blocks("image_encoder.transformer.resblocks", DEPTH, WIDTH),
        "text_encoder.positional_embedding": (CONTEXT, TEXT),
        "text_encoder.text_projection": (TEXT, JOINT),
        **norm("text_encoder.ln_final", TEXT),
        **blocks("text_encoder.transformer.resblocks", TEXT_DEPTH, TEXT),
        "prompt_learner.cls_ctx": (identities, 4, TEXT),
        "prompt_learner.token_prefix": (1, 5, TEXT),
        "prompt_learner.token_suffix": (1, CONTEXT - 9, TEXT),
        "classifier.weight": (identities, WIDTH),
        "classifier_proj.weight": (identities, JOINT),
    }
    for name, width in (("bottleneck", WIDTH), ("bottleneck_proj", JOINT)):
        shapes |= norm(name, width)
        shapes |= {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.num_batches_tracked": ()}
    if cameras:
        shapes["cv_embed"] = (cameras, WIDTH)
    return shapes


def clip_reid_state(**sizes):
    generator = torch.Generator().manual_seed(1)
    shapes = clip_reid_shapes(**sizes)
    state = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name in state:
        if name.endswith("running_var"):
            state[name] = state[name].abs() + 1
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(5)
    return state


def transformer(state, prefix, depth, heads, x, mask=None):
    """Pre-norm blocks with GELU, straight from the tensors."""
    for k in range(depth):
        p = {name.removeprefix(f"{prefix}.{k}."): t for name, t in state.items() if name.startswith(f"{prefix}.{k}.")}
        normed = F.layer_norm(x, x.shape[-1:], p["ln_1.weight"], p["ln_1.bias"])
        packed = normed @ p["attn.in_proj_weight"].T + p["attn.in_proj_bias"]
        q, k_, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in packed.chunk(3, dim=-1))
        scores = q @ k_.transpose(-1, -2) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        before = x
        x = x + mixed @ p["attn.out_proj.weight"].T + p["attn.out_proj.bias"]
        normed = F.layer_norm(x, x.shape[-1:], p["ln_2.weight"], p["ln_2.bias"])
        inner = F.gelu(normed @ p["mlp.c_fc.weight"].T + p["mlp.c_fc.bias"])
        x = x + inner @ p["mlp.c_proj.weight"].T + p["mlp.c_proj.bias"]
    return before, x


def expected_features(state, images, camera=None):
    """(last, CLS, projected) of a CLIP-ReID checkpoint, with no module of this package."""
    s = {name.removeprefix("image_encoder."): t for name, t in state.items()}
    patches = F.unfold(images, 8, stride=8).transpose(1, 2) @ s["conv1.weight"].flatten(1).T
    cls = s["class_embedding"].expand(len(images), 1, -1)
    if camera is not None:
        cls = cls + 3.0 * state["cv_embed"][camera][:, None]
    x = torch.cat([cls, patches], 1) + s["positional_embedding"]
    x = F.layer_norm(x, (WIDTH,), s["ln_pre.weight"], s["ln_pre.bias"])
    last, x = transformer(s, "transformer.resblocks", DEPTH, 3, x)
    cls = F.layer_norm(x[:, 0], (WIDTH,), s["ln_post.weight"], s["ln_post.bias"])
    return last[:, 0], cls, cls @ s["proj"]


def make_model(identities=6, cameras=0, experts=False):
    clip = build_clip("tiny", image_size=(64, 32))
    encoder = ImageEncoder(clip, cameras=cameras)
    added = Experts(["hat=yes"], width=WIDTH, depth=4, last_k=2, rank=2, alpha=2.0) if experts else None
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


def openai_state():
    """OpenAI's layout: half precision, a square grid (4 x 4 patches), three numbers besides the tensors."""
    square = build_clip("tiny", image_size=(32, 32))
    state = {name: value.half() for name, value in square.state_dict().items()}
    extras = {"input_resolution": 32, "context_length": CONTEXT, "vocab_size": 49408}
    return state | {name: torch.tensor(value) for name, value in extras.items()}


@pytest.mark.parametrize("kind", ["pt", "safetensors", "nested"])
def test_openai_s_weights_load_into_another_image_size(tmp_path, kind):
    state = openai_state()
    path = tmp_path / f"clip.{kind}"
    if kind == "safetensors":
        safetensors.torch.save_file({name: value.contiguous() for name, value in state.items()}, path)
    else:
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}} if kind == "nested" else state, path)
    clip = build_clip("tiny", image_size=(64, 32))
    load_clip(clip, read_weights(path))
    positions = resize_positions(state["visual.positional_embedding"].float(), (8, 4))
    assert torch.equal(clip.visual.positional_embedding, positions)
    for name, value in clip.state_dict().items():
        if name != "visual.positional_embedding":
            assert torch.equal(value, state[name].float()), name


class Scripted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.visual(x)


def test_a_torchscript_archive_gives_its_tensors(tmp_path):
    module = Scripted()
    torch.jit.trace(module, torch.zeros(1, 3)).save(tmp_path / "clip.pt")
    state = read_weights(tmp_path / "clip.pt")
    assert state.keys() == {"visual.weight", "visual.bias"}
    assert torch.equal(state["visual.weight"], module.visual.weight)


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
        (lambda: clip_reid_state(cameras=2), "1 not known to this model: cv_embed"),
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


def test_clip_weights_of_another_shape_are_named():
    clip = build_clip("tiny", image_size=(64, 32))
    state = openai_state()
    state["visual.positional_embedding"] = torch.zeros(12, WIDTH)
    with pytest.raises(InputError, match="12 entries, expected 33"):
        load_clip(clip, state)
    with pytest.raises(InputError, match="this is a CLIP-ReID checkpoint"):
        load_clip(clip, clip_reid_state())
    with pytest.raises(InputError, match="missing: "):
        load_clip(clip, {"visual.proj": torch.zeros(96, 64)})
    assert is_clip_reid(clip_reid_state())
    assert not is_clip_reid(openai_state())


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a checkpoint", "not a checkpoint of tensors alone"),
        (b"", "not a checkpoint of tensors alone"),
        (pickle.dumps(Harmful()), "not a checkpoint of tensors alone"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, capsys, content, message):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_weights(path)
    assert capsys.readouterr().out == ""
    path.rename(path.with_suffix(".safetensors"))
    with pytest.raises(InputError, match="not a safetensors file"):
        read_weights(path.with_suffix(".safetensors"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Harmful(), "not a checkpoint of tensors alone"),
        (torch.zeros(3), "holds a Tensor; expected tensors by name"),
        ({"epoch": 3}, "not a table of tensors: epoch"),
        ({}, "it is empty"),
    ],
)
def test_a_checkpoint_of_other_things_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / "weights.pt")


def test_no_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no weights at .*nothing.pt"):
        read_weights(tmp_path / "nothing.pt")


def test_openai_has_weights_for_its_own_architectures_only(monkeypatch):
    with pytest.raises(InputError, match="OpenAI published no weights for 'tiny'"):
        fetch_openai("tiny")

    def offline(*arguments, **keywords):
        raise OSError("no network\nat all")

    monkeypatch.setattr("open_clip.pretrained.download_pretrained", offline)
    with pytest.raises(InputError, match=r"could not be fetched \(no network\); give a file"):
        fetch_openai("ViT-B-16-quickgelu")
