"""Records in JSON files: a pydantic model says what a file holds, and what does not fit is one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mosaicreid.errors import InputError

R = TypeVar("R", bound="Record")

# Far above anything that this project writes; a record is read whole.
_LARGEST = 16 * 2**20


class Record(BaseModel):
    """What a JSON file holds: every name known, every type as written, every number finite."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def read_record(path: Path, kind: type[R]) -> R:
    """The record of type ``kind`` in the JSON file at ``path``.

    Raises:
        InputError: as ``read_json``, or a value that does not fit; names the first of these, what was got, and what was
            expected.
    """
    content = _content(Path(path))
    try:
        record = kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        got = "" if first["type"] in ("missing", "json_invalid") else f", got {_shown(first['input'])}"
        raise InputError(f"{path}: {place}: {first['msg'].lower()}{got}") from error
    # pydantic takes the last of several values of one name, and NaN where any value will do.
    _parsed(content, path, constant=_refuse)
    return record


def read_json(path: Path) -> Any:
    """What the JSON file at ``path`` holds, of which no record is made.

    Raises:
        InputError: no such file, larger than 16 MiB, not JSON in UTF-8, nested too deeply, or with a name
            twice in one object.
    """
    return _parsed(_content(Path(path)), Path(path))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes; expected at most {_LARGEST:,}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(content: bytes, path: Path, *, constant: Callable[[str], Any] = float) -> Any:
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {_shown(twice)} occurs twice in one object")
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
