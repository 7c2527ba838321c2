"""What a checkpoint is known by: every setting that its numbers depend on leads to a rerun, and no other does."""

import copy
import dataclasses
import shutil
from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from setting_names import names_of
from stage_cases import STAGES, config_of, context_of, run
from tiny_world import small, write_world
from torch import nn

from mosaicreid.config.settings import Config
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.datasets import get_dataset
from mosaicreid.training import loop, stages
from mosaicreid.training.loop import Stage, fit
from mosaicreid.training.shared import train_shared
from mosaicreid.training.stages import identity

pytestmark = pytest.mark.usefixtures("quick_collections")

OTHER = {
    "profile": "paper",
    "seed": 7,
    "data.dataset": "dukemtmc",
    "data.height": 32,
    "data.width": 24,
    "data.batch_size": 4,
    "data.num_instances": 4,
    "data.evaluation_batch_size": 9,
    "data.flip": 0.1,
    "data.padding": 1,
    "data.erasing": 0.1,
    "data.workers": 2,
    "model.architecture": "ViT-B-16-quickgelu",
    "model.weights": "some/file.pt",
    "model.clip_reid": "some/file.pth",
    "model.stride": 4,
    "model.text": "none",
    "model.camera_embedding": 0.5,
    "experts.configuration": "hat",
    "experts.last_k": 1,
    "experts.rank": 1,
    "experts.alpha": 1.0,
    "experts.dropout": 0.1,
    "experts.pooling": "max",
    "experts.token_reduction": "cls",
    "experts.injection": "cls",
    "experts.start": "clip",
    "experts.heads": "fresh",
    "experts.two_labels": "first",
    "experts.unannotated": "every",
    "experts.ffn": "replaced",
    "experts.routing": "random",
    "experts.longer": True,
    "named": ["data.height"],
    "runtime.precision": "bf16",
    "runtime.compile": True,
    "runtime.threads": 2,
    "runtime.device": "auto",
    "runtime.tensorboard": True,
}
OF_A_STAGE = {
    "epochs": 9,
    "learning_rate": 0.7,
    "optimiser": None,
    "weight_decay": 0.7,
    "bias_factor": 0.7,
    "schedule": None,
    "milestones": [4, 5],
    "decay": 0.7,
    "final_learning_rate": 0.6,
    "warmup_epochs": 7,
    "warmup_factor": 0.7,
    "id_weight": 0.7,
    "triplet_weight": 0.7,
    "i2t_weight": 0.7,
    "i2t_similarity": "cosine",
    "triplet_margin": 0.7,
    "label_smoothing": 0.7,
}
OTHER |= {f"stages.{stage}.{name}": value for stage in STAGES for name, value in OF_A_STAGE.items()}
NOBODY = {"profile", "named", "data.evaluation_batch_size", "data.workers"}
NOBODY |= {f"runtime.{name}" for name in ("compile", "threads", "device", "tensorboard")}


def changed(name: str) -> Config:
    """The cases' settings with another value of one of them."""
    value = OTHER[name]
    if value is None:
        now = config_of().to_dict()["stages"][name.split(".")[1]][name.split(".")[2]]
        value = {"adam": "adamw", "adamw": "adam", "step": "cosine", "cosine": "step"}[now]
    fits = {"data.dataset": {"experts.configuration": "all"}, "experts.longer": {"experts.configuration": "baseline"}}
    fits["model.text"] = {"model.weights": "random"}
    return config_of(**{key.replace(".", "__"): part for key, part in (fits.get(name, {}) | {name: value}).items()})


def affected(name: str) -> tuple[str, ...]:
    """The stages whose numbers a setting may change: its own and those that build on it."""
    if name in NOBODY:
        return ()
    if name.startswith("stages."):
        return STAGES[STAGES.index(name.split(".")[1]) :]
    return ("experts",) if name.startswith("experts.") else STAGES


@pytest.mark.parametrize("name", sorted(OTHER))
def test_a_setting_counts_for_the_stages_that_depend_on_it(name, tmp_path):
    configuration = {"data.dataset": "all", "experts.longer": "baseline"}.get(name)
    base = config_of(experts__configuration=configuration) if configuration else config_of()
    if name == "model.text":
        base = config_of(model__weights="random")
    before, after = context_of(base, tmp_path), context_of(changed(name), tmp_path)
    differing = {stage for stage in STAGES if identity(before, stage) != identity(after, stage)}
    assert differing == set(affected(name))


def test_no_setting_is_left_out():
    assert set(OTHER) == names_of(Config())


def test_other_training_images_count_for_every_stage(tmp_path):
    context = context_of(config_of(), tmp_path)
    other = dataclasses.replace(context, images="others")
    assert all(identity(context, stage) != identity(other, stage) for stage in STAGES)


@pytest.mark.parametrize(
    ("weights", "stages"), [("pretrain", set(STAGES)), ("some/file.pt", {"experts"}), ("openai", {"experts"})]
)
def test_other_labels_count_for_the_stages_that_see_them(weights, stages, tmp_path):
    context = context_of(config_of(model__weights=weights), tmp_path)
    other = dataclasses.replace(context, labels="others")
    assert {stage for stage in STAGES[1:] if identity(context, stage) != identity(other, stage)} == stages - {STAGES[0]}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_not_run_does_not_count(stage, tmp_path):
    """Weights of a file stand in for pretraining, whose settings then change nothing."""
    one, other = (
        context_of(config_of(model__weights="some/file.pt", stages__pretrain__epochs=epochs), tmp_path)
        for epochs in (1, 2)
    )
    if stage != "pretrain":
        assert identity(one, stage) == identity(other, stage)
        assert "pretrain" not in identity(one, stage)["stages"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_run_under_its_own_identity_and_seed(stage, tmp_path, monkeypatch):
    asked: list[Stage] = []

    def remember(running: Stage, *arguments: object, **options: object) -> None:
        asked.append(running)
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "fit", remember)
    config = config_of(seed=11)
    with pytest.raises(KeyboardInterrupt):
        run(stage, config, tmp_path)
    (found,) = asked
    assert (found.name, found.seed) == (stage, 11)
    assert found.settings is getattr(config.stages, stage)
    assert found.identity == identity(context_of(config, tmp_path), stage)


class Mean(nn.Module):
    """A stage small enough to be run a hundred times."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"fit": ((values - self.weight) ** 2).mean()}


def small_stage(known_by: dict, epochs: int = 1) -> Stage:
    def load(epoch: int, plan: list) -> Iterator[tuple[torch.Tensor]]:
        for batch in plan:
            yield (torch.from_numpy(batch),)

    module = Mean()
    return Stage(
        name="experts",
        settings=config_of(stages__experts__epochs=epochs).stages.experts,
        objective=module,
        trained=module,
        weights={"fit": 1.0},
        plan=lambda epoch: [torch.tensor([[3.0, 4.0]]).numpy()],
        load=load,
        identity=known_by,
        seed=0,
    )


def members(values: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield from members(value, (*path, name)) if isinstance(value, dict) else [(*path, name)]


def test_every_member_of_an_identity_leads_to_a_rerun(tmp_path, capsys):
    context = context_of(config_of(), tmp_path)
    known_by, path = identity(context, "experts"), tmp_path / "small.pt"
    every = list(members(known_by))
    assert len(every) > 80
    fit(small_stage(known_by), context.accelerator, path)
    for place in every:
        whole = path.read_bytes()
        other = copy.deepcopy(known_by)
        inner = other
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = "another"
        capsys.readouterr()
        fit(small_stage(other), context.accelerator, path)
        said = capsys.readouterr().out
        assert f"of other settings ({'.'.join(place)}); the stage starts anew" in said
        assert torch.load(path, weights_only=True)["settings"] == other
        path.write_bytes(whole)
    capsys.readouterr()
    fit(small_stage(copy.deepcopy(known_by)), context.accelerator, path)
    assert "complete" in capsys.readouterr().out


@pytest.mark.parametrize("stage", STAGES)
def test_a_finished_stage_is_run_again_for_another_setting_alone(stage, tmp_path, monkeypatch, double_precision):
    config = {f"stages__{stage}__epochs": 1}
    before = run(stage, config_of(**config), tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_epoch", refuse)
        again = run(stage, config_of(**config, data__workers=3, runtime__compile=False), tmp_path)
        assert again.history.equals(before.history)
        assert all(torch.equal(value, before.after[name]) for name, value in again.after.items())
        for other in ({f"stages__{stage}__decay": 0.3}, {"data__flip": 0.3}, {"seed": 3}):
            with pytest.raises(AssertionError, match="trained again"):
                run(stage, config_of(**config | other), tmp_path)


def spoil_name(world):
    image = min((world / "bounding_box_train").iterdir())
    image.rename(image.with_name(image.name.replace("_000000_", "_000009_")))


def spoil_pixels(world):
    image = min((world / "bounding_box_train").iterdir())
    Image.new("RGB", (16, 32), "red").save(image)


def spoil_labels(world):
    path = world / get_dataset("market1501").annotation.file_name
    annotation = read_annotation(path, get_dataset("market1501"))
    codes = annotation["train"].codes.copy()
    codes[0, 0] ^= 0b11
    write_annotation(path, annotation | {"train": dataclasses.replace(annotation["train"], codes=codes)})


@pytest.mark.parametrize(
    ("spoil", "named"), [(spoil_name, "images, labels"), (spoil_pixels, "images"), (spoil_labels, "labels")]
)
def test_other_data_lead_to_a_rerun_that_says_why(tmp_path, capsys, spoil, named):
    world = write_world(tmp_path / "market")
    train_shared(small(), "pretrain", root=world, runs=tmp_path / "runs")
    capsys.readouterr()
    train_shared(small(), "pretrain", root=world, runs=tmp_path / "runs")
    assert "complete" in capsys.readouterr().out
    spoil(world)
    train_shared(small(), "pretrain", root=world, runs=tmp_path / "runs")
    assert f"of other settings ({named}); the stage starts anew" in capsys.readouterr().out


def test_a_copy_of_the_data_elsewhere_is_the_same(tmp_path, capsys):
    world = write_world(tmp_path / "market")
    train_shared(small(), "pretrain", root=world, runs=tmp_path / "runs")
    shutil.copytree(world, tmp_path / "copy")
    capsys.readouterr()
    train_shared(small(), "pretrain", root=tmp_path / "copy", runs=tmp_path / "runs")
    assert "complete" in capsys.readouterr().out
