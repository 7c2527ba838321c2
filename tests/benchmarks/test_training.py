"""The benchmarks of training as far as a CPU can run them; nothing is timed."""

import sys
from pathlib import Path

import pytest
import step
import torch
import training
from figures import read_figures

from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.results import read_results

SMALL = {"model.architecture": "tiny", "model.weights": "pretrain", "model.stride": 8, "experts.last_k": 4}
SMALL |= {"data.height": 64, "data.width": 32, "data.padding": 2, "data.batch_size": 8, "data.num_instances": 2}


def paper() -> Config:
    """The paper's profile, bf16 included, on the tiny encoder."""
    config = make_config("paper", SMALL)
    assert config.runtime.precision == "bf16"
    return config


@pytest.mark.parametrize("stage", ["baseline", "experts"])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_paper_s_profile_takes_its_steps(stage: str, compiled: bool) -> None:
    # What torch.compile makes is not for this test; that the compiled path is called as it should be is.
    with torch.compiler.set_stance("force_eager"):
        cost = training.measure(paper(), training.random_samples(paper(), 6), stage, "cpu", compiled, 2)
    assert cost["seconds"] > 0
    assert cost["flop"] > 1e8 if not compiled else cost["flop"] != cost["flop"]


def test_experts_train_alone_and_the_baseline_whole() -> None:
    objectives = {stage: training.make_objective(paper(), 6, stage) for stage in ("baseline", "experts")}
    trained = {
        stage: {name.split(".")[1] for name, parameter in objective.named_parameters() if parameter.requires_grad}
        for stage, objective in objectives.items()
    }
    heads = {"bottleneck", "bottleneck_proj", "classifier", "classifier_proj"}
    assert trained == {"baseline": {"encoder"} | heads, "experts": {"experts"} | heads}


def test_the_table_and_the_figures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, figures = tmp_path / "speed.csv", tmp_path / "speed.json"
    arguments = ["--profile", "tiny", "--steps", "1", "--csv", str(table), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["training.py", *arguments])
    training.main()
    rows = read_results(table).set_index("stage")
    assert list(rows.index) == ["baseline", "experts"]
    written = read_figures(figures)
    assert written == pytest.approx(rows["images_per_second"].to_dict(), rel=1e-6)


def test_every_operation_of_a_step_is_counted() -> None:
    config = make_config("tiny", {"model.weights": "pretrain", "data.batch_size": 8, "data.num_instances": 2})
    objective = training.make_objective(config, 6, "baseline")
    tensors = next(training.batches(config, training.random_samples(config, 6), "cpu"))
    flop, seen = step.count(objective, tensors)
    products = sum(2 * a[0] * a[1] * b[1] * number for (a, _, b, _), number in seen.items())
    # Attention: 4 blocks of 3 heads of width 32 over 33 tokens; two products forward, five backward with the repeated
    # one. The patches' convolution: forward, and backward for its weight; its input is the image.
    attention = 4 * (2 + 5) * 2 * 8 * 3 * 33 * 33 * 32
    convolution = 2 * 2 * 8 * 32 * 96 * (3 * 8 * 8)
    assert flop == products + attention + convolution
    assert step.product_speed(seen, 1) > 0
    assert all(parameter.grad is None for parameter in objective.parameters())
