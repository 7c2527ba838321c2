"""Training end to end on a folder made on the spot: what trains, what stays, what is resumed, and what is refused."""

import multiprocessing
import os
import shutil
import signal
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_world import write_world

from mosaicreid.attributes import get_schema
from mosaicreid.checkpoints import load_checkpoint
from mosaicreid.config import make_config
from mosaicreid.errors import InputError
from mosaicreid.models.adapters import import_experts
from mosaicreid.training import loop
from mosaicreid.training.loop import TrainingDivergedError, learning_rate_factor
from mosaicreid.training.run import train_run
from mosaicreid.training.session import shared_folder, train_shared

SMALL = {
    "data.height": 32,
    "data.width": 16,
    "data.batch_size": 8,
    "data.num_instances": 2,
    "stages.pretrain.epochs": 1,
    "stages.prompts.epochs": 2,
    "stages.baseline.epochs": 2,
    "stages.experts.epochs": 3,
    "stages.experts.milestones": [2, 3],
    "stages.baseline.milestones": [2],
    "stages.baseline.warmup_epochs": 0,
}


def small(**overrides):
    return make_config("tiny", SMALL | {name.replace("__", "."): value for name, value in overrides.items()})


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world") / "market")


@pytest.fixture(scope="session")
def finished(world, tmp_path_factory):
    """The runs folder of one uninterrupted run of all attributes, and its outcome."""
    runs = tmp_path_factory.mktemp("finished")
    return runs, train_run(small(), root=world, runs=runs)


@pytest.fixture
def shared(finished, tmp_path):
    """A runs folder in which the shared stages are done and nothing else is."""
    shutil.copytree(finished[0] / "market1501" / "_shared", tmp_path / "runs" / "market1501" / "_shared")
    return tmp_path / "runs"


def numbers(history):
    return history.drop(columns=["seconds", "images_per_second"])


def state_of(folder, stage="experts"):
    return load_checkpoint(folder / f"{stage}.pt", stage=stage).model


def same_state(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_leaves_its_folder(finished):
    runs, outcome = finished
    folder = runs / "market1501" / "all" / "seed0"
    assert outcome.run.folder == folder
    assert {"config.json", "metrics.json", "per_query.parquet", "history.csv", "experts", "experts.pt"} == {
        file.name for file in folder.iterdir()
    }
    assert outcome.history["stage"].value_counts().to_dict() == {
        "pretrain": 1,
        "prompts": 2,
        "baseline": 2,
        "experts": 3,
    }
    assert outcome.run.per_query["ap"].mean() == pytest.approx(outcome.run.scores["mAP"])
    assert outcome.run.config == small()
    exported = import_experts(folder / "experts")
    for ours, theirs in zip(outcome.models.model.experts.layers, exported.layers, strict=True):
        assert torch.equal(ours.lora_b, theirs.lora_b)
        assert theirs.lora_b.abs().sum() > 0


def test_only_experts_and_heads_change(finished):
    runs, outcome = finished
    baseline = state_of(shared_folder(runs, dataset="market1501", seed=0), "baseline")
    now = outcome.models.model.state_dict()
    changed = {name.split(".")[0] for name in now if name not in baseline or not torch.equal(now[name], baseline[name])}
    assert changed == {"experts", "bottleneck", "bottleneck_proj", "classifier", "classifier_proj"}
    assert all(torch.equal(now[name], baseline[name]) for name in now if name.startswith("encoder."))
    assert not any("bias" in name and not torch.equal(now[name], baseline[name]) for name in baseline)
    trained = outcome.parameters.set_index("part")["trained"]
    rank, width, experts = 4, 96, len(get_schema("market1501").experts)
    assert trained["experts"] == 4 * 2 * rank * width * experts
    assert trained["encoder"] == 0
    assert trained["classifier"] == 6 * width


def test_a_changed_frozen_parameter_is_noticed(world, shared, monkeypatch):
    epoch = loop._epoch

    def leak(stage, *arguments):
        row = epoch(stage, *arguments)
        with torch.no_grad():
            stage.objective.model.encoder.visual.proj[0, 0] += 1e-6
        return row

    monkeypatch.setattr(loop, "_epoch", leak)
    with pytest.raises(RuntimeError, match="a parameter that should be frozen has changed"):
        train_run(small(), root=world, runs=shared)


def test_same_seed_same_numbers_another_seed_others(world, finished, tmp_path):
    again = train_run(small(), root=world, runs=tmp_path / "again")
    pd.testing.assert_frame_equal(numbers(again.history), numbers(finished[1].history))
    pd.testing.assert_frame_equal(again.run.per_query, finished[1].run.per_query)
    assert again.run.scores == finished[1].run.scores
    other = train_run(small(seed=1), root=world, runs=tmp_path / "again")
    assert not np.allclose(other.history["loss"], again.history["loss"], rtol=1e-3)


@pytest.mark.parametrize("stage", ["prompts", "baseline", "experts"])
def test_interrupted_and_resumed_equals_uninterrupted(world, finished, tmp_path, monkeypatch, stage):
    epoch = loop._epoch

    def stop_in_second_epoch(running, number, *arguments):
        if running.name == stage and number == 2:
            raise KeyboardInterrupt
        return epoch(running, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train_run(small(), root=world, runs=tmp_path)
    resumed = train_run(small(), root=world, runs=tmp_path)
    pd.testing.assert_frame_equal(numbers(resumed.history), numbers(finished[1].history))
    assert same_state(state_of(resumed.run.folder), state_of(finished[1].run.folder))
    pd.testing.assert_frame_equal(resumed.run.per_query, finished[1].run.per_query)


def _killed_while_saving(world, runs, epoch):
    save = torch.save

    def die(content, path):
        if content["stage"] == "experts" and content["epoch"] == epoch:
            Path(path).write_bytes(b"PK\x03\x04 half a checkpoint")
            os.kill(os.getpid(), signal.SIGKILL)
        save(content, path)

    torch.save = die
    train_run(small(), root=world, runs=runs)


def test_kill_9_in_the_middle_of_a_checkpoint_loses_that_epoch_alone(world, finished, shared):
    process = multiprocessing.get_context("fork").Process(target=_killed_while_saving, args=(world, shared, 3))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    folder = shared / "market1501" / "all" / "seed0"
    assert load_checkpoint(folder / "experts.pt", stage="experts").epoch == 2
    assert not (folder / "metrics.json").exists()
    resumed = train_run(small(), root=world, runs=shared)
    assert same_state(state_of(folder), state_of(finished[1].run.folder))
    assert resumed.run.scores == finished[1].run.scores


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _as_process(rank, port, work, arguments):
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    work(rank, *arguments)


def two_processes(work, *arguments):
    port, context = _free_port(), multiprocessing.get_context("fork")
    both = [context.Process(target=_as_process, args=(rank, port, work, arguments)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]


def _train(rank, world, runs):
    train_run(small(), root=world, runs=runs)


def test_two_processes_train_like_one(world, finished, tmp_path):
    two_processes(_train, world, tmp_path)
    one, two = numbers(finished[1].history), pd.read_csv(tmp_path / "market1501" / "all" / "seed0" / "history.csv")
    pd.testing.assert_frame_equal(one, numbers(two)[one.columns], rtol=2e-3, check_dtype=False)
    ours, theirs = state_of(finished[1].run.folder), state_of(tmp_path / "market1501" / "all" / "seed0")
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=2e-2, atol=2e-3)
