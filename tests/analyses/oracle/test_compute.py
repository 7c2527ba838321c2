"""Controls and attribution of a run that was trained on a folder made on the spot."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_world import write_world

from mosaicreid.analyses.oracle.compute import Effort, run_oracle, train_permuted
from mosaicreid.analyses.oracle.parts import PARTS, part_path, partition, permuted_path, read_part
from mosaicreid.cli import main
from mosaicreid.config.profiles import make_config
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.training.run import Outcome, train_run

SMALL = {
    "data.height": 32,
    "data.width": 16,
    "data.batch_size": 8,
    "data.num_instances": 2,
    **{f"stages.{stage}.epochs": 2 for stage in ("pretrain", "prompts", "baseline", "experts")},
    **{f"stages.{stage}.milestones": [2] for stage in ("baseline", "experts")},
    **{f"stages.{stage}.warmup_epochs": 0 for stage in ("pretrain", "prompts", "baseline")},
}
EFFORT = Effort(noise=(0.5,), people=3, pairs=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny world, its images so noisy that people are confused."""
    root = write_world(tmp_path_factory.mktemp("world") / "market1501")
    generator = np.random.default_rng(0)
    for path in sorted(root.glob("*/*.jpg")):
        pixels = np.asarray(Image.open(path)) + generator.normal(0, 400, (32, 16, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def outcomes(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    runs = tmp_path_factory.mktemp("runs")
    return {
        name: train_run(make_config("tiny", SMALL | {"experts.configuration": name}), root=world, runs=runs)
        for name in ("all", "baseline")
    }


@pytest.fixture(scope="module")
def runs(outcomes: dict[str, Outcome]) -> Path:
    return outcomes["all"].run.folder.parents[2]


@pytest.fixture(scope="module")
def before(runs: Path) -> dict[Path, int]:
    """Every file of the sweep, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def parts(world: Path, runs: Path, before: dict[Path, int]) -> dict[str, pd.DataFrame]:
    paths = run_oracle(runs, dataset="market1501", seed=0, root=world, effort=EFFORT)
    return {path.stem: read_part(runs, dataset="market1501", seeds=[0], part=path.stem) for path in paths}


def test_oracle_and_baseline_are_the_runs_own_results(
    parts: dict[str, pd.DataFrame], outcomes: dict[str, Outcome]
) -> None:
    controls = parts["controls"].set_index("control")
    for control, name in (("oracle", "all"), ("baseline", "baseline")):
        expected = outcomes[name].run.per_query.set_index("query")["ap"]
        assert expected.min() < expected.max()
        np.testing.assert_allclose(controls.loc[control].set_index("query")["ap"], expected, atol=1e-6)


def test_experts_are_trained_on_the_labels_of_others_and_nothing_else_changes(
    world: Path, runs: Path, outcomes: dict[str, Outcome]
) -> None:
    config = outcomes["all"].run.config
    ours = train_permuted(config, root=world, runs=runs).state_dict()
    path = permuted_path(runs, dataset="market1501", seed=0)
    written = path.stat().st_mtime_ns
    read = train_permuted(config, root=world, runs=runs).state_dict()
    assert path.stat().st_mtime_ns == written
    assert all(torch.equal(ours[name], read[name]) for name in ours)
    path.unlink()
    again = train_permuted(config, root=world, runs=runs).state_dict()
    theirs = outcomes["all"].models.model.state_dict()
    assert all(torch.equal(ours[name], again[name]) for name in ours)
    encoder = [name for name in ours if name.startswith("encoder.")]
    assert all(torch.equal(ours[name], theirs[name]) for name in encoder)
    experts = [name for name in ours if name.startswith("experts.")]
    assert not all(torch.equal(ours[name], theirs[name]) for name in experts)


def test_attribution_starts_at_the_baseline_and_ends_at_the_model(parts: dict[str, pd.DataFrame]) -> None:
    attributes = parts["attributes"]
    mean = attributes.groupby("player")["value"].mean()
    names = list(get_schema("market1501").attributes)
    assert mean[names].sum() == pytest.approx(mean["(all)"] - mean["(none)"], abs=1e-6)
    clusters = parts["clusters"].groupby("player")["value"].mean()
    assert clusters.sum() == pytest.approx(mean["(all)"] - mean["(none)"], abs=1e-6)
    assert attributes["pid"].nunique() == 3
    assert attributes["pairs"].unique().tolist() == [2]


def test_the_sweep_is_left_as_it_was(parts: dict[str, pd.DataFrame], runs: Path, before: dict[Path, int]) -> None:
    after = {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}
    new = set(after) - set(before)
    ours = {part_path(runs, dataset="market1501", seed=0, part=part) for part in PARTS}
    permuted = permuted_path(runs, dataset="market1501", seed=0)
    assert {path for path in new if path.parent != permuted.parent} == ours
    assert permuted in after
    assert all(after[path] == time for path, time in before.items() if path.parent != permuted.parent)


def test_every_attribute_is_in_one_cluster() -> None:
    for dataset in ("market1501", "dukemtmc"):
        schema = get_schema(dataset)
        members = [name for names in partition(schema).values() for name in names]
        assert sorted(members) == sorted(schema.attributes)


def test_nothing_is_trained_that_the_sweep_did_not_leave(
    world: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"dataset": "market1501", "root": world}
    with pytest.raises(InputError, match="not the folder of a run"):
        run_oracle(runs, seed=4, **settings)
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    shared = copy / "market1501" / "_shared" / "seed0" / "baseline.pt"
    shared.unlink()
    with pytest.raises(InputError, match=r"no checkpoint at .*baseline\.pt"):
        run_oracle(copy, seed=0, **settings)
    other = make_config("tiny", SMALL | {"stages.baseline.epochs": 1, "experts.configuration": "baseline"})
    train_run(other, root=world, runs=copy)
    arguments = ["oracle", "run", "--dataset", "market1501", "--seed", "0", "--root", str(world), "--runs", str(copy)]
    assert main(arguments) == 2
    assert "baseline.pt has other settings (stages.baseline.epochs); expected the checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("effort", [{"people": 1}, {"pairs": 1}, {"people": 0, "pairs": 0}, {"people": -3}])
def test_an_effort_that_gives_no_interval_is_refused(effort):
    with pytest.raises(InputError, match="expected 2 of each at least"):
        Effort(**effort)
