"""Dataclasses as settings: built from nested mappings with every name and type checked, and back to plain values."""

import dataclasses
import json
import math
import shlex
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from mosaicreid.errors import InputError, one_of

T = TypeVar("T")


def merge(defaults: Mapping[str, Any], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``defaults`` with the settings of ``values`` in place, group by group; None leaves a default as it is.

    Raises:
        InputError: ``values`` has a name that ``defaults`` lacks, or a plain value where a group belongs.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where} is {values!r}; expected a group of settings: {', '.join(defaults)}")
    merged = dict(defaults)
    for name, value in values.items():
        if name not in defaults:
            raise one_of(f"setting of {where}", name, defaults)
        if isinstance(defaults[name], Mapping):
            merged[name] = merge(defaults[name], value, f"{where}.{name}")
        elif value is not None:
            merged[name] = value
    return merged


def build(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """An instance of the dataclass ``kind`` from a complete nested mapping, every type checked.

    Fields may be dataclasses, ``Literal``, ``tuple[T, ...]``, str, bool, int or float (an int will do for a float).

    Raises:
        InputError: a value of another type, naming the setting, the value and what was expected.
    """
    hints = typing.get_type_hints(kind)
    return kind(**{name: _typed(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def parse_settings(text: str) -> dict[str, Any]:
    """Overrides from one line, ``"experts.rank=4 stages.baseline.milestones=[6,9]"``; values are JSON, or else text.

    Words are quoted as in a shell where they hold spaces: ``'model.weights=My Drive/clip.pt'``. A text that would read
    as JSON is written as a JSON string: ``'model.weights="2024"'``.

    Raises:
        InputError: a word without ``=``, a quotation that does not end, a name that occurs twice.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"settings {text!r}: {error}; expected quotes around a word with spaces") from error
    overrides: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise InputError(f"setting {word!r}; expected NAME=VALUE, in quotes if it has spaces, like experts.rank=4")
        if name in overrides:
            raise InputError(f"setting {name} is given twice; expected it once")
        overrides[name] = _value(value)
    return overrides


def format_settings(overrides: Mapping[str, Any]) -> str:
    """The line that ``parse_settings`` reads back as ``overrides``."""
    words = []
    for name, value in overrides.items():
        plainly = isinstance(value, str) and _value(value) == value
        words.append(f"{name}={value if plainly else json.dumps(value, separators=(',', ':'), ensure_ascii=False)}")
    return shlex.join(words)


def plain(value: Any) -> Any:
    """``value`` with every tuple, however deep, turned into a list, as JSON would."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def check_at_most(settings: object, most: float, *names: str) -> None:
    """InputError if a named setting is above ``most``, a bound that only a slip exceeds."""
    _check(settings, names, f"at most {most:g}", lambda value: value <= most)


def check_choices(settings: object) -> None:
    """InputError unless each field that is a ``Literal`` has one of its values."""
    for name, hint in typing.get_type_hints(type(settings)).items():
        if typing.get_origin(hint) is Literal and getattr(settings, name) not in typing.get_args(hint):
            raise one_of(name, getattr(settings, name), typing.get_args(hint))


def check_positive(settings: object, *names: str) -> None:
    """InputError unless each named setting is finite and above 0."""
    _check(settings, names, "a number above 0", lambda value: value > 0)


def check_not_negative(settings: object, *names: str) -> None:
    """InputError unless each named setting is finite and 0 or above."""
    _check(settings, names, "a number of 0 or above", lambda value: value >= 0)


def check_finite(settings: object, *names: str) -> None:
    """InputError unless each named setting is a finite number."""
    _check(settings, names, "a finite number", lambda value: True)


def check_fraction(settings: object, *names: str) -> None:
    """InputError unless each named setting lies within [0, 1]."""
    _check(settings, names, "a fraction from 0 to 1", lambda value: 0 <= value <= 1)


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type[Any], hint), value, where)
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise one_of(where, value, typing.get_args(hint))
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{where} is {value!r}; expected a list")
        return tuple(_typed(typing.get_args(hint)[0], item, where) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > sys.float_info.max:
            raise InputError(f"{where} is {_short(value)}; expected a number within the range of floats")
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} is {_short(repr(value))} ({type(value).__name__}); expected {hint.__name__}")
    return value


def _value(text: str) -> Any:
    """``text`` as JSON, or as it stands where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _check(settings: object, names: tuple[str, ...], expected: str, holds: Callable[[float], bool]) -> None:
    for name in names:
        value = getattr(settings, name)
        # A whole number beyond the range of floats is not finite for any purpose here.
        if abs(value) > sys.float_info.max or math.isnan(value) or not holds(value):
            raise InputError(f"{name} is {_short(value)}; expected {expected}")
