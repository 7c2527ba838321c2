"""Fixtures of the tests that hold training against a plain writing of it."""

import gc

import pytest
import torch


@pytest.fixture
def double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objectives take their features to single precision at least; rounding must not decide, so it is double here."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture
def quick_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accelerate collects garbage after every stage, which takes longer than a stage as small as these."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
