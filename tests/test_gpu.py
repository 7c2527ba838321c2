"""On a GPU as on a CPU: training, its precisions and interruptions, features, retrieval, controls, worlds.

Skipped where there is no GPU. Training on one is not expected to repeat to the last digit: some sums there have no
order.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from strength_cells import QUICK, quick_cell
from tiny_world import small, write_world

from mosaicreid.analyses.oracle.compute import Effort, run_oracle
from mosaicreid.analyses.oracle.parts import read_part
from mosaicreid.analyses.saved.evaluate import evaluate_saved
from mosaicreid.analyses.strength.compute import read_world, run_cells
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.retrieval.rerank import rerank
from mosaicreid.training import loop
from mosaicreid.training.inference import extract_features, extract_variants
from mosaicreid.training.run import Outcome, train_run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world") / "market", noise=300)


@pytest.fixture(scope="module")
def on_cpu(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train_run(small(), root=world, runs=tmp_path_factory.mktemp("cpu"))


@pytest.fixture(scope="module")
def on_gpu(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train_run(small(runtime__device="auto"), root=world, runs=tmp_path_factory.mktemp("gpu"))


def relative_error(ours: torch.Tensor, reference: torch.Tensor) -> float:
    ours, reference = ours.double().cpu(), reference.double().cpu()
    return float((ours - reference).norm() / reference.norm())


def losses(outcome: Outcome) -> dict[tuple[str, int], float]:
    return outcome.history.set_index(["stage", "epoch"])["loss"].to_dict()


def test_a_run_says_what_it_ran_on_and_starts_like_one_on_the_cpu(on_cpu: Outcome, on_gpu: Outcome) -> None:
    assert torch.cuda.get_device_name() in on_gpu.run.environment["device"]
    assert "cpu" in on_cpu.run.environment["device"]
    assert 0 < on_gpu.run.cost["peak_memory_bytes"] < 2**30
    assert losses(on_gpu).keys() == losses(on_cpu).keys()
    # Noise fills erased boxes on the device, so that batches are alike and not the same.
    assert losses(on_gpu)["pretrain", 1] == pytest.approx(losses(on_cpu)["pretrain", 1], rel=0.05)
    assert on_gpu.run.per_query["ap"].mean() == pytest.approx(on_gpu.run.scores["mAP"])


def test_features_are_the_cpus(on_cpu: Outcome) -> None:
    model, router = on_cpu.models.model.cuda(), on_cpu.models.router
    assert router is not None
    router.cuda()
    settings = {"batch_size": 7, "device": "cuda"}
    there = extract_features(model, on_cpu.query, router, **settings)
    # Convolutions round to tf32 there unless told otherwise.
    assert relative_error(there, on_cpu.query_features) < 2e-3
    masks = torch.stack([router.mask(()), router.mask(("upcolour",))])
    variants = extract_variants(model, on_cpu.query, router, masks, **settings)
    assert relative_error(variants[0], there) < 1e-5
    assert relative_error(variants[1], there) > 1e-4
    model.cpu()
    router.cpu()


@pytest.mark.parametrize("options", [{"precision": "bf16"}, {"precision": "fp16"}, {"compile": True}])
def test_other_precisions_and_compiled_features_train_nearly_alike(
    world: Path, on_gpu: Outcome, tmp_path: Path, options: dict
) -> None:
    changed = {f"runtime__{name}": value for name, value in options.items()}
    outcome = train_run(small(runtime__device="auto", **changed), root=world, runs=tmp_path)
    first = losses(outcome)["pretrain", 1], losses(on_gpu)["pretrain", 1]
    assert first[0] == pytest.approx(first[1], rel=0.05)
    assert np.isfinite(list(losses(outcome).values())).all()
    assert outcome.query_features.dtype == torch.float32


@pytest.mark.parametrize("precision", ["no", "fp16"])
def test_interrupted_and_resumed_goes_on_like_uninterrupted(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    config = small(runtime__device="auto", runtime__precision=precision)
    whole = train_run(config, root=world, runs=tmp_path / "whole")
    epoch = loop._epoch

    def stop_in_second_epoch(running, number, *arguments):
        if running.name == "experts" and number == 2:
            raise KeyboardInterrupt
        return epoch(running, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train_run(config, root=world, runs=tmp_path / "resumed")
    resumed = train_run(config, root=world, runs=tmp_path / "resumed")
    for at, loss in losses(whole).items():
        assert losses(resumed)[at] == pytest.approx(loss, rel=0.02), at


@pytest.mark.parametrize("routing", ["predicted", "permuted", "always"])
def test_every_routing_trains(world: Path, on_gpu: Outcome, routing: str) -> None:
    runs = on_gpu.run.folder.parents[2]
    outcome = train_run(small(runtime__device="auto", experts__routing=routing), root=world, runs=runs)
    assert 0 < outcome.run.scores["mAP"] <= 1


def test_encoders_of_other_kinds_train(world: Path, tmp_path: Path) -> None:
    for number, model in enumerate(
        ({"model__text": "none", "model__weights": "random"}, {"model__architecture": "tiny-eva"})
    ):
        outcome = train_run(small(runtime__device="auto", **model), root=world, runs=tmp_path / str(number))
        assert 0 < outcome.run.scores["mAP"] <= 1


def test_a_saved_run_is_evaluated_again_on_the_cpu(world: Path, on_gpu: Outcome, tmp_path: Path) -> None:
    again = evaluate_saved(on_gpu.run.folder, root=world, output=tmp_path / "again")
    assert again.scores["mAP"] == pytest.approx(on_gpu.run.scores["mAP"], abs=0.02)


def test_retrieval_is_the_cpus() -> None:
    generator = np.random.default_rng(0)
    pids, camids = generator.integers(0, 40, 500), generator.integers(0, 3, 500)
    centres = generator.normal(size=(40, 64))
    # Float64: rounding does not swap neighbours.
    features = torch.from_numpy(centres[pids] + generator.normal(0, 2, (500, 64)))
    ids = pids[:100], camids[:100], pids[100:], camids[100:]
    here = evaluate(features[:100], features[100:], *ids)
    there = evaluate(features[:100].cuda(), features[100:].cuda(), *ids)
    pd.testing.assert_frame_equal(there.per_query, here.per_query)
    asked = evaluate(features[:100], features[100:], *ids, device="cuda")
    pd.testing.assert_frame_equal(asked.per_query, here.per_query)
    everyone = slice(0, 100)
    reranked = rerank(features[:100].cuda(), features[100:].cuda())(everyone).cpu()
    torch.testing.assert_close(reranked, rerank(features[:100], features[100:])(everyone), rtol=1e-6, atol=1e-6)


def test_controls_of_a_run_repeat_its_scores(world: Path, on_gpu: Outcome) -> None:
    runs = on_gpu.run.folder.parents[2]
    baseline = train_run(small(runtime__device="auto", experts__configuration="baseline"), root=world, runs=runs)
    run_oracle(
        dataset="market1501", seed=0, root=world, runs=runs, effort=Effort(noise=(0.5,), people=3, pairs=2), cache=None
    )
    controls = read_part(runs, dataset="market1501", seeds=[0], part="controls")
    ap = controls.groupby("control")["ap"].mean()
    assert ap["baseline"] == pytest.approx(baseline.run.scores["mAP"], abs=0.02)
    assert ap["oracle"] == pytest.approx(on_gpu.run.scores["mAP"], abs=0.02)


def test_a_world_of_the_experiment_is_trained_and_scored(tmp_path: Path) -> None:
    cell = quick_cell(
        name="gpu",
        settings=f"{QUICK} runtime.device=auto",
        lengths=(1,),
        arms=("experts", "permuted", "always_on", "switched_off", "labels"),
        worlds=1,
        matched=True,
    )
    run_cells([cell], tmp_path, code="abc")
    table = read_world(tmp_path, cell, cell.draws[0])
    rows = table[table["configuration"] == "all"].set_index(["arm", "kind", "added"])["mAP"].sort_index()
    assert rows["switched_off", "true", 0] == pytest.approx(rows["experts", "true", 0], abs=0.5)
    assert set(table["arm"]) == {"baseline", "experts", "permuted", "always_on", "switched_off", "labels"}
