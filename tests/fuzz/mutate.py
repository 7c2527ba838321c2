"""Ways to make a valid input bad: bytes, texts, JSON documents and single values. Every choice is the generator's."""

import copy
import json
import math
from random import Random
from typing import Any

# Where one of these stands in a document, its JSON text gets what no Python value can be written as.
_RAW = {"@deep@": "[" * 100_000, "@closed@": "[" * 3000 + "]" * 3000, "@digits@": "9" * 5000, "@nan@": "NaN"}

NUMBERS = (0, 1, -1, 2, 3.5, -0.0, 2**31, 2**53 + 1, 2**63, 2**64 - 1, 10**400, 1e308, 1e-320, 9e15, math.nan, math.inf)
TEXTS = (
    *(
        "",
        " ",
        "a\nb",
        "a\rb",
        "\0",
        "\x1b[31m",
        "\u2028",
        "é",
        "🚶",
        "\u202e",
        "٣",
        "nan",
        "None",
        "null",
        "1e5",
        "-1",
    ),
    *("../x", "/etc/passwd", "~", "$(touch PWNED)", "'; touch PWNED; '", "`touch PWNED`", "%s", "{0}", "x" * 5000),
)


def odd(random: Random) -> Any:
    """A value that hardly fits anywhere, and that JSON can hold."""
    nested = ([], {}, [[]], {"a": {"b": 1}}, [1, "a", None], *_RAW)
    return random.choice([None, True, False, *NUMBERS, -math.inf, *TEXTS, *nested])


def other_type(random: Random, value: Any) -> Any:
    """What ``value`` becomes when a program writes it in another type."""
    if isinstance(value, dict):
        return random.choice([list(value.items()), str(value), None])
    if isinstance(value, list):
        return random.choice([dict(enumerate(map(str, value))), str(value), value[:1] and value[0], value * 2])
    choices = [str(value), [value], {"value": value}, None]
    if isinstance(value, int | float):
        choices += [-value, value + 1, value * 1e9, float(value), bool(value)]
    return random.choice(choices)


def bad_json(random: Random, document: Any) -> str:
    """The text of ``document`` with a fault or two in a place or two."""
    for _ in range(random.choice([1, 1, 1, 2])):
        document = _with_fault(random, copy.deepcopy(document))
    text = json.dumps(document, indent=random.choice([None, 2]), ensure_ascii=random.random() < 0.5)
    for mark, raw in _RAW.items():
        text = text.replace(f'"{mark}"', raw)
    kind = random.random()
    if kind < 0.08:
        return bad_text(random, text)
    if kind < 0.14:
        return _with_name_twice(random, text)
    return text


def bad_text(random: Random, text: str) -> str:
    """``text`` cut, repeated, or with something odd in it."""
    at, to = sorted((random.randrange(len(text) + 1), random.randrange(len(text) + 1)))
    match random.randrange(5):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + random.choice(TEXTS) + text[at:]
        case 2:
            return text[:at] + text[min(to, at + 20) :]
        case 3:
            lines = text.split("\n")
            number = random.randrange(len(lines))
            return "\n".join([*lines[: number + 1], *lines[number:]])
        case _:
            return text[:at] + str(random.choice(NUMBERS)) + text[at:]


def bad_bytes(random: Random, content: bytes) -> bytes:
    """``content`` with some bytes changed, lost or added."""
    changed = bytearray(content)
    at = random.randrange(len(content))
    match random.randrange(10):
        case 0:
            return content[:at]
        case 1:
            del changed[at : at + random.randrange(1, 64)]
        case 2:
            changed[at:at] = random.randbytes(random.randrange(1, 16))
        case 3:
            changed[at : at + 8] = random.choice([b"\0" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7])[: len(content) - at]
        case _:
            for _ in range(random.choice([1, 1, 1, 3])):
                changed[random.randrange(len(content))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place, *(found for key, value in inner for found in _places(value, (*place, key)))]


def _with_fault(random: Random, document: Any) -> Any:
    place = random.choice(_places(document))
    if not place:
        return odd(random) if random.random() < 0.1 else document
    *way, key = place
    inside = document
    for step in way:
        inside = inside[step]
    match random.randrange(6):
        case 0:
            del inside[key]
        case 1 if isinstance(inside, dict):
            inside[str(odd(random))[:300]] = inside.pop(key)
        case 2 if isinstance(inside, dict):
            inside[str(odd(random))[:300]] = odd(random)
        case 3:
            inside[key] = other_type(random, inside[key])
        case _:
            inside[key] = odd(random)
    return document


def _with_name_twice(random: Random, text: str) -> str:
    """The first name of an object once more, with another value."""
    places = [at for at, letter in enumerate(text) if letter == "{" and text[at + 1 :].lstrip().startswith('"')]
    if not places:
        return text
    at = random.choice(places) + 1
    name = text[at:].lstrip().split('"')[1]
    return f'{text[:at]}"{name}": {json.dumps(random.choice([0, 1, "x", []]))}, {text[at:]}'
