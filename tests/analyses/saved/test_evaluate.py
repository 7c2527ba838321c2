"""A saved run, and its exported experts, evaluated under labels of any origin."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_world import small, write_world

from mosaicreid.analyses.saved.evaluate import evaluate_saved
from mosaicreid.cli import main
from mosaicreid.data.annotation import read_annotation, write_annotation
from mosaicreid.data.folders import read_dataset
from mosaicreid.data.loaders import load_samples
from mosaicreid.datasets import get_dataset, get_folder_dataset
from mosaicreid.errors import InputError
from mosaicreid.labels.heads import fit_heads
from mosaicreid.runs import read_run
from mosaicreid.training.inference import extract_features
from mosaicreid.training.run import Outcome, train_run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world") / "market1501", noise=300)


@pytest.fixture(scope="module")
def outcome(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train_run(small(stages__experts__learning_rate=0.3), root=world, runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def baseline(outcome: Outcome) -> Path:
    return outcome.run.folder.parents[1] / "_shared" / "seed0" / "baseline.pt"


def label_table(path: Path, world: Path, *, key: str = "pid") -> pd.DataFrame:
    """The annotation of the test people as a user's table, written to ``path``."""
    data = read_dataset(get_dataset("market1501"), world)
    assert data.annotation is not None
    table = data.annotation["test"].table().reset_index()
    if key == "path":
        images = [
            (path, pid) for part in (data.query, data.gallery) for path, pid in zip(part.paths, part.pids, strict=True)
        ]
        table = pd.DataFrame(images, columns=["path", "pid"]).merge(table, on="pid").drop(columns="pid")
    table.to_csv(path, index=False)
    return table


@pytest.mark.parametrize("adapters", [False, True])
def test_annotated_labels_give_the_run_again(
    outcome: Outcome, baseline: Path, world: Path, tmp_path: Path, adapters: bool
) -> None:
    source = outcome.run.folder / "experts" if adapters else outcome.run.folder
    run = evaluate_saved(source, root=world, output=tmp_path, encoder=baseline if adapters else None)
    assert run.folder == tmp_path / "market1501" / "all" / "seed0"
    assert run.scores == outcome.run.scores
    assert 0 < run.scores["mAP"] < 1
    pd.testing.assert_frame_equal(run.per_query, outcome.run.per_query)
    assert run.config == outcome.run.config
    assert run.environment["evaluation"] == {"source": str(source), "labels": "oracle", "off": []}


@pytest.mark.parametrize("key", ["pid", "path"])
def test_a_table_that_says_what_the_annotation_says_gives_the_run_again(
    outcome: Outcome, world: Path, tmp_path: Path, key: str
) -> None:
    label_table(tmp_path / "labels.csv", world, key=key)
    run = evaluate_saved(outcome.run.folder, root=world, output=tmp_path / "out", labels=str(tmp_path / "labels.csv"))
    pd.testing.assert_frame_equal(run.per_query, outcome.run.per_query)
    assert len(run.environment["evaluation"]["labels_sha256"]) == 64


def test_experts_that_are_off_are_those_of_people_without_these_labels(
    outcome: Outcome, world: Path, tmp_path: Path
) -> None:
    table = label_table(tmp_path / "labels.csv", world)
    table["upcolour"] = ""
    table["hat"] = "no"
    table.to_csv(tmp_path / "labels.csv", index=False)
    by_table = evaluate_saved(
        outcome.run.folder, root=world, output=tmp_path / "a", labels=str(tmp_path / "labels.csv")
    )
    switched = evaluate_saved(outcome.run.folder, root=world, output=tmp_path / "b", off=["upcolour", "hat=yes"])
    pd.testing.assert_frame_equal(by_table.per_query, switched.per_query)
    assert not by_table.per_query.equals(outcome.run.per_query)


def test_predicted_labels_are_those_of_heads_on_features_without_experts(
    outcome: Outcome, world: Path, tmp_path: Path
) -> None:
    run = evaluate_saved(outcome.run.folder, root=world, output=tmp_path / "out", labels="predicted")
    models = outcome.models
    data = read_dataset(get_dataset("market1501"), world)
    assert data.annotation is not None
    samples = load_samples(data, outcome.run.config.data, folder=tmp_path / "cache")
    plain = [extract_features(models.baseline, part, None, batch_size=64, device="cpu").numpy() for part in samples]
    heads = fit_heads(plain[0], samples[0].codes, outcome.run.config.schema)
    table = label_table(tmp_path / "labels.csv", world, key="path")
    for images, features in zip((data.query, data.gallery), plain[1:], strict=True):
        for path, codes in zip(images.paths, heads.codes(features), strict=True):
            for column, group in enumerate(outcome.run.config.schema.groups):
                table.loc[table["path"] == path, group.name] = group.values[int(np.log2(codes[column]))]
    table.to_csv(tmp_path / "labels.csv", index=False)
    again = evaluate_saved(
        outcome.run.folder, root=world, output=tmp_path / "again", labels=str(tmp_path / "labels.csv")
    )
    pd.testing.assert_frame_equal(run.per_query, again.per_query)


def test_nothing_is_overwritten(outcome: Outcome, world: Path, tmp_path: Path) -> None:
    (tmp_path / "market1501" / "all" / "seed0").mkdir(parents=True)
    with pytest.raises(InputError, match="is there already"):
        evaluate_saved(outcome.run.folder, root=world, output=tmp_path)
    assert list(tmp_path.rglob("*")) == [tmp_path / "market1501", *(tmp_path / "market1501").rglob("*")]


def bad_table(change: Callable[[pd.DataFrame], pd.DataFrame], world: Path, path: Path) -> str:
    table = label_table(path, world)
    change(table).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[1:], "no row for 1 people of query, like pid of query/0101"),
        (lambda t: t.assign(pid=t["pid"] + 5000), "is in no split of the dataset.*another dataset"),
        (lambda t: t.assign(upcolour="mauve"), "unknown label of upcolour .* 'mauve'"),
        (lambda t: t.drop(columns="hat"), "no column hat"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "more than one row"),
        (lambda t: t.iloc[:0], "header alone"),
        (lambda t: t.rename(columns={"pid": "person"}), "neither pid nor path"),
    ],
)
def test_bad_tables_are_refused_before_anything_is_written(
    outcome: Outcome, world: Path, tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = bad_table(change, world, tmp_path / "labels.csv")
    with pytest.raises(InputError, match=message):
        evaluate_saved(outcome.run.folder, root=world, output=tmp_path / "out", labels=table)
    assert not (tmp_path / "out").exists()


def test_what_does_not_belong_together_is_refused(
    outcome: Outcome, baseline: Path, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    experts, out = outcome.run.folder / "experts", tmp_path / "out"
    with pytest.raises(InputError, match=r"neither config\.json nor experts\.json"):
        evaluate_saved(tmp_path, root=world, output=out)
    with pytest.raises(InputError, match="--encoder"):
        evaluate_saved(experts, root=world, output=out)
    other = torch.load(baseline, weights_only=True)
    other["model"]["encoder.visual.ln_post.bias"][0] += 1
    torch.save(other, tmp_path / "other.pt")
    with pytest.raises(InputError, match="trained on another encoder"):
        evaluate_saved(experts, root=world, output=out, encoder=tmp_path / "other.pt")
    del other["model"]["encoder.visual.ln_post.bias"]
    torch.save(other, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"ln_post\.bias is missing; likely cause: another backbone"):
        evaluate_saved(experts, root=world, output=out, encoder=tmp_path / "other.pt")
    with pytest.raises(InputError, match="expected a finished one of the stage 'baseline' or 'pretrain'"):
        evaluate_saved(experts, root=world, output=out, encoder=baseline.with_name("prompts.pt"))
    with pytest.raises(InputError, match="no encoder at"):
        evaluate_saved(experts, root=world, output=out, encoder=tmp_path / "none.pt")
    with pytest.raises(InputError, match="expected the same"):
        evaluate_saved(experts, root=world, output=out, encoder=baseline, dataset="dukemtmc")
    with pytest.raises(InputError, match="unknown attribute or expert 'moustache'"):
        evaluate_saved(outcome.run.folder, root=world, output=out, off=["moustache"])
    with pytest.raises(InputError, match="unknown labels 'guess'"):
        evaluate_saved(outcome.run.folder, root=world, output=out, labels="guess")
    unlabelled = tmp_path / "unlabelled"
    shutil.copytree(world, unlabelled)
    labels = read_annotation(unlabelled / "market_attribute.mat", get_folder_dataset("market1501"))
    codes = labels["train"].codes.copy()
    codes[:, 3] = 0
    write_annotation(unlabelled / "market_attribute.mat", labels | {"train": replace(labels["train"], codes=codes)})
    with pytest.raises(InputError, match="no training image with one label of hat to learn from"):
        evaluate_saved(outcome.run.folder, root=unlabelled, output=out, labels="predicted")
    (unlabelled / "market_attribute.mat").unlink()
    for labels_of in ("oracle", "predicted"):
        with pytest.raises(InputError, match=f"has no annotation, which {labels_of} labels come from"):
            evaluate_saved(outcome.run.folder, root=unlabelled, output=out, labels=labels_of)
    copied = tmp_path / "copied"
    shutil.copytree(experts, copied)
    origin = json.loads((copied / "origin.json").read_text())
    del origin["config"]["model"]["camera_embedding"]
    (copied / "origin.json").write_text(json.dumps(origin))
    with pytest.raises(InputError, match=r"does not state model\.camera_embedding"):
        evaluate_saved(copied, root=world, output=out, encoder=baseline)
    (copied / "origin.json").unlink()
    with pytest.raises(InputError, match=r"no origin\.json"):
        evaluate_saved(copied, root=world, output=out, encoder=baseline)
    assert not out.exists()
    assert main(["evaluate", str(tmp_path), "--root", str(world), "--output", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command(outcome: Outcome, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["evaluate", str(outcome.run.folder), "--root", str(world), "--output", str(tmp_path), "--off", "hat"]
    assert main(arguments) == 0
    assert "mAP" in capsys.readouterr().out
    assert read_run(tmp_path / "market1501" / "all" / "seed0").environment["evaluation"]["off"] == ["hat"]
