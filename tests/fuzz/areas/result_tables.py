"""Result tables (CSV) with odd cells, columns and rows, against the same computed from plain text."""

import csv
import math
from pathlib import Path
from random import Random

from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_bytes, bad_text

from mosaicreid.analyses.importance.report import read_experiments
from mosaicreid.analyses.machine.compute import compare_runs, summarise
from mosaicreid.analyses.verdicts.claims import SOURCES
from mosaicreid.analyses.verdicts.write import write_verdicts
from mosaicreid.datasets import DATASETS, TITLES, get_schema

_RESULTS = Path(__file__).parents[3] / "results"


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        names = [*SOURCES, "experiment_runs", "table3_market1501"]
        self._texts = {name: (_RESULTS / f"{name}.csv").read_text(encoding="utf-8") for name in names}

    def attempt(self, random: Random, place: Path) -> None:
        random.choice([self._verdicts, self._comparison, self._experiments])(random, place)

    def _verdicts(self, random: Random, place: Path) -> None:
        spoilt = random.choice(SOURCES)
        for name in SOURCES:
            (place / f"{name}.csv").write_text(self._texts[name], encoding="utf-8")
        valid = random.random() < 0.05
        if not valid:
            _spoil(random, place / f"{spoilt}.csv")
        table = must(lambda: write_verdicts(place)) if valid else write_verdicts(place)
        assert (place / "verdicts.csv").is_file()
        gains = {(row["dataset"], row["configuration"]): row for row in _rows(place / "robust_gains.csv")}
        for dataset in DATASETS:
            row = gains[dataset, "all"]
            low, high = float(row["sim_low"]), float(row["sim_high"])
            verdict = "holds" if low > 0 else "fails" if high < 0 else "open"
            assert low <= high, "an interval that ends before it starts"
            assert table[table["dataset"] == TITLES[dataset]]["runs"].iloc[0] == verdict
        assert not table["runs_evidence"].str.contains(r"\b(?:nan|inf)\b").any(), "evidence that is no number"

    def _comparison(self, random: Random, place: Path) -> None:
        paths = [place / "own.csv", place / "committed.csv"]
        for path in paths:
            path.write_text(self._texts["experiment_runs"], encoding="utf-8")
        valid = random.random() < 0.05
        if not valid:
            _spoil(random, random.choice(paths))
        tables = must(lambda: [_runs(path) for path in paths]) if valid else [_runs(path) for path in paths]
        compared = compare_runs(*tables)
        summary = summarise(compared, tables[1])
        known = {_key(row): row for row in _rows(paths[1])}
        common = [(row, known[_key(row)]) for row in _rows(paths[0]) if _key(row) in known]
        assert len(compared) == len(common)
        for found, (own, other) in zip(compared.to_dict("records"), common, strict=True):
            assert math.isclose(found["difference"], float(own["mAP"]) - float(other["mAP"]), abs_tol=1e-9)
            assert 0 <= float(own["mAP"]) <= 100 and 0 <= float(other["mAP"]) <= 100, "mAP beyond percent"
        assert set(summary["dataset"]) == {own["dataset"] for own, _ in common}

    def _experiments(self, random: Random, place: Path) -> None:
        path = place / "table.csv"
        path.write_text(self._texts["table3_market1501"], encoding="utf-8")
        valid = random.random() < 0.05
        if not valid:
            _spoil(random, path)
        read = must(lambda: read_experiments("market1501", "mAP", str(path))) if valid else None
        read = read_experiments("market1501", "mAP", str(path)) if read is None else read
        rows = _rows(path)
        assert len(read) == len(rows)
        for name in (*get_schema("market1501").attributes, "mAP"):
            assert [float(row[name]) for row in rows] == read[name].tolist(), name
        assert read["configuration"].tolist() == [row["configuration"] for row in rows]
        assert read["mAP"].between(0, 100).all() and read[list(get_schema("market1501").attributes)].isin([0, 1]).all(
            axis=None
        )


def _runs(path: Path):
    from mosaicreid.analyses.machine.write import read_runs

    return read_runs(path)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return row["dataset"], row["configuration"], row["variant"], str(int(row["seed"]))


def _spoil(random: Random, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    number = random.randrange(1, len(rows))
    column = random.randrange(len(rows[0]))
    match random.randrange(9):
        case 0:
            path.unlink()
            return
        case 1:
            path.write_bytes(bad_bytes(random, text.encode()))
            return
        case 2:
            path.write_bytes(bad_text(random, text).encode("utf-8", "surrogatepass"))
            return
        case 3:
            rows = [row[:column] + row[column + 1 :] for row in rows]
        case 4:
            rows.insert(number, rows[number])
        case 5:
            rows[0][column] = random.choice([*TEXTS, rows[0][0]])
        case 6:
            rows = rows[: random.choice([0, 1, number])]
        case _:
            rows[number][column] = str(random.choice([*NUMBERS, *TEXTS]))
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
