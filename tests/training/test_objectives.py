"""What an objective does beside its losses: modes of its parts, and what it holds."""

import torch
from stage_cases import config_of

from mosaicreid.models.build import HEADS, build_models
from mosaicreid.training.objectives import Reidentification
from mosaicreid.training.optimiser import train_only


def make(**overrides: object) -> Reidentification:
    models = build_models(config_of(**overrides), identities=5, cameras=3)
    return Reidentification(
        models.model, models.router, torch.zeros(5, 64), margin=0.3, smoothing=0.1, similarity="dot", compiled=False
    )


def modes(objective: Reidentification) -> dict[str, bool]:
    return {name: module.training for name, module in objective.named_modules()}


def test_all_parts_change_their_mode_together():
    objective = make()
    for mode in (False, True, False):
        assert objective.train(mode) is objective
        assert set(modes(objective).values()) == {mode}
    assert any(name.endswith("layers.0.dropout") for name in modes(objective))


def test_necks_that_do_not_learn_stay_in_evaluation():
    objective = make()
    train_only(objective, objective.model.experts)
    objective.train()
    still = {name for name, training in modes(objective).items() if not training}
    assert still == {f"model.{name}" for name in HEADS[:2]}
    objective.eval()
    assert set(modes(objective).values()) == {False}


def test_texts_move_with_the_objective_and_are_no_part_of_its_state():
    objective = make()
    assert "texts" not in objective.state_dict()
    assert objective.double().texts.dtype == torch.float64
