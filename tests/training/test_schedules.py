"""Schedules against CLIP-ReID's published factors and timm's cosine."""

import numpy as np
import pytest
import torch
from timm.scheduler import CosineLRScheduler

from mosaicreid.training.schedules import cosine, multistep


def test_stage2_equals_reference(reference_values: dict) -> None:
    factors = [multistep(epoch, milestones=(30, 50), warmup_epochs=10) for epoch in range(1, 61)]
    np.testing.assert_allclose(factors, reference_values["stage2_lr_factor_epoch_1_to_60"], rtol=1e-12)


def test_experts_decay_at_90_and_110() -> None:
    factors = [multistep(epoch, milestones=(90, 110)) for epoch in range(1, 121)]
    np.testing.assert_allclose(factors, [1.0] * 89 + [0.1] * 20 + [0.01] * 11, rtol=1e-12)


@pytest.mark.parametrize("warmup_epochs", [0, 5])
def test_stage1_equals_timm(warmup_epochs: int) -> None:
    rate, end, start = 3.5e-4, 1e-6, 1e-5
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler = CosineLRScheduler(
        optimiser, t_initial=120, lr_min=end, warmup_lr_init=start, warmup_t=warmup_epochs, cycle_limit=1
    )
    for epoch in range(1, 122):
        scheduler.step(epoch)
        factor = cosine(
            epoch, epochs=120, end_factor=end / rate, warmup_epochs=warmup_epochs, warmup_factor=start / rate
        )
        assert rate * factor == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)
