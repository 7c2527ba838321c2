"""What training refuses: one clear line, before anything is written."""

import shutil

import pytest
import torch
from tiny_world import SMALL, small, write_world

from mosaicreid.cli import main
from mosaicreid.config.parsing import format_settings
from mosaicreid.config.profiles import make_config
from mosaicreid.errors import InputError
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.run import train_run
from mosaicreid.training.shared import train_shared


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("world") / "market")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"experts.last_k": 5}, "experts in the last 5 blocks; the encoder has 4"),
        ({"experts.rank": 97}, "rank is 97; expected 1 to the encoder's width, 96"),
        ({"data.batch_size": 16}, "a batch takes 8 identities, but there are 6"),
        ({"model.architecture": "resnet50x"}, "unknown architecture 'resnet50x'"),
        ({"model.weights": "nowhere.pt"}, "no weights at nowhere.pt"),
        ({"model.clip_reid": "nowhere.pth"}, "no weights at nowhere.pth"),
        ({"runtime.precision": "fp16"}, "precision 'fp16'"),
        ({"model.clip_reid": "some.pth", "experts.start": "clip"}, "experts.start is 'clip' and model.clip_reid"),
        ({"data.dataset": "dukemtmc"}, "not an image name of dukemtmc|written for|says the folder is like market1501"),
    ],
)
def test_bad_settings_leave_no_folder(world, tmp_path, overrides, message):
    with pytest.raises(InputError, match=message) as caught:
        train_run(make_config("tiny", SMALL | overrides), root=world, runs=tmp_path / "runs")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_refused_precision_does_not_outlive_its_run():
    for precision in ("no", "bf16", "no"):
        with pytest.raises(InputError, match="precision 'fp16'"):
            make_accelerator(small(runtime__precision="fp16").runtime)
        assert make_accelerator(small(runtime__precision=precision).runtime).mixed_precision == precision


def test_weights_of_another_shape_are_named(world, tmp_path):
    torch.save({"visual.proj": torch.zeros(7, 7)}, tmp_path / "clip.pt")
    config = make_config("tiny", SMALL | {"model.weights": str(tmp_path / "clip.pt")})
    with pytest.raises(InputError, match=r"visual.proj \(7, 7\), expected \(96, 64\)"):
        train_run(config, root=world, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_root_without_images_or_annotation_leaves_no_folder(world, tmp_path):
    with pytest.raises(InputError, match="no folder"):
        train_run(small(), root=tmp_path / "empty", runs=tmp_path / "runs")
    shutil.copytree(world, tmp_path / "bare")
    (tmp_path / "bare" / "market_attribute.mat").unlink()
    with pytest.raises(InputError, match="has no annotation"):
        train_run(small(), root=tmp_path / "bare", runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.filterwarnings("ignore:market1501 at")
@pytest.mark.parametrize(
    ("folder", "part"), [("bounding_box_train", "train"), ("query", "query"), ("bounding_box_test", "gallery")]
)
def test_a_folder_without_images_is_named(world, tmp_path, folder, part):
    shutil.copytree(world, tmp_path / "partly")
    for image in (tmp_path / "partly" / folder).iterdir():
        image.unlink()
    with pytest.raises(InputError, match=rf"partly .*no images (for|in) {part}; expected some"):
        train_run(small(), root=tmp_path / "partly", runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_test_image_that_cannot_be_read_stops_a_run_before_it_trains(world, tmp_path):
    shutil.copytree(world, tmp_path / "broken")
    next((tmp_path / "broken" / "query").iterdir()).write_text("no image")
    with pytest.raises(InputError, match="cannot read the image"):
        train_run(small(), root=tmp_path / "broken", runs=tmp_path / "runs")
    assert not (tmp_path / "runs" / "market1501").exists()


def test_an_unknown_shared_stage_is_refused(world, tmp_path):
    with pytest.raises(InputError, match="unknown shared stage 'experts'; expected one of: pretrain"):
        train_shared(small(), "experts", root=world, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_command_line_says_what_is_wrong_in_one_line(world, tmp_path, capsys):
    command = ["train", "experts", "--dataset", "market1501", "--root", str(world), "--runs", str(tmp_path / "runs")]
    for wrong, message in (
        (["--set", "experts.rank=0"], "rank is 0; expected a number above 0"),
        (["--configuration", "hat+glasses"], "'glasses' is neither an attribute nor a cluster of market1501"),
        (["--configuration", "boots"], "'boots' is neither an attribute nor a cluster of market1501"),
        (["--profile", "huge"], "unknown profile 'huge'; expected one of: paper, tiny"),
        (["--set", "experts.last_k=9"], "experts in the last 9 blocks; the encoder has 4"),
    ):
        assert main([*command, *wrong]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_command_line_says_in_one_line_where_a_loss_went_wrong(world, tmp_path, capsys):
    settings = format_settings(SMALL | {"stages.pretrain.learning_rate": 1e30, "stages.pretrain.schedule": "step"})
    command = ["train", "experts", "--dataset", "market1501", "--root", str(world), "--runs", str(tmp_path / "runs")]
    assert main([*command, "--set", settings]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("mosaicreid: error: stage pretrain, epoch 1, step 2 of 3, learning rate 1e+30: loss ")
    assert list((tmp_path / "runs" / "market1501").rglob("[!.]*.*")) == []


def test_the_command_line_runs_the_stages_up_to_one(world, tmp_path, capsys):
    settings = format_settings(SMALL)
    command = ["train", "prompts", "--dataset", "market1501", "--root", str(world), "--runs", str(tmp_path / "runs")]
    assert main([*command, "--set", settings]) == 0
    assert "stage prompts: epochs 1 to 2" in capsys.readouterr().out
    shared = tmp_path / "runs" / "market1501" / "_shared" / "seed0"
    assert {file.name for file in shared.glob("[!.]*")} == {"pretrain.pt", "prompts.pt"}


@pytest.mark.filterwarnings("ignore:market1501 at")
def test_what_evaluation_would_refuse_is_refused_before_training(world, tmp_path):
    shutil.copytree(world, tmp_path / "junk")
    query = next((tmp_path / "junk" / "query").iterdir())
    query.rename(query.with_name("-1" + query.name[4:]))
    with pytest.raises(InputError, match="junk could not be evaluated after training: 1 queries are junk"):
        train_run(small(), root=tmp_path / "junk", runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
