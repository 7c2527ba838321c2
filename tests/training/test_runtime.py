"""How a run is computed: precision, compilation, threads and device as the settings say."""

import getpass
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import accelerate
import pytest
import torch
from stage_cases import Ran, config_of, run

from mosaicreid.training import objectives
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.session import name_caches_without_user

pytestmark = pytest.mark.usefixtures("quick_collections")


def single(models) -> None:
    for module in (models.clip, models.baseline, models.model):
        module.float()


def test_half_precision_is_close_and_not_the_same(tmp_path, monkeypatch):
    # The texts of the cases are in double precision.
    monkeypatch.setattr("stage_cases.texts_of", lambda config: torch.linspace(-1, 1, 5 * 64).view(5, 64).sin())
    for stage in ("pretrain", "prompts", "baseline", "experts"):
        losses = []
        # Hardly learning, both look at the same model in every step.
        still = {f"stages__{stage}__{name}": value for name, value in (("learning_rate", 1e-9), ("schedule", "step"))}
        for precision in ("no", "bf16"):
            overrides = still | {f"stages__{stage}__epochs": 1, "runtime__precision": precision}
            ran: Ran = run(stage, config_of(**overrides), tmp_path / precision, single)
            losses.append(ran.history["loss"].item())
            assert all(value.dtype == torch.float32 for value in ran.after.values() if value.is_floating_point())
        assert losses[0] != losses[1]
        assert losses[0] == pytest.approx(losses[1], rel=0.03)


@pytest.mark.parametrize("stage", ["pretrain", "prompts", "baseline", "experts"])
def test_losses_are_in_single_precision_where_features_are_not(stage, tmp_path, monkeypatch):
    monkeypatch.setattr("stage_cases.texts_of", lambda config: torch.linspace(-1, 1, 5 * 64).view(5, 64).sin())
    asked: set[str] = set()

    def watch(name: str) -> None:
        loss = getattr(objectives, name)

        def watched(*inputs: torch.Tensor, **options: float) -> torch.Tensor:
            assert not torch.is_autocast_enabled("cpu")
            assert all(value.dtype == torch.float32 for value in inputs if value.is_floating_point())
            asked.add(name)
            return loss(*inputs, **options)

        monkeypatch.setattr(objectives, name, watched)

    for name in ("id_loss", "i2t_loss", "triplet_loss", "sup_con_loss"):
        watch(name)
    run(stage, config_of(runtime__precision="bf16"), tmp_path, single)
    contrasts = stage in ("pretrain", "prompts")
    assert asked == ({"sup_con_loss"} if contrasts else {"id_loss", "i2t_loss", "triplet_loss"})


def test_the_features_are_compiled_where_asked_for(tmp_path, monkeypatch):
    compiled: list[Callable] = []

    def remember(function: Callable) -> Callable:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", remember)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    for stage in ("baseline", "experts"):
        for wanted in (False, True):
            run(stage, config_of(runtime__compile=wanted), tmp_path / str(wanted))
            assert [function.__name__ for function in compiled] == ["features"] * wanted
            compiled.clear()


def test_threads_are_torchs_and_nought_leaves_them(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    make_accelerator(config_of(runtime__threads=3).runtime)
    make_accelerator(config_of(runtime__threads=0).runtime)
    assert asked == [3]


def test_a_user_without_a_name_gets_a_cache(monkeypatch):
    """As in a container whose uid has no passwd entry: torch would name its cache after the user."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "to be restored")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    name_caches_without_user()
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ
    monkeypatch.setattr(getpass, "getuser", nameless)
    name_caches_without_user()
    assert Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]).parent == Path(tempfile.gettempdir())


def test_the_device_is_the_cpu_where_asked_for_or_alone(monkeypatch):
    asked: list[dict] = []

    class Recorded(accelerate.Accelerator):
        def __init__(self, **options: object) -> None:
            asked.append(options)
            super().__init__(mixed_precision="no", cpu=True)

    monkeypatch.setattr(accelerate, "Accelerator", Recorded)
    for device, there in (("cpu", True), ("auto", True), ("auto", False)):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda there=there: there)
        for precision in ("no", "bf16"):
            make_accelerator(config_of(runtime__device=device, runtime__precision=precision).runtime)
    assert asked == [
        {"mixed_precision": precision, "cpu": cpu} for cpu in (True, False, True) for precision in ("no", "bf16")
    ]
