"""Weights: read as tensors alone from every kind of file, and OpenAI's loaded into another image size."""

import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from clip_reid_reference import CONTEXT, WIDTH, clip_reid_state

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip, resize_positions
from mosaicreid.models.weights import fetch_openai, is_clip_reid, load_clip, read_weights


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


class Restored(torch.nn.Module):
    """A module that restores itself with code of its own, as TorchScript's quantised ones do."""

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.training

    @torch.jit.export
    def __setstate__(self, training: bool):
        print("run")
        self.training = training


def test_an_archive_whose_code_would_run_on_loading_is_refused(tmp_path, capfd):
    torch.jit.script(Restored()).save(tmp_path / "clip.pt")
    capfd.readouterr()
    with pytest.raises(InputError, match=r"clip.pt brings code that runs on loading \(__setstate__\)"):
        read_weights(tmp_path / "clip.pt")
    assert capfd.readouterr().out == ""


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


@pytest.mark.parametrize("suffix", ["pt", "zip", "legacy", "safetensors"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"whole.{suffix}"
    tensors = {"visual.weight": torch.arange(6.0), "bias": torch.ones(2)}
    if suffix == "safetensors":
        safetensors.torch.save_file(tensors, path)
    elif suffix == "pt":
        torch.jit.trace(Scripted(), torch.zeros(1, 3)).save(path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=suffix == "zip")
    whole, random = path.read_bytes(), np.random.default_rng(0)
    damaged = tmp_path / f"damaged.{suffix}"
    refused = []
    for _ in range(40):
        content = np.frombuffer(whole, dtype=np.uint8).copy()
        content[random.integers(len(content), size=20)] = random.integers(256, size=20)
        damaged.write_bytes(content.tobytes())
        # Damage to a tensor's values shows in no format; any other must be an InputError.
        try:
            read_weights(damaged)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert not any("\n" in message for message in refused)


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
