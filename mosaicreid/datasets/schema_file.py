"""A dataset of the user's own, or its attributes alone, from a file in TOML.

.. code-block:: toml

    dataset = "street"
    title = "Street"              # optional: the name in print
    images = "images.csv"         # of a whole dataset: its two tables, below its root (see ``data.tables``)
    attributes = "attributes.csv"
    unknown = ["unknown", "?"]    # optional: texts that mean no label, as an empty cell does

    [unions]                      # optional: further names for several attributes
    footwear = ["boots", "shoecolour"]

    [[attribute]]
    name = "hat"
    type = "single-state binary"  # or "dual-state binary", "multiclass"
    values = ["no", "yes"]        # in the order of their codes; of a single state, absence comes first
    cluster = "accessories"
    description = "Wearing a hat" # optional
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mosaicreid.attributes import AttributeGroup, AttributeType, Schema
from mosaicreid.datasets.definition import TableDataset
from mosaicreid.errors import InputError, one_of
from mosaicreid.files import leads_below

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# A code is an int16 with a bit per value.
_MOST_VALUES = 15
_TOP = {"dataset": str, "attribute": list, "unions": dict}
_TABLES = {"title": str, "images": str, "attributes": str, "unknown": list}
_ATTRIBUTE = {"name": str, "type": str, "values": list, "cluster": str, "description": str}
# Names that mean something else where inclusion sets are named.
_RESERVED = ("all", "baseline", "extrinsic", "Intercept")


def read_definition(path: Path) -> TableDataset:
    """The dataset that the TOML file at ``path`` describes; the format is in this module's docstring.

    Raises:
        InputError: as ``read_schema``; no tables, a table outside the dataset's root, or a title that breaks the line.
    """
    path = Path(path)
    content = _load(path)
    _check_keys(content, _TOP | _TABLES, required=("dataset", "images", "attributes", "attribute"), where=str(path))
    for key in ("images", "attributes"):
        file = content[key]
        if not leads_below(file) or not file.isprintable() or PurePosixPath(file).suffix != ".csv":
            raise InputError(f"{path}: {key} is {content[key]!r}; expected a .csv file below the dataset's root")
    title = content.get("title", content["dataset"])
    if not title.isprintable() or not 1 <= len(title) <= 60:
        raise InputError(f"{path}: title is {title[:60]!r}; expected one line of at most 60 characters")
    unknown = content.get("unknown", [])
    if not all(isinstance(text, str) for text in unknown):
        raise InputError(f"{path}: unknown is {unknown!r}; expected texts that mean no label")
    schema = _schema(content, path)
    for group in schema.groups:
        for value in set(group.values) & set(unknown):
            raise InputError(f"{path}: {value!r} is a value of {group.name} and unknown; expected one of the two")
    return TableDataset(
        name=schema.dataset,
        title=title,
        schema=schema,
        images=content["images"],
        attributes=content["attributes"],
        unknown=tuple(unknown),
    )


def read_schema(path: Path) -> Schema:
    """The schema that the TOML file at ``path`` describes; the format is in this module's docstring.

    Raises:
        InputError: no such file, or not TOML; a key that is unknown, missing or of another type; a name that is not
            lower-case letters, digits, - and _, is reserved or occurs twice; a number of values that does not fit the
            type; a union of attributes that there are not.
    """
    path = Path(path)
    content = _load(path)
    _check_keys(content, _TOP | _TABLES, required=("dataset", "attribute"), where=str(path))
    return _schema(content, path)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no schema at {path}: {error.strerror}; expected a TOML file of attributes") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not TOML: {_first_line(error)}") from error


def _schema(content: dict[str, Any], path: Path) -> Schema:
    groups = tuple(_group(entry, f"{path}, attribute {number}") for number, entry in enumerate(content["attribute"], 1))
    if not groups:
        raise InputError(f"{path} lists no attribute; expected at least one [[attribute]]")
    clusters = {group.cluster for group in groups}
    unions = {name: _union(name, members, groups, path) for name, members in content.get("unions", {}).items()}
    names = [*(group.name for group in groups), *clusters, *unions]
    for name in names:
        if names.count(name) > 1 or name in _RESERVED:
            why = "is reserved" if name in _RESERVED else "occurs twice among attributes, clusters and unions"
            raise InputError(f"{path}: the name {name!r} {why}; an inclusion set could not tell what is meant")
    return Schema(_name(content["dataset"], str(path), "dataset"), groups, unions)


def _group(entry: Any, where: str) -> AttributeGroup:
    if not isinstance(entry, dict):
        raise InputError(f"{where} is {entry!r}; expected a table of {', '.join(_ATTRIBUTE)}")
    _check_keys(entry, _ATTRIBUTE, required=("name", "type", "values", "cluster"), where=where)
    if entry["type"] not in list(AttributeType):
        raise one_of(f"type of {where}", entry["type"], list(AttributeType))
    kind = AttributeType(entry["type"])
    values = tuple(_name(value, where, "value") for value in entry["values"])
    most = _MOST_VALUES if kind is AttributeType.multiclass else 2
    if not 2 <= len(values) <= most or len(set(values)) < len(values):
        expected = f"2 to {most} different ones" if most > 2 else "2 different ones"
        raise InputError(f"{where} is {kind.value} with the values {', '.join(values) or 'none'}; expected {expected}")
    return AttributeGroup(
        name=_name(entry["name"], where, "name"),
        type=kind,
        values=values,
        cluster=_name(entry["cluster"], where, "cluster"),
        description=" ".join(str(entry.get("description", entry["name"])).split()),
    )


def _union(name: str, members: Any, groups: tuple[AttributeGroup, ...], path: Path) -> tuple[str, ...]:
    attributes = [group.name for group in groups]
    if not isinstance(members, list) or len(members) < 2:
        raise InputError(f"{path}: the union {name!r} is {members!r}; expected a list of two or more attributes")
    for member in members:
        if member not in attributes:
            raise one_of(f"attribute of the union {name!r} in {path}", member, attributes)
    return tuple(_name(member, str(path), "member") for member in members)


def _check_keys(table: Mapping[str, Any], known: Mapping[str, type], *, required: tuple[str, ...], where: str) -> None:
    for key, value in table.items():
        if key not in known:
            raise one_of(f"key of {where}", key, known)
        if not isinstance(value, known[key]):
            raise InputError(f"{where}: {key} is {value!r}; expected a {known[key].__name__}")
    missing = [key for key in required if key not in table]
    if missing:
        raise InputError(f"{where} has no {', '.join(missing)}; expected {', '.join(required)}")


def _name(value: Any, where: str, what: str) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise InputError(
            f"{where}: the {what} is {value!r}; expected up to 32 lower-case letters, digits, - and _, a letter first"
        )
    return value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
