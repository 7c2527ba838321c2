"""A user's own dataset, from its two tables to every table and figure of a sweep."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_world import SMALL

from mosaicreid.analyses.experiment.write import write_experiment
from mosaicreid.analyses.oracle.compute import Effort, run_oracle
from mosaicreid.analyses.shapley.write import write_oracle
from mosaicreid.config.profiles import make_config
from mosaicreid.sweep.variants import table3
from mosaicreid.training.run import train_run

DEFINITION = """
dataset = "street"
title = "Street"
images = "images.csv"
attributes = "attributes.csv"

[[attribute]]
name = "age"
type = "multiclass"
values = ["child", "grown-up"]
cluster = "intrinsic"

[[attribute]]
name = "umbrella"
type = "single-state binary"
values = ["no", "yes"]
cluster = "accessories"
"""

# Experts that learn fast enough for a few steps to tell the configurations apart.
SETTINGS = SMALL | {"data.dataset": "street", "stages.experts.learning_rate": 0.02}


def draw(root: Path) -> None:
    """Twenty-four people, by three cameras, in hues of their own that every picture shifts."""
    random = np.random.default_rng(0)
    images, labels = [], []
    for person in range(24):
        labels.append((f"p{person:02d}", ("child", "grown-up")[person % 2], ("no", "yes")[person // 2 % 2]))
        hue = random.integers(90, 166, 3)
        for number, camera in enumerate(("gate", "hall", "yard")):
            path = f"{camera}/{person}.png"
            split = "train" if person < 12 else ("query" if number == 0 else "gallery")
            pixels = np.clip(hue + random.normal(0, 16, 3) + random.normal(0, 40, (64, 32, 3)), 0, 255).astype(np.uint8)
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / path)
            images.append((path, split, f"p{person:02d}", camera))
    pd.DataFrame(images, columns=["path", "split", "pid", "camid"]).to_csv(root / "images.csv", index=False)
    pd.DataFrame(labels, columns=["pid", "age", "umbrella"]).to_csv(root / "attributes.csv", index=False)


def test_a_users_dataset_reaches_every_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "data" / "street")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "street.toml").write_text(DEFINITION)
    monkeypatch.chdir(tmp_path)
    assert table3("street") == ("all", "intrinsic", "accessories", "extrinsic", "age", "umbrella", "baseline")
    for name in table3("street"):
        config = make_config("tiny", SETTINGS | {"experts.configuration": name})
        train_run(config, root=Path("data/street"), runs=Path("runs"))
    run_oracle(
        Path("runs"), dataset="street", seed=0, root=Path("data/street"), effort=Effort(noise=(0.5,), people=3, pairs=2)
    )
    write_experiment(
        Path("runs"), Path("results"), datasets=["street"], variants_on="", data=Path("data"), profile="tiny", seeds=[0]
    )
    write_oracle(Path("runs"), Path("results"), data=Path("data"), datasets=["street"], seeds=[0])
    written = {path.name for path in Path("results").glob("*.csv")}
    assert {"experiment_table3_street.csv", "robust_gains.csv", "oracle_split.csv", "shapley_attributes.csv"} <= written
    # Two attributes have no rank correlation, and no clothing colours to compare with anything.
    assert "shapley_agreement.csv" not in written
    shown = pd.read_csv("results/shapley_attributes.csv")
    assert set(shown["method"]) == {"ablation", "retrain", "leakage"}
    assert set(shown["attribute"]) == {"age", "umbrella"}
    scores = pd.read_csv("results/experiment_table3_street.csv").set_index("configuration")["mAP"]
    runs = {name: pd.read_parquet(f"runs/street/{name}/seed0/per_query.parquet")["ap"].mean() for name in scores.index}
    pd.testing.assert_series_equal(scores, 100 * pd.Series(runs).rename("mAP").rename_axis("configuration"), rtol=1e-6)
