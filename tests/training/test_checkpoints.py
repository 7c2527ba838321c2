"""Checkpoints: whole or absent, read without running code, refused when foreign."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mosaicreid.errors import InputError
from mosaicreid.training.checkpoints import (
    FORMAT,
    Checkpoint,
    differing_settings,
    load_checkpoint,
    load_state,
    save_checkpoint,
)

PART = {
    "steps": 2,
    "sums": {"loss": 0.1, "i2t": 0.2},
    "seconds": 1.5,
    "cpu_seconds": 1.25,
    "generators": [torch.get_rng_state()],
}


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
        history=[{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}],
    )


def test_what_is_saved_is_loaded(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "prompts.pt", checkpoint)
    found = load_checkpoint(tmp_path / "prompts.pt", stage="prompts")
    assert torch.equal(found.model["weight"], checkpoint.model["weight"])
    assert replace(found, model={}, optimiser=None) == replace(checkpoint, model={}, optimiser=None)
    assert found.optimiser["param_groups"] == checkpoint.optimiser["param_groups"]


def test_part_of_an_epoch_is_saved_and_loaded(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "prompts.pt", replace(checkpoint, part=PART))
    found = load_checkpoint(tmp_path / "prompts.pt", stage="prompts").part
    assert torch.equal(found.pop("generators")[0], PART["generators"][0])
    assert found == {name: value for name, value in PART.items() if name != "generators"}
    write(tmp_path / "prompts.pt", checkpoint, done=True, optimiser=None, part=PART)
    with pytest.raises(InputError, match="part of type dict; expected a part of an epoch"):
        load_checkpoint(tmp_path / "prompts.pt", stage="prompts")


def test_a_checkpoint_of_before_epochs_could_be_left_is_read(tmp_path, checkpoint):
    write(tmp_path / "prompts.pt", checkpoint, part=...)
    assert load_checkpoint(tmp_path / "prompts.pt", stage="prompts").part is None


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, checkpoint, monkeypatch):
    path = tmp_path / "prompts.pt"
    save_checkpoint(path, checkpoint)

    def fail_half_way(content, file):
        file.write(b"PK\x03\x04")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail_half_way)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, replace(checkpoint, epoch=3, history=[*checkpoint.history, {"epoch": 3}]))
    assert load_checkpoint(path, stage="prompts").epoch == 2
    assert [file.name for file in tmp_path.iterdir()] == ["prompts.pt"]


def test_a_disk_that_is_full_is_named_whatever_torch_makes_of_it(tmp_path, checkpoint):
    """A limit on the size of files stands for a quota, of which the disk's own numbers say nothing."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "prompts.pt"
    save_checkpoint(path, checkpoint)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(
            InputError, match=r"prompts\.pt cannot be written: it is larger than a file may be"
        ) as caught:
            save_checkpoint(path, replace(checkpoint, epoch=3, model={"weight": torch.zeros(100_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
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


FIELDS = ("stage", "settings", "epoch", "done", "model", "optimiser", "scaler", "history")


def write(path, checkpoint, **changes):
    """A checkpoint's file with fields changed, or left out where they are ``...``."""
    fields = {"format": FORMAT, **vars(checkpoint), **changes}
    torch.save({name: value for name, value in fields.items() if value is not ...}, path)


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(tmp_path, checkpoint, name):
    path = tmp_path / "prompts.pt"
    write(path, checkpoint, **{name: ...})
    with pytest.raises(
        InputError, match=rf"prompts\.pt has no {name}; expected the fields of a checkpoint: "
    ) as caught:
        load_checkpoint(path, stage="prompts")
    assert "\n" not in str(caught.value)


def test_all_missing_and_unknown_fields_are_named(tmp_path, checkpoint):
    path = tmp_path / "prompts.pt"
    torch.save({"format": FORMAT}, path)
    with pytest.raises(InputError, match="has no done; no epoch; no history; no model; no optimiser, and 3 more; exp"):
        load_checkpoint(path, stage="prompts")
    torch.save({"format": FORMAT, **vars(checkpoint), "extra\n": 1, 10**400: 2}, path)
    with pytest.raises(InputError, match=r"has an unknown 'extra\\n'; an unknown int; expected the fields") as caught:
        load_checkpoint(path, stage="prompts")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stage", 3, "int; expected text"),
        ("stage", None, "NoneType; expected text"),
        ("settings", [], "list; expected plain settings by name"),
        ("settings", {"seed": torch.tensor(1)}, "dict; expected plain settings by name"),
        ("settings", {3: 1}, "dict; expected plain settings by name"),
        ("epoch", "2", "str; expected a whole number of 0 or above"),
        ("epoch", 2.0, "float; expected a whole number of 0 or above"),
        ("epoch", True, "bool; expected a whole number of 0 or above"),
        ("epoch", -1, "int; expected a whole number of 0 or above"),
        ("epoch", torch.tensor(2), "Tensor; expected a whole number of 0 or above"),
        ("done", 1, "int; expected true or false"),
        ("done", None, "NoneType; expected true or false"),
        ("model", None, "NoneType; expected tensors by name"),
        ("model", [torch.zeros(1)], "list; expected tensors by name"),
        ("model", {"weight": 1.0}, "dict; expected tensors by name"),
        ("model", {0: torch.zeros(1)}, "dict; expected tensors by name"),
        ("optimiser", None, "NoneType; expected an optimiser's state"),
        ("optimiser", {}, "dict; expected an optimiser's state"),
        ("optimiser", {"state": {}, "param_groups": {}}, "dict; expected an optimiser's state"),
        ("optimiser", {"state": {}, "param_groups": [1]}, "dict; expected an optimiser's state"),
        ("scaler", 2.0, "float; expected a scaler's state"),
        ("history", {}, "dict; expected rows of plain values"),
        ("history", [1], "list; expected rows of plain values"),
        ("history", [{"loss": torch.tensor(1.0)}], "list; expected rows of plain values"),
        ("part", {}, "dict; expected a part of an epoch"),
        ("part", 3, "int; expected a part of an epoch"),
        ("part", {**PART, "steps": 0}, "dict; expected a part of an epoch"),
        ("part", {**PART, "steps": 2.0}, "dict; expected a part of an epoch"),
        ("part", {**PART, "sums": {"loss": torch.tensor(1.0)}}, "dict; expected a part of an epoch"),
        ("part", {**PART, "generators": [torch.zeros(3)]}, "dict; expected a part of an epoch"),
        ("part", {**PART, "more": 1}, "dict; expected a part of an epoch"),
    ],
)
def test_a_field_of_another_type_is_named(tmp_path, checkpoint, name, value, message):
    path = tmp_path / "prompts.pt"
    write(path, checkpoint, **{name: value})
    with pytest.raises(InputError, match=rf"prompts\.pt has {name} of type {message}; likely cause") as caught:
        load_checkpoint(path, stage="prompts")
    assert "\n" not in str(caught.value)


def test_a_finished_stage_needs_no_optimiser(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "prompts.pt", replace(checkpoint, done=True, optimiser=None))
    assert load_checkpoint(tmp_path / "prompts.pt", stage="prompts").done


def test_weights_that_are_not_finite_are_loaded(tmp_path, checkpoint):
    history = [{"epoch": 1}, {"epoch": 2, "loss": float("nan")}]
    broken = replace(checkpoint, model={"weight": torch.full((2, 3), torch.nan)}, history=history)
    save_checkpoint(tmp_path / "prompts.pt", broken)
    assert load_checkpoint(tmp_path / "prompts.pt", stage="prompts").model["weight"].isnan().all()


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 3},
        {"history": []},
        {"history": [{"epoch": 1}, {"epoch": 1}]},
        {"history": [{"epoch": 1}, {"loss": 0.5}]},
    ],
)
def test_a_history_of_other_epochs_is_refused(tmp_path, checkpoint, change):
    """Else a stage would go on from one epoch with the weights of another."""
    save_checkpoint(tmp_path / "prompts.pt", replace(checkpoint, **change))
    with pytest.raises(InputError, match=r"is of epoch \d and has a history of \d epochs"):
        load_checkpoint(tmp_path / "prompts.pt", stage="prompts")


def test_a_number_that_is_not_as_it_was_written_is_noticed(tmp_path, checkpoint):
    """torch does not look at an archive's checksums."""
    path = tmp_path / "prompts.pt"
    save_checkpoint(path, replace(checkpoint, model={"weight": torch.arange(1000.0)}))
    content = bytearray(path.read_bytes())
    place = content.find(torch.arange(1000.0).numpy().tobytes())
    content[place + 100] ^= 1
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)["model"]["weight"], torch.arange(1000.0))
    with pytest.raises(InputError, match="is not what its checksum says"):
        load_checkpoint(path, stage="prompts")
