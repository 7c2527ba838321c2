"""Runs on other encoders: without a text tower there are no prompts and no text loss; another kind of blocks trains."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_world import small, write_world

from mosaicreid.analyses.saved.evaluate import evaluate_saved
from mosaicreid.errors import InputError
from mosaicreid.models.backbone import build_clip
from mosaicreid.training.run import train_run
from mosaicreid.training.shared import train_shared


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world") / "market1501", noise=300)


@pytest.mark.parametrize(
    "model",
    [
        {"model__text": "none", "model__weights": "random"},
        {"model__text": "none", "model__weights": "vision.pt"},
        {"model__architecture": "tiny-eva"},
    ],
    ids=["alone", "file", "eva"],
)
def test_a_run_on_another_encoder_is_written_and_evaluated_again(world: Path, tmp_path: Path, model: dict) -> None:
    if model.get("model__weights") == "vision.pt":
        # A vision tower alone, without its projection.
        state = build_clip("tiny", image_size=(32, 32), text=False).state_dict()
        torch.save({name: value for name, value in state.items() if name != "visual.proj"}, tmp_path / "vision.pt")
        model = model | {"model__weights": str(tmp_path / "vision.pt")}
    outcome = train_run(small(**model), root=world, runs=tmp_path / "runs")
    run, shared = outcome.run, tmp_path / "runs" / "market1501" / "_shared" / "seed0"
    again = evaluate_saved(run.folder, root=world, output=tmp_path / "again")
    pd.testing.assert_frame_equal(run.per_query, again.per_query)
    by_stage = outcome.history.groupby("stage").size()
    if "model__text" in model:
        assert set(by_stage.index) == {"baseline", "experts"}
        assert {path.name for path in shared.glob("*.pt")} == {"baseline.pt"}
        assert "i2t" not in outcome.history
        weights = run.config.stages.experts
        rows = outcome.history[outcome.history["stage"] == "experts"]
        total = weights.id_weight * rows["id"] + weights.triplet_weight * rows["triplet"]
        assert rows["loss"].tolist() == pytest.approx(total.tolist())
    else:
        assert set(by_stage.index) == {"pretrain", "prompts", "baseline", "experts"}
        assert outcome.history["i2t"].notna().all()


def test_an_encoder_of_timm_trains_from_a_file_on_the_disk(world: Path, tmp_path: Path) -> None:
    import timm

    trunk = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32, depth=12)
    torch.save(trunk.state_dict(), tmp_path / "vit.pth")
    config = small(
        model__architecture="timm/vit_tiny_patch16_224",
        model__weights=str(tmp_path / "vit.pth"),
        model__text="none",
        model__stride=0,
        experts__start="clip",
        experts__heads="fresh",
        stages__experts__epochs=1,
        stages__experts__milestones=[],
        stages__baseline__epochs=1,
        stages__baseline__milestones=[],
    )
    outcome = train_run(config, root=world, runs=tmp_path / "runs")
    state = outcome.models.clip.visual.trunk.state_dict()
    # Experts start from the file's encoder, not from what the baseline made of it.
    assert torch.equal(state["blocks.3.attn.qkv.weight"], trunk.state_dict()["blocks.3.attn.qkv.weight"])
    again = evaluate_saved(outcome.run.folder, root=world, output=tmp_path / "again")
    pd.testing.assert_frame_equal(outcome.run.per_query, again.per_query)


def test_a_text_tower_that_is_missing_is_one_line(world: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for settings, message in (
        ({"model__architecture": "timm/vit_tiny_patch16_224"}, "without a text tower"),
        ({"model__text": "none"}, "weights are .pretrain., which needs a text tower"),
        ({"model__text": "none", "model__clip_reid": "a.pth", "model__weights": "random"}, "clip_reid is a checkpoint"),
        ({"model__weights": "laion"}, "neither a file nor published for 'tiny'"),
        ({"model__architecture": "ViT-B-17"}, "unknown architecture 'ViT-B-17'"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            train_run(small(**settings), root=world, runs=runs)
        assert "\n" not in str(caught.value)
    alone = small(model__text="none", model__weights="random")
    with pytest.raises(InputError, match=r"'prompts' trains with texts, and model\.text is 'none'"):
        train_shared(alone, "prompts", root=world, runs=runs)
    assert not runs.exists()
