"""Names of other tools: prefixes taken off in any order, and transformers' CLIP against transformers itself."""

import itertools

import pytest
import torch
from clip_reid_reference import CONTEXT, DEPTH, JOINT, TEXT, TEXT_DEPTH, WIDTH, clip_reid_state
from transformers import CLIPConfig, CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip
from mosaicreid.models.layouts import open_clip_layout, without_wrappers
from mosaicreid.models.weights import load_clip, read_weights

SIDE = 32


@pytest.fixture(scope="module")
def theirs():
    """transformers' CLIP with random weights, at this package's tiny sizes."""
    torch.manual_seed(1)
    end = 49407
    text = {
        "hidden_size": TEXT,
        "intermediate_size": 4 * TEXT,
        "num_hidden_layers": TEXT_DEPTH,
        "num_attention_heads": 2,
        "max_position_embeddings": CONTEXT,
        "vocab_size": end + 1,
        "hidden_act": "gelu",
        "bos_token_id": end - 1,
        "eos_token_id": end,
    }
    vision = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": 3,
        "image_size": SIDE,
        "patch_size": 8,
        "hidden_act": "gelu",
    }
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=JOINT)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Their initialisation leaves biases at 0 and norms at 1, which would hide a mistake.
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def tiny(**sizes):
    return build_clip("tiny", **({"image_size": (SIDE, SIDE)} | sizes)).eval()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.model.clip."])
def test_transformers_weights_give_transformers_features(tmp_path, theirs, prefix):
    torch.save({prefix + name: value for name, value in theirs.state_dict().items()}, tmp_path / "pytorch_model.bin")
    clip = tiny()
    load_clip(clip, read_weights(tmp_path / "pytorch_model.bin"))
    images = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    tokens = torch.tensor([[49406, 320, 1125, 49407], [49406, 539, 49407, 0]])
    tokens = torch.nn.functional.pad(tokens, (0, CONTEXT - 4))
    with torch.no_grad():
        seen = theirs.visual_projection(theirs.vision_model(images).pooler_output)
        said = theirs.text_projection(theirs.text_model(tokens).pooler_output)
        torch.testing.assert_close(clip.encode_image(images), seen, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(clip.encode_text(tokens), said, rtol=1e-6, atol=1e-6)
    assert seen.abs().max() > 0.1
    assert torch.equal(clip.logit_scale, theirs.logit_scale)


def test_transformers_weights_load_into_another_image_size(theirs):
    clip = tiny(image_size=(64, 32))
    load_clip(clip, theirs.state_dict() | {"vision_model.embeddings.position_ids": torch.arange(17)[None]})
    assert torch.equal(clip.visual.positional_embedding[0], theirs.vision_model.embeddings.position_embedding.weight[0])


def test_query_key_and_value_that_do_not_belong_together_are_named(theirs):
    state = theirs.state_dict()
    name = "vision_model.encoder.layers.1.self_attn.{}_proj.weight"
    for change in (
        {name.format("k"): torch.zeros(2, 2)},
        {name.format("k"): state[name.format("k")].half()},
        {name.format(letter): torch.tensor(1.0) for letter in "qkv"},
    ):
        with pytest.raises(InputError, match=r"1 missing: visual\.transformer\.resblocks\.1\.attn\.in_proj_weight;"):
            load_clip(tiny(), state | change)
    del state[name.format("v")]
    with pytest.raises(InputError, match=r"not known to this model: .*resblocks\.1\.attn\.k_proj\.weight"):
        load_clip(tiny(), state)


@pytest.mark.parametrize("kind", [CLIPVisionModel, CLIPVisionModelWithProjection])
def test_transformers_vision_tower_alone_is_said_to_be_one(theirs, kind):
    state = without_wrappers(kind(theirs.config.vision_config).state_dict())
    with pytest.raises(InputError, match="likely cause: the image encoder alone, without the text tower"):
        load_clip(tiny(), state)


WRAPPERS = ("module.", "_orig_mod.", "model.", "state_dict.", "visual.", "clip_model.", "_fsdp_wrapped_module.")


@pytest.mark.parametrize(
    "names",
    [
        ["visual.class_embedding", "visual.proj", "positional_embedding", "transformer.resblocks.0.ln_1.weight"],
        ["vision_model.embeddings.class_embedding", "text_model.embeddings.token_embedding.weight", "logit_scale"],
        ["image_encoder.class_embedding", "text_encoder.ln_final.weight", "cv_embed", "classifier.weight"],
    ],
)
def test_wrappers_prefixes_come_off_in_any_order(names):
    values = [torch.tensor(float(i)) for i in range(len(names))]
    for count in (1, 2, 3):
        for order in itertools.product(WRAPPERS, repeat=count):
            state = {"".join(order) + name: value for name, value in zip(names, values, strict=True)}
            assert without_wrappers(state) == dict(zip(names, values, strict=True)), order


def test_wrappers_within_the_model_come_off():
    state = tiny().state_dict()
    inner = {
        name.replace("visual.", "visual._orig_mod.module.").replace(".0.", ".0._checkpoint_wrapped_module."): value
        for name, value in state.items()
    }
    assert inner.keys() != state.keys()
    assert without_wrappers(inner) == state


def test_names_without_wrappers_stay():
    for state in (tiny().state_dict(), clip_reid_state(cameras=2), {"visual.weight": torch.ones(1), "model.x": 1}):
        assert without_wrappers(state) == state
        assert list(without_wrappers(state)) == list(state)


def test_a_bare_vision_tower_is_said_to_be_one():
    with pytest.raises(InputError, match="likely cause: the image encoder alone, without the text tower"):
        load_clip(tiny(), without_wrappers(tiny().visual.state_dict()))


def test_open_clip_s_custom_text_tower_moves_up():
    state = tiny().state_dict()
    custom = {name if name.startswith(("visual.", "logit")) else f"text.{name}": t for name, t in state.items()}
    assert open_clip_layout(custom | {"text.attn_mask": torch.zeros(2, 2)}) == state


def test_what_a_model_recomputes_is_left_out():
    state = tiny().state_dict()
    more = ("attn_mask", "visual.transformer.resblocks.0.attn_mask", "text.position_ids", "context_length")
    assert open_clip_layout(state | {name: torch.zeros(2) for name in more}) == state


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["student.visual.class_embedding", "teacher.visual.class_embedding"],
            "2 models, under 'student.', 'teacher.'",
        ),
        (["proj", "module.proj"], "two tensors are named 'proj' without prefixes, one of them 'module.proj'"),
        (["a.visual.class_embedding", "a.visual.proj", "visual.proj"], "two tensors are named 'visual.proj'"),
    ],
)
def test_names_that_say_two_things_are_refused(names, message):
    with pytest.raises(InputError, match=message):
        without_wrappers({name: torch.zeros(1) for name in names})
