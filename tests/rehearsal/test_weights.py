"""Made-up checkpoints have the published ones' forms, names and shapes, and load as those do."""

import torch

from mosaicreid.models.archives import is_torchscript
from mosaicreid.models.backbone import ImageEncoder, build_clip
from mosaicreid.models.prompts import PromptLearner, TextEncoder
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.weights import load_clip, load_clip_reid, read_weights
from mosaicreid.rehearsal.weights import write_clip_reid, write_openai_archive


def test_openai_s_archive_is_torchscript_in_half_precision_and_loads(tmp_path):
    path = tmp_path / "clip.pt"
    write_openai_archive(path, architecture="tiny")
    assert is_torchscript(path)
    # As torch itself reads it, the three numbers included.
    scripted = torch.jit.load(str(path)).state_dict()
    assert {"input_resolution", "context_length", "vocab_size"} <= scripted.keys()
    state = read_weights(path)
    assert state.keys() == scripted.keys()
    assert state["visual.conv1.weight"].dtype == torch.float16
    assert len(state["visual.positional_embedding"]) == 1 + 28 * 28
    clip = build_clip("tiny", image_size=(64, 32))
    load_clip(clip, state)
    assert torch.equal(clip.visual.proj, state["visual.proj"].float())


def test_clip_reid_s_checkpoint_loads_with_heads_prompts_and_text(tmp_path):
    path = tmp_path / "checkpoint.pth"
    write_clip_reid(path, architecture="tiny", image_size=(64, 32), stride=8, identities=5)
    assert all(name.startswith("module.") for name in torch.load(path, weights_only=True))
    clip = build_clip("tiny", image_size=(64, 32), stride=8)
    model = ReidModel(ImageEncoder(clip), None, identities=5)
    prompts = PromptLearner(clip, identities=5)
    load_clip_reid(read_weights(path), model, prompts=prompts, text=TextEncoder(clip))
    assert torch.equal(prompts.cls_ctx, read_weights(path)["prompt_learner.cls_ctx"])
