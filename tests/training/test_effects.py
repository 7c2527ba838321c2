"""Every setting has the effect that it must have, and no other: one setting changed at a time."""

import dataclasses
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from setting_names import names_of
from stage_cases import STAGES, Ran, config_of, run
from stage_reference import expected

from mosaicreid.config.settings import Config, ExpertConfig, StageConfig

pytestmark = pytest.mark.usefixtures("double_precision", "quick_collections")

STEPS = {"schedule": "step", "milestones": [1], "decay": 0.5, "warmup_epochs": 0}
COSINE = {"schedule": "cosine", "warmup_epochs": 0}
HEADS, AUGMENTED = ("baseline", "experts"), ("pretrain", "baseline", "experts")
# A stage's settings: what they are changed from, what to, and the stages whose numbers must follow.
OF_A_STAGE = {
    "epochs": ({}, 2, STAGES),
    "learning_rate": (STEPS, 7e-3, STAGES),
    "optimiser": ({"optimiser": "adam"}, "adamw", STAGES),
    "weight_decay": ({}, 0.1, STAGES),
    # An identity's four tokens have no bias, nor have experts, nor heads one that learns.
    "bias_factor": ({"bias_factor": 1.0}, 4.0, ("pretrain", "baseline")),
    "schedule": (STEPS, "cosine", STAGES),
    "milestones": (STEPS, [2], STAGES),
    "decay": (STEPS, 0.7, STAGES),
    "final_learning_rate": (COSINE, 9e-4, STAGES),
    "warmup_epochs": ({"warmup_epochs": 0}, 3, STAGES),
    "warmup_factor": ({"warmup_epochs": 3}, 0.8, STAGES),
    "id_weight": ({}, 0.1, HEADS),
    "triplet_weight": ({}, 0.1, HEADS),
    "i2t_weight": ({}, 0.1, HEADS),
    "i2t_similarity": ({}, "cosine", HEADS),
    "triplet_margin": ({}, 0.05, HEADS),
    "label_smoothing": ({}, 0.3, HEADS),
}
# The data's, by the reference: what they are changed to, and the stages whose numbers must follow.
OF_THE_DATA = {
    "height": (24, STAGES),
    "width": (16, STAGES),
    "batch_size": (4, STAGES),
    "num_instances": (4, HEADS),
    "flip": (0.0, AUGMENTED),
    "padding": (1, AUGMENTED),
    "erasing": (0.0, AUGMENTED),
    "evaluation_batch_size": (3, ()),
    "workers": (3, ()),
}
OF_THE_EXPERTS = {
    "configuration": "hat",
    "last_k": 3,
    "rank": 3,
    "alpha": 1.0,
    "dropout": 0.0,
    "pooling": "max",
    "token_reduction": "max",
    "injection": "cls",
    "heads": "frozen",
    "two_labels": "first",
    "unannotated": "every",
    "ffn": "replaced",
}
# Settings of what surrounds the stages, and the test that shows their effect.
ELSEWHERE = {
    "profile": "config/test_settings.py::test_the_paper_profile_is_the_published_training",
    "seed": "training/test_stages.py::test_another_seed_changes_batches_images_dropout_and_new_tokens",
    "data.dataset": "training/test_refusals.py::test_bad_settings_leave_no_folder",
    "model.architecture": "models/test_build.py::test_the_architecture_and_its_stride_are_those_asked_for",
    "model.stride": "models/test_build.py::test_the_architecture_and_its_stride_are_those_asked_for",
    "model.text": "training/test_other_backbones.py::test_a_text_tower_that_is_missing_is_one_line",
    "model.weights": "models/test_build.py::test_weights_of_a_file_are_in_the_model",
    "model.clip_reid": "training/test_run.py::test_a_checkpoint_of_clip_reid_stands_in_for_the_earlier_stages",
    "model.camera_embedding": "training/test_effects.py::test_cameras_are_seen_by_the_coefficient",
    "experts.routing": "training/test_controls.py::test_the_router_gets_the_labels_that_are_asked_for",
    "experts.longer": "training/test_controls.py::test_a_baseline_trains_on_for_as_long_as_experts_do",
    "named": "training/test_controls.py::test_a_run_is_named_after_what_is_said_to_differ",
    "experts.start": "training/test_run.py::test_experts_start_from_clip_and_from_fresh_heads",
    "runtime.precision": "training/test_runtime.py::test_half_precision_is_close_and_not_the_same",
    "runtime.compile": "training/test_runtime.py::test_the_features_are_compiled_where_asked_for",
    "runtime.threads": "training/test_runtime.py::test_threads_are_torchs_and_nought_leaves_them",
    "runtime.device": "training/test_runtime.py::test_the_device_is_the_cpu_where_asked_for_or_alone",
    "runtime.tensorboard": "training/test_run.py::test_tensorboard_shows_every_epoch_once_after_an_interruption",
}
ONE_EPOCH = {f"stages__{stage}__epochs": 1 for stage in STAGES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("effects")


@pytest.fixture
def ran(folder, double_precision, quick_collections):
    """A stage's numbers under some settings, computed once."""
    return lambda stage, **overrides: _ran(folder, stage, tuple((n, _frozen(v)) for n, v in sorted(overrides.items())))


@cache
def _ran(folder: Path, stage: str, overrides: tuple) -> Ran:
    config = config_of(**ONE_EPOCH | {name: list(v) if isinstance(v, tuple) else v for name, v in overrides})
    return run(stage, config, Path(mkdtemp(dir=folder)))


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def same(one: Ran, other: Ran) -> bool:
    """Whether losses and tensors are equal; a sum over another batch may differ in its last digits."""
    if len(one.history) != len(other.history) or one.after.keys() != other.after.keys():
        return False
    losses = [
        torch.from_numpy(each.history.filter(items=["loss", "learning_rate"]).to_numpy()) for each in (one, other)
    ]
    pairs = [losses, *((value, other.after[name]) for name, value in one.after.items())]
    return all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-11, atol=1e-9) for a, b in pairs)


def check(stage: str, overrides: dict, ran: Ran) -> None:
    """Losses and tensors are those of the reference."""
    history, state = expected(stage, config_of(**ONE_EPOCH | overrides), ran.before)
    assert ran.history["loss"].tolist() == pytest.approx([row["loss"] for row in history], rel=1e-9)
    assert ran.history["learning_rate"].tolist() == pytest.approx([row["learning_rate"] for row in history])
    assert all(torch.allclose(value, state[name], rtol=1e-9, atol=1e-8) for name, value in ran.after.items())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", OF_A_STAGE)
def test_a_stages_own_setting(ran, stage, name):
    base, value, affected = OF_A_STAGE[name]
    before = {f"stages__{stage}__{key}": part for key, part in base.items()}
    after = before | {f"stages__{stage}__{name}": value}
    assert same(ran(stage, **before), ran(stage, **after)) != (stage in affected)
    check(stage, after, ran(stage, **after))


@pytest.mark.parametrize("stage", STAGES)
def test_another_stages_settings_change_nothing(ran, stage):
    others = {f"stages__{other}__learning_rate": 0.5 for other in STAGES if other != stage}
    others |= {
        f"stages__{other}__{name}": 0.05 for other in STAGES if other != stage for name in ("triplet_margin", "decay")
    }
    assert same(ran(stage), ran(stage, **others))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", OF_THE_DATA)
def test_a_setting_of_the_data(ran, stage, name):
    value, affected = OF_THE_DATA[name]
    changed = ran(stage, **{f"data__{name}": value})
    assert same(ran(stage), changed) != (stage in affected)
    check(stage, {f"data__{name}": value}, changed)


@pytest.mark.parametrize("name", OF_THE_EXPERTS)
def test_a_setting_of_the_experts(ran, name):
    overrides = {f"experts__{name}": OF_THE_EXPERTS[name]}
    changed = ran("experts", **overrides)
    assert not same(ran("experts"), changed)
    check("experts", overrides, changed)


def test_settings_of_the_experts_change_no_stage_before_them(ran):
    overrides = {f"experts__{name}": value for name, value in OF_THE_EXPERTS.items()}
    for stage in ("pretrain", "prompts", "baseline"):
        assert same(ran(stage), ran(stage, **overrides))


def test_cameras_are_seen_by_the_coefficient(ran):
    for stage in HEADS:
        assert not same(ran(stage), ran(stage, model__camera_embedding=0.2))
    without = ran("baseline", model__camera_embedding=0.0)
    assert "encoder.camera_embedding" not in without.after
    check("baseline", {"model__camera_embedding": 0.0}, without)


def test_no_setting_is_left_out():
    covered = {f"stages.{stage}.{name}" for stage in STAGES for name in OF_A_STAGE}
    covered |= (
        {f"data.{name}" for name in OF_THE_DATA} | {f"experts.{name}" for name in OF_THE_EXPERTS} | set(ELSEWHERE)
    )
    assert covered == names_of(Config())
    for place in ELSEWHERE.values():
        file, test = place.split("::")
        assert f"\ndef {test}(" in (Path(__file__).parents[1] / file).read_text()
    assert {field.name for field in dataclasses.fields(StageConfig)} == set(OF_A_STAGE)
    assert {field.name for field in dataclasses.fields(ExpertConfig)} - {"start", "routing", "longer"} == set(
        OF_THE_EXPERTS
    )
