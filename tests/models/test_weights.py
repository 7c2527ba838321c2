"""Weights: read as tensors alone from every kind of file, and OpenAI's loaded into another image size."""

import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from clip_reid_reference import CONTEXT

from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip, resize_positions
from mosaicreid.models.weights import load_clip, read_weights


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


@pytest.mark.parametrize("name", ["my model.v2.pt", "Modèle_Ω.bin", "UPPER.PTH", "no_suffix", "a..b.pt"])
def test_a_file_may_have_any_name(tmp_path, name):
    for zipped in (True, False):
        torch.save({"weight": torch.arange(6.0)}, tmp_path / name, _use_new_zipfile_serialization=zipped)
        assert torch.equal(read_weights(tmp_path / name)["weight"], torch.arange(6.0))
    torch.jit.trace(Scripted(), torch.zeros(1, 3)).save(tmp_path / name)
    assert read_weights(tmp_path / name).keys() == {"visual.weight", "visual.bias"}


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


def nested(*names):
    """A function that lays a table of tensors within others."""
    return lambda state: {names[0]: nested(*names[1:])(state) if names[1:] else state, "epoch": 3}


@pytest.mark.parametrize(
    "wrapped",
    [
        nested("state_dict"),
        nested("model"),
        nested("model_state_dict"),
        nested("checkpoint", "net", "params"),
        lambda state: {"state_dict": {f"model.{name}": value for name, value in state.items()}, "loops": {"a": {}}},
        lambda state: {
            "model": state,
            "step": torch.tensor(4),
            "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}},
        },
        lambda state: {"model": state, "optimizer": {"visual.proj": {"exp_avg": torch.ones(2)}}},
        lambda state: {"model": state, "normalise": {"mean": torch.ones(3)}, "best": {"a.pt": torch.tensor(0.5)}},
        lambda state: {name: torch.nn.Parameter(value) for name, value in state.items()},
        lambda state: {name: value.double() for name, value in state.items()},
    ],
)
def test_a_table_of_tensors_is_found_within_what_surrounds_it(tmp_path, wrapped):
    state = build_clip("tiny", image_size=(32, 32)).state_dict()
    torch.save(wrapped(state), tmp_path / "clip.pt")
    clip = build_clip("tiny", image_size=(32, 32))
    load_clip(clip, read_weights(tmp_path / "clip.pt"))
    for name, value in clip.state_dict().items():
        assert torch.equal(value, state[name]), name


def looped():
    content = {"epoch": 3}
    return content | {"again": content, "content": content}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"a": torch.ones(2)}, "ema": {"a": torch.ones(2)}}, "has 2 tables of tensors: model, ema; expected"),
        (
            {"model": {"visual.class_embedding": torch.ones(2)}, "ema": {"x": {"class_embedding": torch.ones(2)}}},
            "has 2 tables of tensors: model, ema.x; expected one",
        ),
        ({0: torch.ones(2), 1: torch.ones(2)}, r"is not a table of tensors: \(int\), \(int\)"),
        ({10**400: torch.ones(2)}, r"is not a table of tensors: \(int\)"),
        ({"a": torch.ones(2), "number": 10**400}, "is not a table of tensors: number"),
        ({("a", "b"): torch.ones(2)}, r"is not a table of tensors: \(tuple\)"),
        ({"a": torch.ones(2), "state": {"b": torch.ones(2)}}, "is not a table of tensors: state"),
        ({"a": torch.ones(2), "x\ny" * 200: 1}, r"is not a table of tensors: 'x\\ny"),
        ({"a": torch.ones(2).to_sparse()}, "sparse, quantised, without data or larger than the file: a;"),
        ({"a": torch.ones(2, device="meta")}, "sparse, quantised, without data or larger than the file: a;"),
        ({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, "sparse, quantised"),
        ({"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, "sparse, quantised"),
        ({"a": torch.ones(1).expand(1 << 14, 1 << 14)}, "larger than the file: a;"),
        (looped(), "is not a table of tensors: epoch, again, content"),
        ({"module.a": torch.ones(2), "a": torch.ones(2)}, "two tensors are named 'a' without prefixes"),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_table_of_anything_else_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=message) as caught:
        read_weights(tmp_path / "weights.pt")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


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
    with pytest.raises(InputError, match="not a safetensors file that can be read: "):
        read_weights(path.with_suffix(".safetensors"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Harmful(), "not a checkpoint of tensors alone"),
        (torch.zeros(3), "holds a Tensor; expected tensors by name"),
        ({"epoch": 3}, "'weights.pt' is not a table of tensors: epoch"),
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
