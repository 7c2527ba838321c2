"""Folders of runs whose files are damaged or do not agree, against plain readers of the same files."""

import csv
import json
import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_bytes, bad_json, bad_text

from mosaicreid.config.profiles import make_config
from mosaicreid.retrieval import evaluate_scores
from mosaicreid.runs import collect, environment, read_run, run_folder, run_name, write_run

_FILES = ("config.json", "metrics.json", "per_query.parquet", "history.csv")
_SCORES = ("mAP", "rank1", "rank5", "rank10", "mINP")


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        generator = np.random.default_rng(0)
        pids, cameras = np.arange(12) // 2, np.arange(40) % 3 + 2
        scores = np.round(generator.normal(size=(12, 40)), 1)
        retrieval = evaluate_scores(scores, pids, np.ones(12, int), np.arange(40) % 6, cameras)
        config = make_config("tiny", {"experts.configuration": "hat", "seed": 3})
        self._place = run_folder(Path(), dataset="market1501", name=run_name(config), seed=3)
        write_run(
            folder / self._place,
            config=config,
            environment=environment(device="cpu", instructions="AVX2"),
            scores={"mAP": retrieval.mAP, "mINP": retrieval.mINP} | {f"rank{k}": retrieval.cmc[k] for k in (1, 5, 10)},
            cost={"experts_seconds": 30.0, "memory_bytes": 5.0},
            per_query=retrieval.per_query,
            history=pd.DataFrame(
                {
                    "stage": ["baseline", "experts", "experts"],
                    "epoch": [1, 1, 2],
                    "loss": [2.0, 1.5, 1.25],
                    "id": [1, 1, 1.5],
                }
            ),
        )
        self._files = {name: (folder / self._place / name).read_bytes() for name in _FILES}
        self._table = retrieval.per_query

    def attempt(self, random: Random, place: Path) -> None:
        folder = place / self._place
        folder.mkdir(parents=True)
        for name, content in self._files.items():
            (folder / name).write_bytes(content)
        valid = random.random() < 0.03
        if not valid:
            self._spoil(random, folder / random.choice(_FILES))
        run = must(lambda: read_run(folder)) if valid else read_run(folder)
        _check(folder, run)
        table, skipped = collect(place, dataset="market1501")
        assert not skipped and len(table) == 1
        assert all(math.isclose(table[score][0], 100 * run.scores[score]) for score in _SCORES)
        assert (table["dataset"][0], table["configuration"][0], table["seed"][0]) == ("market1501", "hat", 3)

    def _spoil(self, random: Random, path: Path) -> None:
        content = self._files[path.name]
        if random.random() < 0.05:
            path.unlink()
            if random.random() < 0.5:
                path.mkdir()
        elif path.suffix == ".json":
            text = bad_json(random, json.loads(content))
            if path.name == "metrics.json" and random.random() < 0.5:
                measured = json.loads(content)
                score = random.choice(_SCORES)
                measured["scores"][score] = random.choice(
                    [0, 1, 0.5, measured["scores"][score] * 1.01, 1 + 1e-9, *NUMBERS]
                )
                text = json.dumps(measured)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        elif path.suffix == ".csv":
            text = content.decode()
            rows = list(csv.reader(text.splitlines()))
            if random.random() < 0.6:
                row = random.choice(rows)
                row[random.randrange(len(row))] = str(random.choice([*NUMBERS, *TEXTS]))
                text = "\n".join(",".join(row) for row in rows) + "\n"
            else:
                text = bad_text(random, text)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        elif random.random() < 0.4:
            path.write_bytes(bad_bytes(random, content))
        else:
            _odd_table(random, self._table.copy()).to_parquet(path, index=random.random() < 0.2)


def _odd_table(random: Random, table: pd.DataFrame) -> pd.DataFrame:
    name = random.choice(list(table))
    row = random.randrange(len(table))
    match random.randrange(9):
        case 0:
            return table.drop(columns=name)
        case 1:
            return pd.concat([table, table.iloc[[row]]])
        case 2:
            return table.iloc[:0] if random.random() < 0.3 else table.drop(index=row)
        case 3:
            kinds = ["float32", "float64", "string", "category", "Int64", "uint64", "int8", "bool", "complex"]
            kind = random.choice(kinds[:-1])
            column = table[name].fillna(0)
            table[name] = (column > 0 if kind == "bool" else column.round() if "nt" in kind else column).astype(kind)
            return table
        case 4:
            table[name] = [[value] for value in table[name]]
            return table
        case 5:
            return table.sample(frac=1, random_state=random.randrange(100)).assign(stranger="x")
        case 6:
            table[name] = np.nan
            return table
        case _:
            value = random.choice([number for number in NUMBERS if abs(number) < 1e300 or number != number])
            table[name] = table[name].astype("float64")
            table.loc[row, name] = float(value)
            whole = table[name].dropna() % 1 == 0
            counts = name in ("query", "pid", "camid", "num_matches") and table[name].notna().all()
            if counts and whole.all() and table[name].abs().max() < 2**53:
                table[name] = table[name].astype("int64")
            return table


def _check(folder: Path, run: Any) -> None:
    """Every number of the run is in the files, fits its kind, and agrees with the others."""
    measured = json.loads((folder / "metrics.json").read_text())
    assert run.scores == measured["scores"] and set(run.scores) == set(_SCORES)
    assert all(0 <= value <= 1 and type(value) is not bool for value in measured["scores"].values())
    assert run.scores["rank1"] <= run.scores["rank5"] <= run.scores["rank10"], "Rank-k falls with k"
    assert run.cost == measured["cost"] and all(0 <= value < math.inf for value in run.cost.values())
    rows = pyarrow.parquet.read_table(folder / "per_query.parquet").to_pylist()
    answered = [row for row in rows if row["ap"] is not None and row["ap"] == row["ap"]]
    assert all(0 <= row["ap"] <= 1 for row in answered)
    assert math.isclose(sum(row["ap"] for row in answered) / len(answered), run.scores["mAP"], abs_tol=2e-6)
    assert len({row["query"] for row in rows}) == len(rows)
    assert all(type(row[name]) is int for row in rows for name in ("query", "pid", "camid"))
    assert all(row["rank"] >= 1 for row in answered), "ranks start at 1"
    first = sum(row["rank"] == 1 for row in answered) / len(answered)
    assert first <= run.scores["rank1"] + 1e-6, "fewer first places than the table has"
    assert run.per_query["ap"].tolist() == [row["ap"] for row in rows] or len(answered) < len(rows)
    with (folder / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert len(history) == len(run.history)
    for row, found in zip(history, run.history.to_dict("records"), strict=True):
        assert row["stage"] == found["stage"] and row["stage"] in ("pretrain", "prompts", "baseline", "experts")
        assert int(row["epoch"]) == found["epoch"] > 0
        assert math.isfinite(float(row["loss"])) and math.isclose(float(row["loss"]), found["loss"])
    described = json.loads((folder / "config.json").read_text())
    _check_config(described["config"], run.config.to_dict())
    assert run.environment == described["environment"]


def _check_config(stated: Any, found: Any) -> None:
    if isinstance(stated, dict):
        assert isinstance(found, dict)
        for name, value in stated.items():
            _check_config(value, found[name])
    elif stated is not None:
        stated = float(stated) if isinstance(found, float) else stated
        assert stated == found and isinstance(stated, bool) == isinstance(found, bool), f"{stated!r} became {found!r}"
