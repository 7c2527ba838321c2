"""Training end to end on a folder made on the spot: what trains, what stays, what is resumed, and what is refused."""

import multiprocessing
import os
import shutil
import signal
import socket
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from open_clip import tokenize
from tiny_world import small, write_world

from mosaicreid.config.profiles import make_config
from mosaicreid.data.sampler import pk_sampler
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.models.adapters import import_experts
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.runs import read_run, run_name, shared_folder
from mosaicreid.signals import EndedBySignal
from mosaicreid.training import loop
from mosaicreid.training import run as run_module
from mosaicreid.training.checkpoints import load_checkpoint
from mosaicreid.training.loop import TrainingDivergedError, learning_rate_factor
from mosaicreid.training.objectives import Contrast
from mosaicreid.training.run import train_run
from mosaicreid.training.shared import train_shared


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
    return history.drop(columns=["seconds", "cpu_seconds", "images_per_second"])


def state_of(folder, stage="experts"):
    return load_checkpoint(folder / f"{stage}.pt", stage=stage).model


def same_state(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_leaves_its_folder(finished):
    runs, outcome = finished
    folder = runs / "market1501" / "all" / "seed0"
    assert outcome.run.folder == folder
    assert {"config.json", "metrics.json", "per_query.parquet", "history.csv", "experts", "experts.pt"} == {
        file.name for file in folder.glob("[!.]*")
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


def test_short_captions_are_encoded_like_padded_ones(finished):
    clip = finished[1].models.clip
    tokens = tokenize(["a photo of a man", "a photo of an old woman with a red top"], context_length=48)
    short = tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
    assert short.shape[1] < 48
    with torch.no_grad():
        expected = clip.encode_text(tokens)
        torch.testing.assert_close(Contrast(clip)._encode_captions(short), expected, rtol=1e-5, atol=1e-5)


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
    other = train_shared(small(seed=1), "prompts", root=world, runs=tmp_path / "again")
    assert not np.allclose(other["loss"], again.history["loss"].head(len(other)), rtol=1e-3)


@pytest.mark.parametrize("stage", ["prompts", "baseline", "experts"])
def test_interrupted_and_resumed_equals_uninterrupted(world, finished, shared, monkeypatch, stage):
    # The stage that is interrupted, and those after it, are still to be done.
    for later in ("prompts", "baseline", "experts")[("prompts", "baseline", "experts").index(stage) :]:
        (shared_folder(shared, dataset="market1501", seed=0) / f"{later}.pt").unlink(missing_ok=True)
    epoch = loop._epoch

    def stop_in_second_epoch(running, number, *arguments):
        if running.name == stage and number == 2:
            raise KeyboardInterrupt
        return epoch(running, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train_run(small(), root=world, runs=shared)
    resumed = train_run(small(), root=world, runs=shared)
    pd.testing.assert_frame_equal(numbers(resumed.history), numbers(finished[1].history))
    assert same_state(state_of(resumed.run.folder), state_of(finished[1].run.folder))
    pd.testing.assert_frame_equal(resumed.run.per_query, finished[1].run.per_query)


def test_decoded_images_lie_where_a_variable_of_the_machine_says(world, shared, tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", str(tmp_path / "scratch"))
    train_run(small(), root=world, runs=shared, cache=Path("$SCRATCH/images"))
    assert len(list((tmp_path / "scratch" / "images").glob("*.npy"))) == 3
    assert not (shared / "_cache").exists()
    monkeypatch.delenv("SCRATCH")
    with pytest.raises(InputError, match=r"the folder \$SCRATCH/images: no variable SCRATCH is set on this machine"):
        train_run(small(), root=world, runs=tmp_path / "other", cache=Path("$SCRATCH/images"))
    assert not (tmp_path / "other").exists()


def told_to_end(monkeypatch, stage, epoch, step):
    """Have the process told to end, as by Slurm, while it is at one step of a stage; lists the steps that it takes."""
    train, taken = loop._train, []

    def trained(running, *arguments):
        def load(number, plan):
            for position, tensors in enumerate(running.load(number, plan), start=1):
                if (running.name, number, position) == (stage, epoch, step):
                    os.kill(os.getpid(), signal.SIGTERM)
                taken.append((running.name, number, position))
                yield tensors

        return train(replace(running, load=load), *arguments)

    monkeypatch.setattr(loop, "_train", trained)
    return taken


@pytest.mark.parametrize(
    ("stage", "epoch", "step"),
    [("pretrain", 1, 2), ("prompts", 2, 1), ("baseline", 1, 1), ("baseline", 2, 2), ("experts", 3, 1)],
)
def test_told_to_end_a_stage_goes_on_within_the_epoch_with_the_same_numbers(
    world, tmp_path, monkeypatch, capsys, stage, epoch, step
):
    # Dropout draws from the generator that an epoch seeds; batches are small for an epoch to have several.
    config = small(experts__dropout=0.25, data__batch_size=4, data__num_instances=2)
    expected = train_run(config, root=world, runs=tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        taken = told_to_end(patch, stage, epoch, step)
        with pytest.raises(EndedBySignal, match="ended by SIGTERM"):
            train_run(config, root=world, runs=tmp_path / "told")
    assert taken[-1] == (stage, epoch, step)
    folder = tmp_path / "told" / "market1501"
    path = folder / (run_name(config) if stage == "experts" else "_shared") / "seed0" / f"{stage}.pt"
    checkpoint = load_checkpoint(path, stage=stage)
    assert (checkpoint.epoch, checkpoint.done, checkpoint.part["steps"]) == (epoch - 1, False, step)
    capsys.readouterr()
    resumed = train_run(config, root=world, runs=tmp_path / "told")
    assert f"{path}: resumed after epoch {epoch - 1} and {step} steps of the next" in capsys.readouterr().out
    pd.testing.assert_frame_equal(numbers(resumed.history), numbers(expected.history))
    assert same_state(state_of(resumed.run.folder), state_of(expected.run.folder))
    pd.testing.assert_frame_equal(resumed.run.per_query, expected.run.per_query)
    assert load_checkpoint(path, stage=stage).part is None


def test_told_at_the_last_step_of_an_epoch_it_ends_after_the_next_one(world, shared, monkeypatch):
    steps = len(pk_sampler(small().data, np.repeat(np.arange(6), 4), seed=0).batches(1))
    taken = told_to_end(monkeypatch, "experts", 1, steps)
    with pytest.raises(EndedBySignal):
        train_run(small(), root=world, runs=shared)
    checkpoint = load_checkpoint(shared / "market1501" / "all" / "seed0" / "experts.pt", stage="experts")
    assert (taken[-1], checkpoint.epoch, checkpoint.part["steps"]) == (("experts", 2, 1), 1, 1)


def test_told_at_the_last_step_of_all_a_stage_is_complete(world, finished, shared, monkeypatch):
    steps = len(pk_sampler(small().data, np.repeat(np.arange(6), 4), seed=0).batches(3))
    told_to_end(monkeypatch, "experts", 3, steps)
    with pytest.raises(EndedBySignal):
        train_run(small(), root=world, runs=shared)
    folder = shared / "market1501" / "all" / "seed0"
    assert load_checkpoint(folder / "experts.pt", stage="experts").done
    assert same_state(state_of(folder), state_of(finished[1].run.folder))
    assert not (folder / "metrics.json").exists()


def _killed_while_saving(world, runs, epoch):
    save = torch.save

    def die(content, file):
        if content["stage"] == "experts" and content["epoch"] == epoch:
            file.write(b"PK\x03\x04 half a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        save(content, file)

    torch.save = die
    train_run(small(), root=world, runs=runs)


def _processes():
    """Processes forked from one that has imported everything and computed nothing.

    A fork of this one, whose OpenMP threads have started, might hang in them.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mosaicreid.training.run", "open_clip", "accelerate", "peft", "torch._dynamo"])
    return context


def test_kill_9_in_the_middle_of_a_checkpoint_loses_that_epoch_alone(world, finished, shared):
    process = _processes().Process(target=_killed_while_saving, args=(world, shared, 3))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    folder = shared / "market1501" / "all" / "seed0"
    assert load_checkpoint(folder / "experts.pt", stage="experts").epoch == 2
    assert not (folder / "metrics.json").exists()
    resumed = train_run(small(), root=world, runs=shared)
    assert same_state(state_of(folder), state_of(finished[1].run.folder))
    assert resumed.run.scores == finished[1].run.scores
    assert list(shared.rglob(".*unfinished*")) == []


@pytest.mark.parametrize("lost", ["_shared", "all"])
def test_a_folder_that_goes_while_it_is_trained_in_is_named_and_not_made_again(world, shared, monkeypatch, lost):
    folder = shared / "market1501" / lost
    (shared / "market1501" / "_shared" / "seed0" / "baseline.pt").unlink()
    epoch_of = loop._epoch

    def lose(stage, epoch, *arguments):
        shutil.rmtree(folder)
        return epoch_of(stage, epoch, *arguments)

    monkeypatch.setattr(loop, "_epoch", lose if lost == "_shared" else epoch_of)
    if lost == "all":
        monkeypatch.setattr(run_module, "evaluate", lambda *features: (shutil.rmtree(folder), evaluate(*features))[1])
    with pytest.raises(InputError, match=rf"{lost}/seed0 has gone while this process trained in it") as caught:
        train_run(small(), root=world, runs=shared)
    assert "\n" not in str(caught.value)
    assert not folder.exists()


def test_what_another_process_has_trained_meanwhile_is_not_trained_again(world, finished, shared, monkeypatch):
    folder = shared_folder(shared, dataset="market1501", seed=0)
    (folder / "baseline.pt").unlink()
    asked = []

    @contextmanager
    def waited_for(held, accelerator):
        asked.append(held)
        shutil.copy2(shared_folder(finished[0], dataset="market1501", seed=0) / "baseline.pt", folder)
        yield

    monkeypatch.setattr(loop, "sole_trainer", waited_for)
    monkeypatch.setattr(loop, "_epoch", lambda stage, *arguments: pytest.fail(f"{stage.name} is trained again"))
    history = train_shared(small(), "baseline", root=world, runs=shared)
    assert asked == [folder]
    expected = finished[1].history.query("stage != 'experts'")
    pd.testing.assert_frame_equal(history, expected[history.columns], check_dtype=False)


def test_what_ends_during_evaluation_is_evaluated_again_and_not_trained(world, finished, shared, monkeypatch):
    trained = []

    def count(stage, epoch, *arguments):
        trained.append(stage.name)
        return epoch_of(stage, epoch, *arguments)

    def end(*arguments):
        raise KeyboardInterrupt

    epoch_of = loop._epoch
    monkeypatch.setattr(loop, "_epoch", count)
    with monkeypatch.context() as during:
        during.setattr(run_module, "evaluate", end)
        with pytest.raises(KeyboardInterrupt):
            train_run(small(), root=world, runs=shared)
    folder = shared / "market1501" / "all" / "seed0"
    assert trained == ["experts"] * 3
    assert not (folder / "metrics.json").exists()
    checkpoint = (folder / "experts.pt").read_bytes()
    again = train_run(small(), root=world, runs=shared)
    assert trained == ["experts"] * 3
    assert (folder / "experts.pt").read_bytes() == checkpoint
    assert again.run.scores == finished[1].run.scores
    pd.testing.assert_frame_equal(again.run.per_query, finished[1].run.per_query)
    pd.testing.assert_frame_equal(numbers(again.history), numbers(finished[1].history))


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
    port, context = _free_port(), _processes()
    both = [context.Process(target=_as_process, args=(rank, port, work, arguments)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in both] == [0, 0]


def _told_in_the_second(rank, world, runs):
    train = loop._train

    def trained(running, *arguments):
        def load(number, plan):
            for position, tensors in enumerate(running.load(number, plan), start=1):
                if (rank, number, position) == (1, 2, 1):
                    os.kill(os.getpid(), signal.SIGTERM)
                yield tensors

        return train(replace(running, load=load), *arguments)

    loop._train = trained
    with pytest.raises(EndedBySignal):
        train_run(small(), root=world, runs=runs)


def _train_again(rank, world, runs):
    train_run(small(), root=world, runs=runs)


def test_two_processes_end_after_the_same_step_if_one_is_told(world, shared, tmp_path):
    shutil.copytree(shared, tmp_path / "undisturbed")
    two_processes(_train_again, world, tmp_path / "undisturbed")
    two_processes(_told_in_the_second, world, shared)
    folder = shared / "market1501" / "all" / "seed0"
    checkpoint = load_checkpoint(folder / "experts.pt", stage="experts")
    assert (checkpoint.epoch, checkpoint.done, checkpoint.part["steps"]) == (1, False, 1)
    two_processes(_train_again, world, shared)
    undisturbed = tmp_path / "undisturbed" / "market1501" / "all" / "seed0"
    assert same_state(state_of(folder), state_of(undisturbed))
    pd.testing.assert_frame_equal(read_run(folder).per_query, read_run(undisturbed).per_query)


def _train_in_double(rank, world, runs):
    """A run whose rounding is too small for Adam to magnify; the same in single precision depends on the processor."""
    single = torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    try:
        return train_run(small(), root=world, runs=runs)
    finally:
        torch.Tensor.float = single
        torch.set_default_dtype(torch.float32)


def test_two_processes_train_like_one(world, tmp_path):
    one = _train_in_double(0, world, tmp_path / "one")
    two_processes(_train_in_double, world, tmp_path / "two")
    folder = tmp_path / "two" / "market1501" / "all" / "seed0"
    expected, found = numbers(one.history), numbers(pd.read_csv(folder / "history.csv"))
    pd.testing.assert_frame_equal(found[expected.columns], expected, rtol=1e-9, check_dtype=False)
    ours, theirs = state_of(one.run.folder), state_of(folder)
    assert {value.dtype for value in ours.values() if value.is_floating_point()} == {torch.float64}
    for name in ours:
        torch.testing.assert_close(theirs[name], ours[name], rtol=0, atol=1e-9)
    pd.testing.assert_frame_equal(read_run(folder).per_query, one.run.per_query)


def test_a_loss_that_is_no_number_stops_with_its_circumstances(world, shared):
    with pytest.raises(TrainingDivergedError) as caught:
        train_run(small(stages__experts__learning_rate=1e30), root=world, runs=shared)
    message = str(caught.value)
    assert message.startswith("stage experts, epoch 1, step 2 of ")
    for part in ("learning rate 1e+30", "loss nan", "id ", "triplet ", "i2t "):
        assert part in message
    assert list((shared / "market1501" / "all").rglob("[!.]*.*")) == []


def shown_by_tensorboard(folder):
    """Step and value of every scalar as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def test_tensorboard_shows_every_epoch_once_after_an_interruption(world, shared, monkeypatch):
    config = small(runtime__tensorboard=True)
    save = loop.save_checkpoint

    def stop_before_saving(path, checkpoint):
        if checkpoint.epoch == 3:
            raise KeyboardInterrupt
        save(path, checkpoint)

    board = shared / "market1501" / "all" / "seed0" / "tensorboard" / "experts"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", stop_before_saving)
        with pytest.raises(KeyboardInterrupt):
            train_run(config, root=world, runs=shared)
    assert list(shown_by_tensorboard(board)["experts/loss"]) == [1, 2]
    for again in range(2):
        history = train_run(config, root=world, runs=shared).history.query("stage == 'experts'").set_index("epoch")
        shown = shown_by_tensorboard(board)
        assert shown.keys() == {f"experts/{name}" for name in history.dropna(axis=1).columns if name != "stage"}, again
        assert shown["experts/triplet"] == pytest.approx(history["triplet"].to_dict(), rel=1e-6)


def test_the_published_schedules():
    stages = make_config("paper").stages
    expected = {1: 1e-4, 89: 1e-4, 90: 1e-5, 109: 1e-5, 110: 1e-6, 120: 1e-6}
    rates = {epoch: 1e-4 * learning_rate_factor(stages.experts, epoch) for epoch in expected}
    assert rates == pytest.approx(expected)
    assert learning_rate_factor(stages.baseline, 1) == pytest.approx(0.19)
    assert [learning_rate_factor(stages.baseline, epoch) for epoch in (10, 30, 50)] == pytest.approx([1, 0.1, 0.01])
    assert 3.5e-4 * learning_rate_factor(stages.prompts, 120) == pytest.approx(1e-6)
    assert 3.5e-4 * learning_rate_factor(stages.prompts, 1) == pytest.approx(1e-5 + (3.5e-4 - 1e-5) / 5)


def test_experts_start_from_clip_and_from_fresh_heads(world, shared):
    outcome = train_run(small(experts__start="clip", experts__heads="fresh"), root=world, runs=shared)
    assert outcome.run.folder.parent.name == "all@heads=fresh,start=clip"
    clip = state_of(shared_folder(shared, dataset="market1501", seed=0), "pretrain")
    encoder = outcome.models.model.encoder.state_dict()
    assert all(torch.equal(value, clip[name]) for name, value in encoder.items())


def test_frozen_heads_are_the_baselines_to_the_last_statistic(world, shared):
    outcome = train_run(small(experts__heads="frozen"), root=world, runs=shared)
    baseline = state_of(shared_folder(shared, dataset="market1501", seed=0), "baseline")
    now = outcome.models.model.state_dict()
    assert all(torch.equal(now[name], baseline[name]) for name in baseline)
    assert outcome.parameters.set_index("part")["trained"].drop("experts").sum() == 0


def test_the_baseline_configuration_is_the_baseline(world, shared):
    outcome = train_run(small(experts__configuration="baseline"), root=world, runs=shared)
    assert "experts" not in outcome.history["stage"].unique()
    assert not (outcome.run.folder / "experts").exists()
    baseline = state_of(shared_folder(shared, dataset="market1501", seed=0), "baseline")
    assert same_state(outcome.models.model.state_dict(), baseline)


def test_shared_stages_are_reused_and_redone_when_their_settings_change(world, shared, capsys):
    folder = shared_folder(shared, dataset="market1501", seed=0)
    before = (folder / "baseline.pt").stat().st_mtime_ns
    train_shared(small(experts__configuration="hat", experts__rank=2), "baseline", root=world, runs=shared)
    assert (folder / "baseline.pt").stat().st_mtime_ns == before
    capsys.readouterr()
    history = train_shared(small(stages__baseline__epochs=1), "baseline", root=world, runs=shared)
    assert "of other settings (stages.baseline.epochs); the stage starts anew" in capsys.readouterr().out
    assert (history["stage"] == "baseline").sum() == 1
    assert load_checkpoint(folder / "baseline.pt", stage="baseline").settings["stages"]["baseline"]["epochs"] == 1


def test_a_checkpoint_of_clip_reid_stands_in_for_the_earlier_stages(world, finished, tmp_path):
    models = finished[1].models
    baseline = state_of(shared_folder(finished[0], dataset="market1501", seed=0), "baseline")
    prompts = state_of(shared_folder(finished[0], dataset="market1501", seed=0), "prompts")
    text = {name: getattr(models.clip, name) for name in ("positional_embedding", "text_projection")}
    text |= {f"transformer.{name}": value for name, value in models.clip.transformer.state_dict().items()}
    text |= {f"ln_final.{name}": value for name, value in models.clip.ln_final.state_dict().items()}
    state = {name.replace("encoder.visual.", "image_encoder."): value for name, value in baseline.items()}
    state |= {f"prompt_learner.{name}": value for name, value in prompts.items()}
    state |= {f"text_encoder.{name}": value for name, value in text.items()}
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "clip_reid.pth")
    config = small(model__clip_reid=str(tmp_path / "clip_reid.pth"))
    outcome = train_run(config, root=world, runs=tmp_path / "runs")
    assert outcome.history["stage"].unique().tolist() == ["experts"]
    ours, theirs = outcome.history["loss"], finished[1].history.query("stage == 'experts'")["loss"]
    assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-5)
    # It replaces both towers, so that nothing of OpenAI's is fetched (which would fail: there is no such "tiny").
    unfetched = small(model__clip_reid=str(tmp_path / "clip_reid.pth"), model__weights="openai")
    assert train_run(unfetched, root=world, runs=tmp_path / "unfetched").run.scores == outcome.run.scores
    del state["classifier.weight"]
    torch.save(state, tmp_path / "clip_reid.pth")
    with pytest.raises(InputError, match=r"1 missing: classifier.weight"):
        train_run(config, root=world, runs=tmp_path / "other")
    assert not (tmp_path / "other").exists()
