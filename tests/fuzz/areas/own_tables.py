"""A user's own dataset, a definition in TOML and two tables, against Python's own readers of the same files."""

import csv
import re
import tomllib
from pathlib import Path, PurePosixPath
from random import Random

from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_bytes, bad_text

from mosaicreid.attributes import Annotation
from mosaicreid.data.tables import read_attribute_table, read_image_table, strangers
from mosaicreid.datasets.schema_file import read_definition

_VALUES = {"hat": ["no", "yes"], "age": ["young", "old"], "colour": ["red", "green", "blue"]}
_KINDS = ("single-state binary", "dual-state binary", "multiclass")
_UNKNOWN = ("?", "unknown")
_PEOPLE = ("anna", "ben", "zoë", "N/A", "07", "7", "-1", "0", "12")
_CAMERAS = ("north", "south", "1", "2", "10")
_ODD = (
    "+",
    "red+",
    "red+red",
    " red",
    "north ",
    "7.0",
    "1e3",
    "+7",
    "00",
    "-0",
    "1_000",
    "9" * 400,
    "a/b",
    "a//b",
    ".",
)


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        files = _valid(random)
        valid = random.random() < 0.25
        if not valid:
            name = random.choice([*files, "images.csv", "attributes.csv"])
            files[name] = _damaged_toml(random, files[name]) if name.endswith("toml") else _damaged(random, files[name])
        for name, content in files.items():
            if content is not None:
                raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
                (place / name).write_bytes(raw)
        read = (lambda call: must(call)) if valid else (lambda call: call())
        dataset = read(lambda: read_definition(place / "street.toml"))
        stated = tomllib.loads((place / "street.toml").read_text(encoding="utf-8"))
        assert (dataset.name, dataset.images, dataset.attributes) == tuple(
            stated[key] for key in ("dataset", "images", "attributes")
        )
        assert dataset.title == stated.get("title", stated["dataset"])
        assert dataset.title.isprintable()
        assert list(dataset.unknown) == stated.get("unknown", [])
        for name in (dataset.images, dataset.attributes):
            assert (place / name).resolve().is_relative_to(place.resolve()), f"{name} leads out of the root"
        images = read(lambda: read_image_table(place, dataset))
        _check_images(images, _rows(place / dataset.images))
        labels = read(lambda: read_attribute_table(place, dataset, images))
        table = place / dataset.attributes
        assert (labels is None) == (not table.is_file())
        if labels is not None:
            rows = _rows(table)
            _check_labels(labels, images, rows, dataset)
            key = "pid" if "pid" in rows[0] else "path"
            held = set(images["name" if key == "pid" else "path"])
            names = [row[key] for row in rows]
            names = _canonical(names) if key == "pid" else names
            assert strangers(place, dataset, images) == [name for name in names if name not in held]


def _check_images(images, rows: list[dict[str, str]]) -> None:
    rows = sorted(rows, key=lambda row: row["path"])
    assert images["path"].tolist() == [row["path"] for row in rows]
    assert images["split"].tolist() == [row["split"] for row in rows]
    assert len(set(images["path"])) == len(images) > 0
    for path in images["path"]:
        assert path.isprintable() and not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    for column, least in (("pid", -1), ("camid", 1)):
        texts = [row[column] for row in rows]
        whole = all(re.fullmatch(r"-?[0-9]{1,15}", text, re.ASCII) for text in texts)
        expected = [int(text) for text in texts] if whole else None
        if expected is None or (column == "camid" and min(expected) < least):
            keys = texts if expected is None else expected
            places = {key: number for number, key in enumerate(sorted(set(keys)), start=1)}
            expected = [places[key] for key in keys]
        assert min(expected) >= least
        assert images[column].tolist() == expected, column


def _check_labels(labels, images, rows: list[dict[str, str]], dataset) -> None:
    key = "pid" if "pid" in rows[0] else "path"
    assert ("path" in rows[0]) != ("pid" in rows[0])
    names = [row[key] for row in rows]
    names = _canonical(names) if key == "pid" else names
    assert len(set(names)) == len(names), "a row twice"
    of_name = dict(zip(names, rows, strict=True))
    for split, label in labels.items():
        held = images[(images["split"] == "train") == (split == "train")]
        expected = {}
        for image in held.itertuples():
            row = of_name.get(image.name if key == "pid" else image.path)
            if row is not None:
                expected[image.pid if key == "pid" else image.path] = [
                    _code(row, g, dataset) for g in dataset.schema.groups
                ]
        found = label.pids.tolist() if isinstance(label, Annotation) else list(label.paths)
        assert dict(zip(found, label.codes.tolist(), strict=True)) == expected


def _code(row: dict[str, str], group, dataset) -> int:
    text = row[group.name].strip()
    if text in ("", *dataset.unknown):
        return 0
    return sum({1 << group.values.index(part.strip()) for part in text.split("+")})


def _canonical(names: list[str]) -> list[str]:
    return [str(int(n)) for n in names] if all(re.fullmatch(r"-?[0-9]{1,15}", n, re.ASCII) for n in names) else names


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row for row in csv.DictReader(file) if row]


def _valid(random: Random) -> dict[str, str | None]:
    people = random.sample(_PEOPLE if random.random() < 0.7 else [str(n) for n in range(-1, 12)], 4)
    cameras = random.sample(_CAMERAS if random.random() < 0.7 else ("1", "2", "3"), 2)
    # 7 and 07 are one person or two: both are asked for.
    images = [["path", "split", "pid", "camid", "note"]]
    for number in range(random.randrange(3, 9)):
        split = ("train", "query", "gallery")[number % 3]
        images.append([f"a{number}/é {number}.jpg", split, random.choice(people), random.choice(cameras), "x, y"])
    by_path = random.random() < 0.3
    keys = [row[0] for row in images[1:]] if by_path else sorted({row[2] for row in images[1:]})
    keys = list(dict(zip(_canonical(keys), keys, strict=True)).values()) if not by_path else keys
    labels = [["path" if by_path else "pid", *_VALUES]]
    for key in [*keys, "stranger"]:
        if key == "stranger" and random.random() < 0.7:
            continue
        labels.append(
            [key, *(random.choice([*values, "", *_UNKNOWN, "+".join(values)]) for values in _VALUES.values())]
        )
    lines = ['dataset = "street"', 'title = "Street"', 'images = "images.csv"', 'attributes = "attributes.csv"']
    lines.append(f"unknown = [{', '.join(map(repr, _UNKNOWN))}]".replace("'", '"'))
    for (name, values), kind in zip(_VALUES.items(), _KINDS, strict=True):
        states = ", ".join(f'"{value}"' for value in values)
        lines += ["[[attribute]]", f'name = "{name}"', f'type = "{kind}"', f"values = [{states}]", 'cluster = "c"']
    return {
        "street.toml": "\n".join(lines) + "\n",
        "images.csv": _csv(random, images),
        "attributes.csv": _csv(random, labels) if random.random() < 0.9 else None,
    }


def _csv(random: Random, rows: list[list[str]]) -> str:
    head, *body = rows
    random.shuffle(body)
    start, end = random.choice(["", "", "\ufeff"]), random.choice(["\n", "\n", "\r\n"])
    return (
        start + end.join(",".join(f'"{c}"' if "," in c or c == "" else c for c in row) for row in [head, *body]) + end
    )


def _damaged(random: Random, text: str | None) -> str | bytes | None:
    if text is None:
        return random.choice(["", "pid,hat,age,colour\n", "\n"])
    rows = list(csv.reader(text.lstrip("\ufeff").splitlines()))
    number, column = random.randrange(len(rows)), random.randrange(len(rows[0]))
    match random.randrange(10):
        case 0:
            return bad_bytes(random, text.encode())
        case 1:
            return bad_text(random, text)
        case 2:
            rows = [row[:column] + row[column + 1 :] for row in rows]
        case 3:
            rows.insert(number, rows[number])
        case 4:
            rows = [[*row, row[column]] for row in rows]
        case 5:
            rows[number] = rows[number][:column]
        case 6:
            rows[number] = [*rows[number], "more"]
        case _:
            rows[number][column] = random.choice([*TEXTS, *_ODD, *map(str, NUMBERS)])
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    return "\n".join(",".join(row) for row in quoted) + "\n"


def _damaged_toml(random: Random, text: str) -> str | bytes:
    lines = text.split("\n")
    number = random.randrange(len(lines) - 1)
    key, equals, value = lines[number].partition(" = ")
    odd = ['"' + t.encode("unicode_escape").decode() + '"' for t in TEXTS if '"' not in t]
    odd += ['"../images.csv"', '"/etc/x.csv"', '"images.csv/."', '"a\\\\b.csv"', '".csv"', '"C:/x.csv"', '"IMAGES.CSV"']
    odd += [*map(str, NUMBERS), "true", "[]", '["no"]', "[[1]]", "{a=1}", "1979-05-27", '["?", "?"]', '[""]']
    match random.randrange(6):
        case 0:
            del lines[number]
        case 1 | 2 if equals:
            lines[number] = f"{key} = {random.choice(odd)}"
        case 3 if equals:
            lines[number] = f"{random.choice(['title', 'unknown', 'images', 'x'])} = {value}"
        case 4:
            return bad_bytes(random, text.encode())
        case _:
            return bad_text(random, text)
    return "\n".join(lines)
