"""What a run will write, against what runs have written."""

import shutil
from types import SimpleNamespace

import pytest
from tiny_world import small, write_world

from mosaicreid.cli import main
from mosaicreid.config.parsing import format_settings
from mosaicreid.data.folders import read_dataset
from mosaicreid.errors import InputError
from mosaicreid.models.build import build_models
from mosaicreid.runs import shared_folder
from mosaicreid.training import loop
from mosaicreid.training.checkpoints import load_checkpoint, save_checkpoint
from mosaicreid.training.run import train_run
from mosaicreid.training.space import check_room, checkpoint_bytes, trained_parameters


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world") / "market")


@pytest.fixture(scope="module")
def finished(world, tmp_path_factory):
    """The runs folder of a finished run, and the bytes of its unfinished checkpoints by stage."""
    runs = tmp_path_factory.mktemp("finished")
    sizes = {}

    def save(path, checkpoint):
        save_checkpoint(path, checkpoint)
        if not checkpoint.done:
            sizes[checkpoint.stage] = path.stat().st_size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", save)
        train_run(small(stages__pretrain__epochs=2), root=world, runs=runs)
    return runs, sizes


def test_checkpoints_are_counted_with_their_moments_and_twice_while_one_is_replaced():
    assert checkpoint_bytes({}) == 0
    # One stage: the old file and the new one, each with the numbers and two moments.
    assert checkpoint_bytes({"pretrain": 10}) == 2 * 3 * 4 * 10
    assert checkpoint_bytes({"pretrain": 10, "baseline": 7}) == 2 * 3 * 4 * 10 + 4 * 7


def counts_of(config, identities=6):
    return trained_parameters(config, build_models(config, identities=identities, cameras=6), identities=identities)


def test_the_numbers_that_a_stage_trains_are_those_in_its_checkpoint(finished):
    counts = counts_of(small())
    for stage in ("pretrain", "prompts", "baseline", "experts"):
        folder = finished[0] / "market1501" / "all" / "seed0"
        folder = folder if stage == "experts" else shared_folder(finished[0], dataset="market1501", seed=0)
        path = folder / f"{stage}.pt"
        # Two moments beside the numbers, then none; settings, names and running statistics are the rest.
        assert 1 < path.stat().st_size / (4 * counts[stage]) < (1.6 if stage != "prompts" else 20)
        state = load_checkpoint(path, stage=stage).model
        beside = ("running_mean", "running_var", "token_prefix", "token_suffix")
        floats = sum(value.numel() for name, value in state.items() if not name.endswith(beside))
        assert 0 <= floats - counts[stage] <= 4
        assert 12 * counts[stage] < finished[1][stage] < 12.1 * counts[stage] + 60_000


@pytest.mark.parametrize(
    ("overrides", "stages"),
    [
        ({}, {"pretrain", "prompts", "baseline", "experts"}),
        ({"experts__configuration": "baseline"}, {"pretrain", "prompts", "baseline"}),
        ({"model__clip_reid": "some.pth"}, {"experts"}),
    ],
)
def test_only_stages_that_a_run_has_are_counted(overrides, stages):
    assert counts_of(small(**overrides)).keys() == stages


def test_frozen_heads_are_not_counted():
    counts = counts_of(small())["experts"], counts_of(small(experts__heads="frozen"))["experts"]
    assert counts[0] - counts[1] == 6 * (96 + 64) + 2 * (96 + 64)


def needed(config, world, runs, monkeypatch):
    """The bytes that a run asks for."""
    asked = []
    monkeypatch.setattr("mosaicreid.training.space.check_space", lambda needs: asked.append(sum(needs.values())))
    check_room(
        config,
        read_dataset(config.dataset, world),
        build_models(config, identities=6, cameras=6),
        runs=runs,
        cache=runs / "_cache",
    )
    return asked[0]


def test_a_run_asks_for_what_it_writes_and_again_for_what_is_missing(world, finished, tmp_path, monkeypatch):
    written = sum(path.stat().st_size for path in finished[0].rglob("*") if path.is_file())
    fresh = needed(small(), world, tmp_path, monkeypatch)
    # Above it by the room in which checkpoints replace each other and by that of pages, which are not written here.
    assert written < fresh < 6 * written + 2**23
    runs = shutil.copytree(finished[0], tmp_path / "runs")
    complete = needed(small(), world, runs, monkeypatch)
    assert complete < 2**23
    shutil.rmtree(runs / "_cache")
    pixels = 3 * (24 + 6 + 18) * 32 * 16
    assert needed(small(), world, runs, monkeypatch) == complete + pixels
    (runs / "market1501" / "all" / "seed0" / "experts.pt").unlink()
    count = counts_of(small())["experts"]
    experts = 4 * 2 * 4 * 96 * len(small().schema.experts)
    assert needed(small(), world, runs, monkeypatch) == complete + pixels + 24 * count + 4 * experts


def test_a_full_disk_is_refused_before_anything_is_written(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(InputError, match=r"this needs [0-9,]{9,} bytes .* the disk has 1,000,000 free .*; free some"):
        train_run(small(), root=world, runs=tmp_path / "runs")
    command = ["train", "experts", "--dataset", "market1501", "--root", str(world), "--runs", str(tmp_path / "runs")]
    assert main([*command, "--set", format_settings({"data.height": 32, "data.width": 16})]) == 2
    error = capsys.readouterr().err
    assert error.startswith("mosaicreid: error: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
