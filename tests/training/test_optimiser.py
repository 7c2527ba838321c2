"""Which parameters learn and at which rate, by their names."""

import pytest
import torch
from stage_cases import config_of
from torch import nn

from mosaicreid.config.settings import StageConfig
from mosaicreid.models.build import HEADS, Models, build_models
from mosaicreid.training.optimiser import count_parameters, fingerprint, make_optimiser, train_only


@pytest.fixture
def models() -> Models:
    return build_models(config_of(), identities=5, cameras=3)


def settings_of(**changes: object) -> StageConfig:
    return StageConfig(**{"epochs": 1, "learning_rate": 0.01, "bias_factor": 3.0, "weight_decay": 0.2} | changes)


def rates(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, tuple[float, float, float]]:
    """Rate, base rate and weight decay of every parameter that the optimiser has, by name."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["base_rate"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }


def test_biases_have_their_own_rate_and_all_the_same_decay(models):
    train_only(models.baseline, models.baseline)
    found = rates(models.baseline, make_optimiser(models.baseline, settings_of()))
    for name, values in found.items():
        assert values == pytest.approx((0.03, 0.03, 0.2) if name.endswith("bias") else (0.01, 0.01, 0.2)), name
    learning = {name for name, parameter in models.baseline.named_parameters() if parameter.requires_grad}
    assert set(found) == learning
    last = "encoder.visual.transformer.resblocks.3."
    ends = ("attn.in_proj_bias", "attn.out_proj.bias", "mlp.c_fc.bias", "mlp.c_proj.bias", "ln_1.bias", "ln_2.bias")
    assert {f"{last}{end}" for end in ends} == {name for name in found if name.startswith(last) and "bias" in name}
    assert "encoder.visual.conv1.weight" in found
    assert not {"bottleneck.bias", "bottleneck_proj.bias"} & set(found)


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_optimiser_is_the_one_asked_for(models, name, kind):
    optimiser = make_optimiser(models.clip, settings_of(optimiser=name))
    assert type(optimiser) is kind
    assert optimiser.defaults["betas"] == (0.9, 0.999)
    assert optimiser.defaults["eps"] == 1e-8
    assert not optimiser.defaults["amsgrad"]


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_decay_is_in_the_gradient_or_in_the_weight(name):
    module = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(2.0)
    optimiser = make_optimiser(module, settings_of(optimiser=name))
    (module.weight * 1e-4).sum().backward()
    optimiser.step()
    # Adam's first step is the rate, whatever the gradient; AdamW's, that and the decay.
    expected = 2 - 0.01 if name == "adam" else 2 * (1 - 0.01 * 0.2) - 0.01
    assert module.weight.item() == pytest.approx(expected, rel=1e-5)


def test_only_what_is_trained_learns_and_no_necks_bias(models):
    heads = nn.ModuleDict({name: getattr(models.model, name) for name in ("experts", *HEADS)})
    models.model.requires_grad_(True)
    train_only(models.model, heads)
    learning = {name for name, parameter in models.model.named_parameters() if parameter.requires_grad}
    expected = {name for name, _ in models.model.named_parameters() if name.startswith(("experts.", *HEADS))}
    assert learning == expected - {"bottleneck.bias", "bottleneck_proj.bias"}
    train_only(models.model, models.model.experts)
    learning = {name.partition(".")[0] for name, p in models.model.named_parameters() if p.requires_grad}
    assert learning == {"experts"}


def test_parameters_are_counted_by_part(models):
    train_only(models.model, models.model.experts)
    table = count_parameters(models.model).set_index("part")
    assert list(table.columns) == ["trained", "frozen"]
    rank, width, joint, experts, people = 2, 96, 64, 11, 5
    assert table["trained"].to_dict() == {"encoder": 0, "experts": 2 * 2 * rank * width * experts} | dict.fromkeys(
        HEADS, 0
    )
    frozen = {"bottleneck": 2 * width, "bottleneck_proj": 2 * joint}
    frozen |= {"classifier": people * width, "classifier_proj": people * joint, "experts": 0}
    assert table["frozen"].drop("encoder").to_dict() == frozen
    assert table["frozen"]["encoder"] == sum(p.numel() for p in models.model.encoder.parameters())


def test_a_fingerprint_sees_the_smallest_change_and_the_order():
    one, two = torch.zeros(3), torch.ones(2)
    same = fingerprint([one, two])
    assert fingerprint([one.clone(), two.clone()]) == same
    assert fingerprint([two, one]) != same
    changed = one.clone()
    changed[2] = 1e-45
    assert fingerprint([changed, two]) != same
    assert fingerprint([one]) != same
