"""Run folders: what is written is read, what is unfinished or foreign is skipped with a reason."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from mosaicreid.config.profiles import make_config
from mosaicreid.errors import InputError
from mosaicreid.runs import SCORES, collect, environment, mark_unfinished, read_run, run_folder, run_name, write_run


def finished(root, *, configuration="all", seed=0, dataset="market1501", mean_ap=0.5, **experts):
    overrides = {f"experts.{name}": value for name, value in experts.items()}
    config = make_config(
        "tiny", {"data.dataset": dataset, "seed": seed, "experts.configuration": configuration, **overrides}
    )
    folder = run_folder(root, dataset=dataset, name=run_name(config), seed=seed)
    write_run(
        folder,
        config=config,
        environment=environment(device="cpu", instructions="AVX2"),
        scores=dict.fromkeys(SCORES, mean_ap),
        cost={"experts_seconds": 1.5},
        per_query=pd.DataFrame(
            {
                "query": [0, 1],
                "pid": [4, 5],
                "camid": [1, 2],
                "ap": [mean_ap - 0.25, mean_ap + 0.25],
                "rank": [1.5, 1.2],
            }
        ),
        history=pd.DataFrame({"stage": ["experts"], "epoch": [1], "loss": [2.5]}),
    )
    return folder


def test_a_run_is_read_as_written(tmp_path):
    run = read_run(finished(tmp_path, configuration="hat", seed=2, rank=8))
    assert run_name(run.config) == "hat@rank=8"
    assert run.config.seed == 2
    assert run.scores == dict.fromkeys(SCORES, 0.5)
    assert run.cost == {"experts_seconds": 1.5}
    assert run.per_query["ap"].tolist() == [0.25, 0.75]
    assert run.history["loss"].tolist() == [2.5]
    assert run.environment["packages"]["torch"]


def test_the_commit_is_that_of_the_checkout(tmp_path):
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    expected = head.stdout.strip() if head.returncode == 0 else "unknown"
    assert environment(device="cpu", instructions="AVX2")["commit"].removesuffix("-dirty") == expected


def test_collecting_gives_one_row_per_run(tmp_path):
    finished(tmp_path, configuration="hat+gender", seed=1, mean_ap=0.25)
    finished(tmp_path, configuration="all", seed=0)
    finished(tmp_path, configuration="all", seed=0, last_k=2)
    finished(tmp_path, dataset="dukemtmc", configuration="boots")
    table, skipped = collect(tmp_path, dataset="market1501")
    assert skipped == {}
    assert table[["configuration", "variant", "seed"]].values.tolist() == [
        ["all", "", 0],
        ["all", "last_k=2", 0],
        ["hat+gender", "", 1],
    ]
    assert table.loc[2, ["gender", "hat", "age", "mAP", "rank1"]].tolist() == [1, 1, 0, 25, 25]
    assert table["last_k"].tolist() == [4, 2, 4]
    assert "boots" not in table
    assert collect(tmp_path, dataset="dukemtmc")[0]["boots"].tolist() == [1]


def test_unfinished_and_foreign_folders_are_skipped_with_a_reason(tmp_path):
    finished(tmp_path)
    (finished(tmp_path, seed=1) / "metrics.json").unlink()
    (finished(tmp_path, seed=2) / "metrics.json").write_text('{"scores": {"mAP":')
    shutil.copytree(tmp_path / "market1501" / "all" / "seed0", tmp_path / "market1501" / "hat" / "seed0")
    foreign = tmp_path / "market1501" / "notes" / "today"
    foreign.mkdir(parents=True)
    (foreign / "config.json").write_text("[]")
    (foreign / "metrics.json").write_text("[]")
    (tmp_path / "market1501" / "empty" / "seed0").mkdir(parents=True)
    (tmp_path / "market1501" / "_shared" / "baseline").mkdir(parents=True)
    table, skipped = collect(tmp_path, dataset="market1501")
    assert table[["configuration", "seed"]].values.tolist() == [["all", 0]]
    reasons = {"/".join(folder.split("/")[-2:]): reason for folder, reason in skipped.items()}
    assert set(reasons) == {"all/seed1", "all/seed2", "hat/seed0", "notes/today", "empty/seed0"}
    assert "did not finish" in reasons["all/seed1"]
    assert "not a run that can be read" in reasons["all/seed2"]
    assert "holds the run market1501/all/seed0" in reasons["hat/seed0"]
    assert "not a run that can be read" in reasons["notes/today"]
    assert "no config.json" in reasons["empty/seed0"]


def test_a_run_whose_files_are_to_change_is_no_longer_finished(tmp_path):
    folder = finished(tmp_path)
    mark_unfinished(folder)
    with pytest.raises(InputError, match="did not finish"):
        read_run(folder)
    mark_unfinished(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_settings_that_no_longer_exist_make_a_run_unreadable(tmp_path):
    folder = finished(tmp_path)
    described = json.loads((folder / "config.json").read_text())
    described["config"]["experts"]["colour"] = "red"
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"unknown setting of config.experts 'colour'"):
        read_run(folder)


def test_nothing_to_collect(tmp_path):
    with pytest.raises(InputError, match="no runs of market1501"):
        collect(tmp_path, dataset="market1501")
    with pytest.raises(InputError, match="unknown dataset"):
        collect(tmp_path, dataset="msmt17")


def test_a_run_without_a_score_is_refused_before_anything_is_written(tmp_path):
    config = make_config("tiny")
    with pytest.raises(InputError, match="no score named rank5"):
        write_run(
            tmp_path / "run",
            config=config,
            environment={},
            scores={score: 0.5 for score in SCORES if score != "rank5"},
            cost={},
            per_query=pd.DataFrame(),
            history=pd.DataFrame(),
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("metrics.json", {"scores.mAP": 5.0}, r"scores.mAP: input should be less than or equal to 1, got 5.0"),
        ("metrics.json", {"scores.mAP": -1}, r"scores.mAP: input should be greater than or equal to 0, got -1"),
        ("metrics.json", {"scores.mAP": True}, r"scores.mAP: input should be a valid number, got True"),
        ("metrics.json", {"scores.mAP": "0.5"}, r"scores.mAP: .*, got '0.5'"),
        ("metrics.json", {"scores.rank1": None}, r"scores.rank1: .*, got None"),
        ("metrics.json", {"scores.mAP": 0.25}, r"says mAP 0.250000, per_query.parquet has the mean 0.500000"),
        ("metrics.json", {"scores.rank7": 0.5}, r"scores.rank7: extra inputs are not permitted"),
        ("metrics.json", {"cost": []}, r"cost: input should be .*, got \[\]"),
        ("metrics.json", {"cost.mAP": 77.7}, r"cost.mAP.*string should match pattern"),
        ("metrics.json", {"cost.experts_seconds": -1.0}, r"greater than or equal to 0"),
        ("config.json", {"config": 3}, r"config: .*, got 3"),
        ("config.json", {"more": 3}, r"more: extra inputs"),
        ("config.json", {"config.seed": 10**400}, r"seed is 1000"),
    ],
)
def test_records_that_do_not_fit_are_named_in_one_line(tmp_path, file, change, message):
    folder = finished(tmp_path)
    content = json.loads((folder / file).read_text())
    for name, value in change.items():
        *groups, last = name.split(".")
        place = content
        for group in groups:
            place = place[group]
        place[last] = value
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "NaN", '{"scores": NaN}', "\x00", "[" * 100_000, '{"scores": 1' + "0" * 5000 + "}"],
    ids=["empty", "cut", "list", "NaN", "NaN inside", "zero byte", "deep", "long number"],
)
def test_metrics_that_are_not_a_record_are_refused(tmp_path, text):
    folder = finished(tmp_path)
    (folder / "metrics.json").write_text(text)
    with pytest.raises(InputError, match=r"metrics\.json") as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="ap"), "no ap"),
        (lambda table: table.iloc[:0], "has 0 rows"),
        (lambda table: table.assign(ap=[0.2, 1.5]), r"outside 0\.\.1"),
        (lambda table: table.assign(ap="high"), r"outside 0\.\.1"),
        (lambda table: table.assign(pid=[0.5, 1.0]), "pid is of type float64"),
        (lambda table: table.assign(query=0), "a query twice"),
    ],
)
def test_a_per_query_table_that_does_not_fit_is_refused(tmp_path, change, message):
    folder = finished(tmp_path)
    change(pd.read_parquet(folder / "per_query.parquet")).to_parquet(folder / "per_query.parquet")
    with pytest.raises(InputError, match=message):
        read_run(folder)


def test_damaged_tables_are_named(tmp_path):
    folder = finished(tmp_path)
    (folder / "per_query.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match=r"per_query\.parquet is missing or damaged"):
        read_run(folder)


@pytest.mark.parametrize("place", ["dukemtmc/all/seed0", "market1501/hat/seed0", "market1501/all/seed1"])
def test_a_run_at_another_place_than_its_own_is_refused(tmp_path, place):
    """Whichever part of the place is wrong: the dataset, the name or the seed."""
    moved = tmp_path / "moved" / place
    shutil.copytree(finished(tmp_path), moved)
    with pytest.raises(InputError, match="holds the run market1501/all/seed0; it was moved"):
        read_run(moved)
    assert read_run(tmp_path / "market1501" / "all" / "seed0").scores["mAP"] == 0.5


def test_a_run_of_another_dataset_is_not_collected(tmp_path):
    shutil.copytree(finished(tmp_path), tmp_path / "dukemtmc" / "all" / "seed0")
    table, skipped = collect(tmp_path, dataset="dukemtmc")
    assert table.empty
    assert len(skipped) == 1


def test_the_tables_of_a_run_have_no_column_of_their_own(tmp_path):
    folder = finished(tmp_path)
    assert (folder / "history.csv").read_bytes() == b"stage,epoch,loss\nexperts,1,2.5\n"
    assert list(pd.read_parquet(folder / "per_query.parquet").columns) == ["query", "pid", "camid", "ap", "rank"]


def test_a_run_that_is_written_again_is_unfinished_until_its_end(tmp_path, monkeypatch):
    folder = finished(tmp_path)

    def fail(*_: object, **options: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    with pytest.raises(OSError, match="no space"):
        finished(tmp_path, mean_ap=0.75)
    with pytest.raises(InputError, match="did not finish"):
        read_run(folder)


def test_settings_in_a_name_come_in_the_order_of_the_alphabet():
    config = make_config("tiny", {"experts.rank": 8, "experts.alpha": 2.0, "experts.last_k": 1})
    assert run_name(config) == "all@alpha=2.0,last_k=1,rank=8"


def test_a_file_among_the_runs_is_none(tmp_path):
    finished(tmp_path)
    (tmp_path / "market1501" / "all" / "notes.txt").touch()
    table, skipped = collect(tmp_path, dataset="market1501")
    assert len(table) == 1
    assert skipped == {}


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"rank1": 0.8}, r"Rank-1 0\.800000, by the ranks in per_query\.parquet it is 0\.000000 to 0\.750000"),
        ({"rank5": 0.25}, "expected numbers that do not fall"),
        ({"rank10": 0.25}, "expected numbers that do not fall"),
    ],
)
def test_scores_that_the_queries_do_not_allow_are_refused(tmp_path, scores, message):
    folder = finished(tmp_path)
    content = json.loads((folder / "metrics.json").read_text())
    content["scores"] |= scores
    (folder / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        read_run(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(rank=0.5), "rank in row 1"),
        (lambda table: table.assign(rank=[np.nan, 1.0]), "rank in row 1"),
        (lambda table: table.assign(rank="first"), "rank in row 1"),
        (lambda table: table.assign(rank=1.0), r"Rank-1 0\.500000, by the ranks .* it is 1\.000000 to 1\.000000"),
    ],
)
def test_ranks_that_do_not_fit_are_refused(tmp_path, change, message):
    folder = finished(tmp_path)
    change(pd.read_parquet(folder / "per_query.parquet")).to_parquet(folder / "per_query.parquet")
    with pytest.raises(InputError, match=message):
        read_run(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stage,epoch\nexperts,1\n", "lacks the columns loss"),
        ("stage,epoch,loss\nexperts,0,1.5\n", "epoch in row 1"),
        ("stage,epoch,loss\nexperts,1,nan\n", "loss in row 1"),
        ("stage,epoch,loss\nwarmup,1,1.5\n", "stage in row 1 is 'warmup'; expected one of: pretrain, prompts"),
        ("stage,epoch,loss\nexperts,1,1.5\nexperts,1,1.5\n", "row 2 is a second one of experts, 1"),
        ("stage,epoch,loss\nexperts,1\n", "row 1 has 2 values"),
    ],
)
def test_a_history_that_does_not_fit_is_refused(tmp_path, text, message):
    folder = finished(tmp_path)
    (folder / "history.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_run(folder)
