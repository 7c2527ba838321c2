"""Hours and bytes by hand, from round numbers."""

import pandas as pd
import pytest

from mosaicreid.analyses.cost.counted import speeds_of
from mosaicreid.analyses.cost.totals import CONTROL_EXTRACTIONS, Work, disk_bytes, hours
from mosaicreid.config.profiles import make_config
from mosaicreid.datasets.definition import Counts
from mosaicreid.models.build import build_models

IMAGES = {"train": Counts(1000, 10), "query": Counts(100, 10), "gallery": Counts(200, 10)}
WORK = Work(images=IMAGES, configurations=("all", "hat", "baseline"), seeds=2)
SETTINGS = {
    "model.weights": "pretrain",
    "model.architecture": "tiny",
    "model.stride": 8,
    "experts.last_k": 4,
    "experts.rank": 2,
    "data.height": 64,
    "data.width": 32,
}


def test_hours_add_up_over_epochs_runs_and_seeds() -> None:
    config = make_config("paper", {"stages.prompts.epochs": 5, "stages.baseline.epochs": 3, "stages.experts.epochs": 2})
    speeds = {"prompts": 50.0, "baseline": 10.0, "experts": 20.0, "evaluation": 100.0}
    table = hours(speeds, config, WORK).set_index("part")
    shared = 1000 / 100 + 5 * 1000 / 50 + 3 * 1000 / 10
    run = 2 * 1000 / 20 + 300 / 100
    controls = 2 * 1000 / 20 + (1000 + CONTROL_EXTRACTIONS * 300) / 100
    assert table["hours_each"].tolist() == pytest.approx([shared / 3600, run / 3600, controls / 3600])
    assert table["times"].tolist() == [2, 6, 2]
    assert table["hours"].tolist() == pytest.approx([2 * shared / 3600, 6 * run / 3600, 2 * controls / 3600])


def test_without_a_text_tower_no_prompts_are_learnt() -> None:
    config = make_config("paper", {"model.text": "none", "model.weights": "random", "stages.baseline.epochs": 3})
    table = hours({"baseline": 10.0, "experts": 20.0, "evaluation": 100.0}, config, WORK).set_index("part")
    assert table.loc["shared stages", "hours_each"] == pytest.approx(3 * 1000 / 10 / 3600)


def test_a_checkpoint_of_clip_reid_spares_the_shared_stages() -> None:
    config = make_config("paper", {"model.clip_reid": "there.pth"})
    speeds = dict.fromkeys(("prompts", "baseline", "experts", "evaluation"), 1.0)
    assert hours(speeds, config, WORK).set_index("part").loc["shared stages", "hours"] == 0


def test_bytes_are_those_of_pixels_checkpoints_and_experts() -> None:
    config = make_config("paper", SETTINGS)
    models = build_models(config, identities=10, cameras=1)
    kept = disk_bytes(config, models, WORK)
    assert kept["decoded images"] == 1300 * 3 * 64 * 32
    expert = 4 * 2 * 96 * 2  # blocks, both matrices, width and rank
    heads = 2 * (96 + 64) + 10 * (96 + 64)
    experts = len(config.schema.experts) + 1  # all, and the one of hat
    assert kept["runs"] == 2 * (4 * (2 * expert * experts + 2 * heads) + 3 * 4 * 2**20)
    # All numbers once, and the largest stage five times more while it trains: two more files with Adam's moments.
    trained = {name: sum(p.numel() for p in module.parameters()) for name, module in (("b", models.baseline),)}
    trained["pretrain"] = sum(p.numel() for p in models.clip.parameters())
    prompts = 10 * 4 * 64
    whole = sum(trained.values()) + prompts + 5 * max(trained.values())
    assert kept["shared stages"] == 2 * 4 * whole


def test_a_faster_card_takes_proportionally_less() -> None:
    counted = pd.DataFrame({"stage": ["baseline", "experts"], "flop": [2e9, 1e9]})
    assert speeds_of(counted, 1e12, share=0.5) == {"baseline": 250.0, "experts": 500.0}
