"""Checkpoints: whole or absent, read without running code, refused when foreign."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mosaicreid.errors import InputError
from mosaicreid.training.checkpoints import Checkpoint, differing_settings, load_checkpoint, load_state, save_checkpoint


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        stage="prompts",
        settings={"seed": 1, "stages": {"prompts": {"epochs": 3}}},
        epoch=2,
        done=False,
        model={"weight": torch.arange(6.0).view(2, 3)},
        optimiser={"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        scaler=None,
        history=[{"epoch": 1, "loss": 0.5}],
    )


def test_what_is_saved_is_loaded(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "prompts.pt", checkpoint)
    found = load_checkpoint(tmp_path / "prompts.pt", stage="prompts")
    assert torch.equal(found.model["weight"], checkpoint.model["weight"])
    assert replace(found, model={}, optimiser=None) == replace(checkpoint, model={}, optimiser=None)
    assert found.optimiser["param_groups"] == checkpoint.optimiser["param_groups"]


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, checkpoint, monkeypatch):
    path = tmp_path / "prompts.pt"
    save_checkpoint(path, checkpoint)

    def fail_half_way(content, file):
        Path(file).write_bytes(b"PK\x03\x04")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail_half_way)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, replace(checkpoint, epoch=3))
    assert load_checkpoint(path, stage="prompts").epoch == 2
    assert [file.name for file in tmp_path.iterdir()] == ["prompts.pt"]


class Dangerous:
    def __reduce__(self):
        return (Path.touch, (Path("was_run"),))


def test_foreign_files_are_refused(tmp_path, checkpoint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pt"
    with pytest.raises(InputError, match="no checkpoint at"):
        load_checkpoint(path, stage="prompts")
    path.write_bytes(b"half a file")
    with pytest.raises(InputError, match="not a checkpoint that can be read"):
        load_checkpoint(path, stage="prompts")
    with path.open("wb") as file:
        pickle.dump(Dangerous(), file, protocol=2)
    with pytest.raises(InputError, match="not a checkpoint that can be read"):
        load_checkpoint(path, stage="prompts")
    assert not (tmp_path / "was_run").exists()
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="not a checkpoint of this package"):
        load_checkpoint(path, stage="prompts")
    save_checkpoint(path, checkpoint)
    with pytest.raises(InputError, match="of the stage 'prompts'; expected 'baseline'"):
        load_checkpoint(path, stage="baseline")


def test_a_truncated_checkpoint_is_refused(tmp_path, checkpoint):
    path = tmp_path / "prompts.pt"
    save_checkpoint(path, checkpoint)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a checkpoint that can be read") as caught:
        load_checkpoint(path, stage="prompts")
    assert "\n" not in str(caught.value)


def test_an_error_without_words_is_named(tmp_path, monkeypatch):
    def fail(*arguments, **keywords):
        raise AssertionError

    monkeypatch.setattr(torch, "load", fail)
    (tmp_path / "prompts.pt").touch()
    with pytest.raises(InputError, match="not a checkpoint that can be read: AssertionError"):
        load_checkpoint(tmp_path / "prompts.pt", stage="prompts")


def test_differing_settings_are_named():
    ours = {"seed": 0, "data": {"height": 64, "width": 32}, "milestones": [3, 5]}
    theirs = {"seed": 0, "data": {"height": 128, "width": 32}, "milestones": [3, 5], "old": 1}
    assert differing_settings(theirs, ours) == ["data.height", "old"]
    assert differing_settings({**ours, "milestones": (3, 5)}, ours) == []


def test_a_state_that_does_not_fit_is_listed_and_not_copied():
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(InputError, match=r"file.pt does not fit the model: bias is missing; extra is unknown") as e:
        load_state(module, {"weight": torch.zeros(2, 4), "extra": torch.zeros(1)}, source="file.pt")
    assert "weight has shape (2, 4), expected (2, 3)" in str(e.value)
    assert torch.equal(module.weight, before)
