import open_clip
import pytest
import torch

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip
from mosaicreid.models.prompts import TEMPLATE, PromptLearner, TextEncoder, text_features


@pytest.fixture
def clip():
    return build_clip("tiny", image_size=(64, 32))


def test_learnt_tokens_start_small_and_sit_inside_the_words(clip):
    prompts = PromptLearner(clip, identities=50)
    words = clip.token_embedding(open_clip.tokenize(TEMPLATE, context_length=48))
    assert prompts.token_prefix.shape == (1, 5, 64)
    assert prompts.token_suffix.shape == (1, 39, 64)
    assert prompts.cls_ctx.shape == (50, 4, 64)
    assert prompts.cls_ctx.std().item() == pytest.approx(0.02, rel=0.05)
    embedded = prompts(torch.tensor([7, 7, 3]))
    assert embedded.shape == (3, 12, 64)
    assert torch.equal(embedded[0, :5], words[0, :5])
    assert torch.equal(embedded[:, 5:9], prompts.cls_ctx[[7, 7, 3]])
    assert torch.equal(embedded[2, 9:], words[0, 9:12])


def test_the_token_that_ends_the_text_is_the_last_one(clip):
    prompts = PromptLearner(clip, identities=1)
    tokens = open_clip.tokenize(TEMPLATE)[0]
    assert tokens[prompts.length - 1] == 49407
    assert not tokens[prompts.length :].any()


def test_a_prompt_of_plain_words_has_open_clip_s_text_feature(clip):
    prompts = PromptLearner(clip, identities=3)
    tokens = open_clip.tokenize(TEMPLATE, context_length=48)
    with torch.no_grad():
        prompts.cls_ctx[1] = clip.token_embedding(tokens)[0, 5:9]
        expected = clip.train().encode_text(tokens)[0]
    features = text_features(prompts, TextEncoder(clip))
    torch.testing.assert_close(features[1], expected, rtol=1e-4, atol=1e-5)
    assert (features[0] - expected).abs().max() > 1e-3


def test_chunks_change_nothing_but_memory(clip):
    prompts, text = PromptLearner(clip, identities=10), TextEncoder(clip)
    torch.testing.assert_close(text_features(prompts, text, chunk=3), text_features(prompts, text), rtol=0, atol=1e-6)


def test_only_the_four_tokens_receive_gradients(clip):
    clip.requires_grad_(False)
    prompts, text = PromptLearner(clip, identities=5), TextEncoder(clip)
    text(prompts(torch.tensor([1, 4]))).square().sum().backward()
    assert [name for name, _ in prompts.named_parameters()] == ["cls_ctx"]
    assert prompts.cls_ctx.grad.abs().sum(dim=(1, 2)).bool().tolist() == [False, True, False, False, True]
    assert all(p.grad is None for p in clip.parameters())


def test_names_and_shapes_are_clip_reid_s():
    with torch.device("meta"):
        clip = build_clip("ViT-B-16-quickgelu", image_size=(256, 128))
        text = {name: tuple(value.shape) for name, value in TextEncoder(clip).state_dict().items()}
    with torch.device("cpu"):
        clip.token_embedding = torch.nn.Embedding(49408, 512)
        prompts = {name: tuple(v.shape) for name, v in PromptLearner(clip, identities=2).state_dict().items()}
    assert prompts == {"cls_ctx": (2, 4, 512), "token_prefix": (1, 5, 512), "token_suffix": (1, 68, 512)}
    assert text["positional_embedding"] == (77, 512)
    assert text["text_projection"] == (512, 512)
    assert {name.split(".")[0] for name in text} == {
        "positional_embedding",
        "text_projection",
        "transformer",
        "ln_final",
    }


def test_bad_sizes_are_named(clip):
    with pytest.raises(InputError, match="identities is 0"):
        PromptLearner(clip, identities=0)
    clip.context_length = 10
    with pytest.raises(InputError, match="reads 10 tokens; the prompt needs 12"):
        PromptLearner(clip, identities=2)
