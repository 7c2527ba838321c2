"""From settings to modules: architecture, weights, seeds of what is new, and where heads come from."""

import torch
from torch import Tensor
from training_reference import seed_torch

from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.models.build import HEADS, Models, build_models, build_router

SMALL = {"data.height": 16, "data.width": 8, "experts.configuration": "hat+gender", "experts.rank": 2}


def config_of(**overrides: object) -> Config:
    return make_config("tiny", SMALL | {name.replace("__", "."): value for name, value in overrides.items()})


def build(**overrides: object) -> Models:
    return build_models(config_of(**overrides), identities=7, cameras=5)


def tensors(models: Models) -> dict[str, Tensor]:
    """Every tensor of a run by where it is."""
    modules = {"clip": models.clip, "baseline": models.baseline, "model": models.model}
    return {f"{part}.{name}": value for part, module in modules.items() for name, value in module.state_dict().items()}


def random_names(models: Models) -> set[str]:
    """What starts at random: more than a constant."""
    return {name for name, value in tensors(models).items() if value.numel() > 1 and value.float().std() > 0}


def equal_names(one: Models, other: Models) -> set[str]:
    ours, theirs = tensors(one), tensors(other)
    return {name for name in ours if name in theirs and torch.equal(ours[name], theirs[name])}


def test_a_seed_repeats_and_another_changes_all_that_is_random():
    one, again, other = build(seed=3), build(seed=3), build(seed=4)
    assert equal_names(one, again) == set(tensors(one))
    drawn = random_names(one)
    assert {name.rpartition(".")[2] for name in drawn} >= {"lora_a", "class_embedding", "proj", "text_projection"}
    assert {f"{part}.{head}.weight" for part in ("baseline", "model") for head in HEADS[2:]} <= drawn
    # Of what is random only the mask of the text tower is the same for all.
    assert drawn & equal_names(one, other) <= {"clip.attn_mask"}


def test_every_stage_draws_from_its_own_seed():
    one = build()
    # Another encoder, or other experts, leave the draws of the rest as they were.
    heads = {f"{part}.{head}.weight" for part in ("baseline", "model") for head in HEADS}
    experts = {name for name in tensors(one) if name.startswith("model.experts.")}
    assert heads - {"model.classifier.weight", "model.classifier_proj.weight"} <= equal_names(
        one, build(experts__rank=3)
    )
    assert heads | experts <= equal_names(one, build(model__stride=4))
    encoder = {name for name in tensors(one) if name.startswith(("clip.", "baseline.encoder."))}
    assert encoder <= equal_names(one, build(experts__configuration="all", experts__last_k=1))


def test_heads_and_experts_start_from_the_draws_of_their_stage():
    models = build(seed=6)
    seed_torch(6, 2)
    for name, width in (("classifier", 96), ("classifier_proj", 64)):
        drawn = torch.nn.Linear(width, 7, bias=False).weight.detach().normal_(std=0.001)
        assert torch.equal(getattr(models.baseline, name).weight, drawn)
    seed_torch(6, 3)
    for layer in models.model.experts.layers:
        assert torch.equal(layer.lora_a, torch.empty(3, 2, 96).uniform_(-(96**-0.5), 96**-0.5))
        assert not layer.lora_b.any()


def test_both_models_stand_on_one_encoder():
    models = build()
    assert models.model.encoder is models.baseline.encoder
    assert models.model.encoder.visual is models.clip.visual
    assert models.baseline.experts is None
    assert models.model.experts.names == models.router.experts == ("gender=male", "gender=female", "hat=yes")
    assert models.model.classifier is not models.baseline.classifier


def test_without_an_attribute_the_model_is_the_baseline():
    models = build(experts__configuration="baseline")
    assert models.model is models.baseline
    assert models.router is None


def test_experts_have_the_options_of_the_settings():
    config = config_of(experts__dropout=0.25, experts__pooling="max", experts__last_k=3, experts__alpha=5.0)
    models = build_models(config, identities=7, cameras=5)
    assert models.model.experts.options == config.experts
    assert [layer.dropout.p for layer in models.model.experts.layers] == [0.25] * 3
    assert [layer.scale for layer in models.model.experts.layers] == [2.5] * 3
    assert models.model.split == 1


def test_the_router_has_the_policies_of_the_settings():
    for two_labels in ("both", "first"):
        for unannotated in ("none", "every"):
            router = build_router(config_of(experts__two_labels=two_labels, experts__unannotated=unannotated))
            assert (router.two_labels, router.unannotated) == (two_labels, unannotated)


def test_the_architecture_and_its_stride_are_those_asked_for():
    assert build(model__stride=8).clip.visual.positional_embedding.shape == (3, 96)
    overlapping = build(model__stride=2).clip.visual
    assert overlapping.positional_embedding.shape == (1 + 5 * 1, 96)
    assert overlapping.conv1.stride == (2, 2)
    with torch.device("meta"):
        paper = {"data__height": 256, "data__width": 128, "model__stride": 16, "experts__last_k": 12}
        large = build(**paper, model__architecture="ViT-B-16-quickgelu")
    assert large.clip.visual.positional_embedding.shape == (129, 768)
    assert len(large.model.experts.layers) == 12
    assert large.model.classifier.weight.shape == (7, 768)


def test_weights_of_a_file_are_in_the_model(tmp_path):
    source = build(seed=9)
    torch.save(source.clip.state_dict(), tmp_path / "clip.pt")
    models = build(model__weights=str(tmp_path / "clip.pt"))
    assert {name for name in tensors(source) if name.startswith("clip.")} <= equal_names(source, models)
    assert "clip.visual.proj" not in equal_names(source, build())
    # What no file holds is drawn as ever.
    assert "baseline.classifier.weight" in equal_names(models, build())


def test_cameras_are_embedded_where_they_have_a_coefficient():
    assert build().baseline.encoder.camera_embedding is None
    encoder = build(model__camera_embedding=1.5).baseline.encoder
    assert encoder.camera_embedding.shape == (5, 96)
    assert encoder.camera_coefficient == 1.5
