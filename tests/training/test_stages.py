"""Every stage against a plain writing of it: losses, gradients, updates, rates and seeds, in double precision."""

import math

import pytest
import torch
from stage_cases import STAGES, Ran, config_of, run
from stage_reference import expected, names_that_train
from training_reference import batch_hard

from mosaicreid.config.settings import Config
from mosaicreid.losses import triplet_loss
from mosaicreid.models.build import HEADS, build_models
from mosaicreid.models.reid import ReidModel
from mosaicreid.training.stages import prepare_heads

pytestmark = pytest.mark.usefixtures("double_precision", "quick_collections")

# All that an optimiser and a schedule have, changed at once; every stage has each of them, whichever is its own.
STEPS = {
    "epochs": 3,
    "schedule": "step",
    "milestones": [2, 3],
    "decay": 0.4,
    "bias_factor": 3.0,
    "optimiser": "adamw",
    "weight_decay": 0.3,
    "learning_rate": 4e-3,
}
COSINE = {
    "epochs": 3,
    "schedule": "cosine",
    "final_learning_rate": 2e-3,
    "warmup_epochs": 2,
    "warmup_factor": 0.4,
    "bias_factor": 0.5,
    "optimiser": "adam",
    "weight_decay": 0.1,
    "learning_rate": 5e-3,
}


def check(stage: str, config: Config, ran: Ran) -> None:
    """History, and every tensor afterwards: those that train as by the reference, the others to the bit as before."""
    history, state = expected(stage, config, ran.before)
    assert ran.history["stage"].tolist() == [stage] * len(history)
    assert set(history[0]) == set(ran.history) - {"stage", "seconds", "cpu_seconds", "images_per_second"}
    for name in history[0]:
        assert ran.history[name].tolist() == pytest.approx([row[name] for row in history], rel=1e-9), name
    trained = names_that_train(stage, config, ran.before)
    for name, value in ran.after.items():
        assert torch.allclose(value, state[name], rtol=1e-9, atol=1e-8), name
        statistics = name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        if name in ran.before and not (name in trained or statistics):
            assert torch.equal(value, ran.before[name]), name
    changed = {name for name in trained if name not in ran.before or not torch.equal(ran.after[name], ran.before[name])}
    assert changed == set(trained)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("settings", [{}, STEPS, COSINE], ids=["as they are", "steps", "cosine"])
def test_a_stage_is_the_papers(stage, settings, tmp_path):
    config = config_of(**{f"stages__{stage}__{name}": value for name, value in settings.items()})
    check(stage, config, run(stage, config, tmp_path))


@pytest.mark.parametrize("stage", STAGES)
def test_another_seed_changes_batches_images_dropout_and_new_tokens(stage, tmp_path):
    config = config_of(seed=5)
    ran = run(stage, config, tmp_path)
    check(stage, config, ran)
    again = run(stage, config, tmp_path / "again")
    assert again.history.drop(columns=["seconds", "cpu_seconds", "images_per_second"]).equals(
        ran.history.drop(columns=["seconds", "cpu_seconds", "images_per_second"])
    )
    assert all(torch.equal(again.after[name], value) for name, value in ran.after.items())


def test_a_temperature_beyond_clips_bound_is_held_there(tmp_path):
    def heat(models):
        with torch.no_grad():
            models.clip.logit_scale.fill_(math.log(130))

    config = config_of(stages__pretrain__epochs=1)
    ran = run("pretrain", config, tmp_path, heat)
    history, state = expected("pretrain", config, ran.before)
    assert ran.history["loss"].tolist() == pytest.approx([row["loss"] for row in history], rel=1e-9)
    # Held at 100 it gets no gradient, so that weight decay alone moves it, in both steps.
    assert ran.after["logit_scale"].item() == pytest.approx(state["logit_scale"].item(), rel=1e-12)
    settings = config.stages.pretrain
    rate = settings.final_learning_rate
    assert ran.after["logit_scale"].item() == pytest.approx(math.log(130) * (1 - rate * settings.weight_decay) ** 2)


def test_the_hinge_on_either_side():
    features = torch.randn(8, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = torch.arange(8) // 2
    for margin in (-2.0, 0.0, 0.3, 3.0):
        assert triplet_loss(features, labels, margin=margin).item() == pytest.approx(
            batch_hard(features, labels, margin).item()
        )


@pytest.mark.parametrize("stage", STAGES)
def test_a_row_of_the_history_counts_the_images_of_its_batches(stage, tmp_path):
    config = config_of(**{f"stages__{stage}__epochs": 1})
    row = run(stage, config, tmp_path).history.iloc[0]
    assert row["images_per_second"] * row["seconds"] == pytest.approx(16)


def test_frozen_heads_neither_learn_nor_look_at_the_batch(tmp_path):
    config = config_of(experts__heads="frozen")
    ran = run("experts", config, tmp_path)
    check("experts", config, ran)
    for name in ("bottleneck.running_mean", "bottleneck_proj.running_var", "classifier.weight", "bottleneck.weight"):
        assert torch.equal(ran.after[name], ran.before[name])


@pytest.mark.parametrize("stage", STAGES)
def test_a_checkpoint_holds_what_was_trained(stage, tmp_path):
    config = config_of(**{f"stages__{stage}__epochs": 1})
    ran = run(stage, config, tmp_path)
    content = torch.load(ran.checkpoint, weights_only=True)
    assert (content["stage"], content["epoch"], content["done"]) == (stage, 1, True)
    for name, value in content["model"].items():
        if name in ran.after:
            assert torch.equal(value, ran.after[name]), name
    assert set(names_that_train(stage, config, ran.before)) <= set(content["model"])
    assert content["optimiser"] is None


@pytest.mark.parametrize(("heads", "copied"), [("baseline", True), ("frozen", True), ("fresh", False)])
def test_heads_are_the_baselines_unless_they_are_to_be_fresh(heads, copied):
    config = config_of(experts__heads=heads)
    models = build_models(config, identities=7, cameras=5)
    with torch.no_grad():
        for name in HEADS:
            for value in getattr(models.baseline, name).state_dict().values():
                value.copy_(torch.full_like(value, 3))
    before = {name: value.clone() for name, value in models.model.state_dict().items()}
    prepare_heads(config.experts, models)
    for name, value in models.model.state_dict().items():
        head = name.startswith(HEADS)
        assert torch.equal(value, torch.full_like(value, 3) if head and copied else before[name]), name
    assert isinstance(models.model, ReidModel)
