"""Schemas in TOML, against what Python's own reader finds in the same text."""

import tomllib
from pathlib import Path
from random import Random

from fuzz.campaign import must
from fuzz.mutate import NUMBERS, TEXTS, bad_text

from mosaicreid.config.inclusion import inclusion_set, indicators
from mosaicreid.datasets.schema_file import read_schema

_KINDS = {"single-state binary": 1, "dual-state binary": 0, "multiclass": 0}


class Area:
    def __init__(self, folder: Path, user: Path) -> None:
        pass

    def attempt(self, random: Random, place: Path) -> None:
        path = place / "schema.toml"
        entries, text = _valid(random)
        valid = random.random() < 0.2
        content = text if valid else _damaged(random, text)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        schema = must(lambda: read_schema(path)) if valid else read_schema(path)
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        assert set(read) <= {"dataset", "attribute", "unions"}
        assert schema.dataset == read["dataset"]
        assert schema.attributes == tuple(entry["name"] for entry in read["attribute"])
        experts = [
            f"{entry['name']}={value}"
            for entry in read["attribute"]
            for value in entry["values"][_KINDS[entry["type"]] :]
        ]
        assert schema.experts == tuple(experts)
        assert {name: list(members) for name, members in schema.unions.items()} == read.get("unions", {})
        for group, entry in zip(schema.groups, read["attribute"], strict=True):
            assert (group.cluster, list(group.values), group.type.value) == (
                entry["cluster"],
                entry["values"],
                entry["type"],
            )
            assert len(set(entry["values"])) == len(entry["values"]) > 1
            assert inclusion_set(group.name, schema) == (group.name,)
            assert indicators(group.cluster, schema) == {
                other["name"]: int(other["cluster"] == entry["cluster"]) for other in read["attribute"]
            }
        if valid:
            assert schema.attributes == tuple(entry[0] for entry in entries)


def _valid(random: Random) -> tuple[list[tuple[str, str, int]], str]:
    entries = [
        (f"a{number}", random.choice(list(_KINDS)), random.randrange(2, 6)) for number in range(random.randrange(2, 6))
    ]
    lines = ['dataset = "street"', "[unions]", f'both = ["{entries[0][0]}", "{entries[1][0]}"]']
    for name, kind, values in entries:
        states = [f'"v{value}"' for value in range(values if kind == "multiclass" else 2)]
        lines += ["[[attribute]]", f'name = "{name}"', f'type = "{kind}"', f"values = [{', '.join(states)}]"]
        lines += [f'cluster = "c{random.randrange(3)}"', f'description = "of {name}"']
    return entries, "\n".join(lines) + "\n"


def _damaged(random: Random, text: str) -> str | bytes:
    lines = text.split("\n")
    number = random.randrange(len(lines) - 1)
    key, equals, value = lines[number].partition(" = ")
    odd = random.choice(
        ['"' + t.encode("unicode_escape").decode() + '"' for t in TEXTS if '"' not in t] + ["true", "[]"]
    )
    odd = random.choice(
        [odd, odd, str(random.choice(NUMBERS)), "1979-05-27", "{a=1}", '["a"]', "[[1]]", "[" * 5000, '"""a\nb"""']
    )
    match random.randrange(8):
        case 0:
            del lines[number]
        case 1:
            lines.insert(number, lines[random.randrange(len(lines))])
        case 2 | 3 if equals:
            lines[number] = f"{key} = {odd}"
        case 4 if equals:
            lines[number] = f"{random.choice(['name', 'type', 'x', 'cluster', 'values'])} = {value}"
        case 5 if "[" in value:
            lines[number] = f"{key} = {value[:-1]}, {odd}]"
        case 6:
            return bad_text(random, text)
        case _:
            return text.encode()[: random.randrange(len(text))] + random.randbytes(2)
    return "\n".join(lines)
