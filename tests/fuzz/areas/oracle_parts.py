"""What the controls left (Parquet) with odd values, columns, rows and bytes, against plain rules over the same rows."""

import math
from pathlib import Path
from random import Random

import pandas as pd
from fuzz.campaign import must
from fuzz.mutate import TEXTS, bad_bytes

from mosaicreid.analyses.oracle.parts import part_path, read_part
from mosaicreid.datasets import get_schema

_DATASET = "market1501"
_NAMES = get_schema(_DATASET).attributes
_CLUSTERS = sorted({group.cluster for group in get_schema(_DATASET).groups})
# Least and most of every number; whole ones are marked by an int.
_RANGES = {
    **{"seed": (0, 0), "gallery": (1, 2**53), "query": (0, 2**53), "pid": (-(2**53), 2**53), "pairs": (1, 2**53)},
    **{"images": (0, 2**53), "chosen_train": (0, 1), "chosen_best": (0, 1), "hit": (0, 1)},
    **dict.fromkeys(("ap", "level", "accuracy", "majority", "calibration_error", "chosen_crossfit"), (0.0, 1.0)),
    **{"train_mAP": (0.0, 100.0), "test_mAP": (0.0, 100.0), "value": (-100.0, 100.0), "sampling_half": (0.0, math.inf)},
    **{"rank1_value": (-100.0, 100.0), "rank1_sampling_half": (0.0, math.inf)},
    **{"unread_bits": (0.0, math.inf), "weight": (-math.inf, math.inf)},
}
_MAY_LACK = ("accuracy", "majority", "calibration_error", "unread_bits")
_KEYS = {"heads": ["attribute"], "weights": ["weight"], "controls": ["control", "level", "query"]}
_ODD = (None, True, -1, 0, 0.5, 1, 1.5, 101, 2**53 + 2, math.nan, math.inf, -math.inf, "0.5", *TEXTS[:8])


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        part, table = random.choice(list(_valid(random).items()))
        columns = list(table)
        valid = random.random() < 0.2
        table = table if valid else _damaged(random, table)
        path = part_path(place, dataset=_DATASET, seed=0, part=part)
        path.parent.mkdir(parents=True)
        table.to_parquet(path, index=random.random() < 0.1)
        if not valid and random.random() < 0.2:
            path.write_bytes(bad_bytes(random, path.read_bytes()))
        found = (
            must(lambda: read_part(place, dataset=_DATASET, seeds=[0], part=part))
            if valid
            else read_part(place, dataset=_DATASET, seeds=[0], part=part)
        )
        assert set(columns) <= set(found)
        rows = found.to_dict("records")
        assert rows
        for row in rows:
            for name in set(columns) & set(_RANGES):
                _check(name, row[name])
        keys = [tuple(row[name] for name in _KEYS.get(part, ["player", "query"])) for row in rows]
        assert len(set(keys)) == len(keys), "a row twice"
        people: dict[int, set[int]] = {}
        for row in rows if "pid" in columns else ():
            people.setdefault(row["query"], set()).add(row["pid"])
        assert all(len(pids) == 1 for pids in people.values()), "a query of two people"
        names = {row[_KEYS.get(part, ["player"])[0]] for row in rows}
        whole = {"heads": set(_NAMES), "clusters": set(_CLUSTERS), "attributes": {*_NAMES, "(none)", "(all)"}}
        assert names == whole.get(part, names)
        assert part != "controls" or names <= {"baseline", "oracle", "noise-both"}


def _check(name: str, value: object) -> None:
    least, most = _RANGES[name]
    assert isinstance(value, int | float) and not isinstance(value, bool), f"{name} is {value!r}"
    if name in _MAY_LACK and math.isnan(value):
        return
    assert math.isfinite(value) and least <= value <= most, f"{name} is {value!r}"
    assert isinstance(least, float) or value == int(value), f"{name} is {value!r}"


def _valid(random: Random) -> dict[str, pd.DataFrame]:
    queries = [{"query": query, "pid": query // 2 - 1} for query in range(random.randrange(1, 5))]
    games = {"attributes": [*_NAMES, "(none)", "(all)"], "clusters": _CLUSTERS}
    shares = {name: random.random() for name in _MAY_LACK[:3]}
    tables = {
        "heads": [{"attribute": name, "images": 4, **shares, "unread_bits": 3 * random.random()} for name in _NAMES],
        "weights": [
            {
                "weight": w,
                "train_mAP": 9.0,
                "test_mAP": 8.0,
                "chosen_train": 1,
                "chosen_best": 0,
                "chosen_crossfit": 0.5,
            }
            for w in (0.0, 0.1, 1.0)
        ],
        "controls": [
            {"control": control, "level": level, **query, "ap": random.random(), "hit": random.randrange(2)}
            for control, level in (("baseline", 0.0), ("oracle", 0.0), ("noise-both", 0.25))
            for query in queries
        ],
        **{
            part: [
                {"player": player, **query, "value": random.uniform(-9, 9), "sampling_half": random.random()}
                | {"rank1_value": random.uniform(-9, 9), "rank1_sampling_half": random.random()}
                for player in players
                for query in queries
            ]
            for part, players in games.items()
        },
    }
    frames = {part: pd.DataFrame(rows).assign(seed=0, gallery=5) for part, rows in tables.items()}
    frames["attributes"]["pairs"] = 3
    return frames


def _damaged(random: Random, table: pd.DataFrame) -> pd.DataFrame:
    column, row = random.choice(list(table)), random.randrange(len(table))
    table = table.copy()
    match random.randrange(8):
        case 0:
            return table.drop(columns=column)
        case 1:
            return table.rename(columns={column: random.choice([*TEXTS[:5], "x", column.upper()])})
        case 2:
            return pd.concat([table, table.iloc[[row]]], ignore_index=True)
        case 3:
            return table.drop(index=row)
        case 4:
            kinds = ["str", "float32", "category", "Int64", "bool", "uint8"]
            try:
                return table.astype({column: random.choice(kinds)})
            except (TypeError, ValueError):
                return table.iloc[:0]
        case _:
            # A Parquet column is of one type.
            value = random.choice(_ODD)
            values = [value if at == row else other for at, other in enumerate(table[column].tolist())]
            kinds = {type(value) for value in values if value is not None}
            if len(kinds) > 1 and not kinds <= {int, float}:
                values = list(map(str, values))
            return table.assign(**{column: values})
