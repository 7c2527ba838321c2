"""Any name that a result table holds, as a reader is shown it."""

import pandas as pd

from mosaicreid.datasets import get_schema
from mosaicreid.names.terms import COLUMNS, SETS, TERMS, VARIANTS

_ATTRIBUTES = ("attribute", "term", "first", "second", "attributes")
_CONFIGURATIONS = ("configuration", "left_out", "p_max_without")
_VARIANTS = ("variant", "largest")


def attribute_title(dataset: str, name: str) -> str:
    """What the attribute ``name`` of ``dataset`` is called: ``Colour of lower garment`` for ``downcolour``.

    Raises:
        InputError: unknown dataset, or none of its attributes.
    """
    schema = get_schema(dataset)
    title = _sentence(schema.group(name).description)
    # A user's schema may describe two attributes alike.
    alike = sum(_sentence(group.description) == title for group in schema.groups)
    return title if alike == 1 else f"{title} ({name})"


def value_title(dataset: str, expert: str) -> str:
    """An attribute's value, given by its expert's name: ``Hat: yes`` for ``hat=yes``; errors as ``attribute_title``."""
    name, _, value = expert.partition("=")
    return f"{attribute_title(dataset, name)}: {value}"


def configuration_title(dataset: str, name: str) -> str:
    """An inclusion set: ``Upper garment + colour of lower garment`` for ``upper+downcolour``.

    A run's name has its variant behind (``all@rank=4``): ``All attributes, rank 4``.
    """
    chosen, _, variant = name.partition("@")
    parts = [_part_title(dataset, part) for part in chosen.split("+")]
    title = " + ".join([parts[0], *(_inside(part) for part in parts[1:])])
    return f"{title}, {variant_title(variant)}" if variant else title


def cluster_title(name: str) -> str:
    """A cluster of attributes, or another union of several: ``Lower garment`` for ``lower``."""
    return SETS.get(name, _sentence(name))


def variant_title(name: str) -> str:
    """A variant of the experts by the settings it changes: ``heads start anew, encoder: CLIP's own``."""
    return ", ".join(_option_title(option) for option in name.split(","))


def title_of(column: str, value: str, *, dataset: str = "") -> str:
    """What the ``value`` in the ``column`` of a result table is called; as it stands where it is a word of its own.

    ``dataset``: of the row, for attributes and configurations; the dataset itself is a matter of ``provenance``.
    """
    if value == "":
        return value
    if dataset and column in _ATTRIBUTES:
        names = value.split(", ")
        known = get_schema(dataset).attributes
        if all(name in known for name in names):
            titles = [attribute_title(dataset, name) for name in names]
            return ", ".join([titles[0], *map(_inside, titles[1:])])
    if dataset and column in _CONFIGURATIONS:
        return configuration_title(dataset, value)
    if column == "run" and dataset:
        return configuration_title(dataset, value)
    if column in _VARIANTS:
        return variant_title(value)
    if column in ("cluster", "supercategory"):
        return cluster_title(value)
    return TERMS.get(column, {}).get(value, value)


def named(rows: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """``rows`` of one dataset with the names of its attributes and configurations as a reader is shown them."""
    columns = [column for column in ("attribute", "term", "configuration", "part") if column in rows]
    return rows.assign(
        **{column: [title_of(column, str(value), dataset=dataset) for value in rows[column]] for column in columns}
    )


def for_reading(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """A table of one dataset as a notebook shows it: rows, columns and attributes by their names in print.

    The first column becomes the index.
    """
    known = get_schema(dataset).attributes
    titles = {name: attribute_title(dataset, name) for name in known} | COLUMNS
    return named(frame, dataset).rename(columns=titles).set_index(titles.get(frame.columns[0], frame.columns[0]))


def cost_title(name: str) -> str:
    """A run's cost, whose unit is its last word: ``Experts (seconds)`` for ``experts_seconds``."""
    words = name.split("_")
    unit = 2 if words[-2:] == ["per", "second"] else 1
    return f"{_sentence(' '.join(words[:-unit])) or 'All'} ({' '.join(words[-unit:])})"


def _part_title(dataset: str, part: str) -> str:
    return attribute_title(dataset, part) if part in get_schema(dataset).attributes else cluster_title(part)


def _option_title(option: str) -> str:
    name, _, value = option.partition("=")
    return VARIANTS.get(option) or VARIANTS.get(name, f"{name.replace('_', ' ')} {{}}").format(value)


def _sentence(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _inside(title: str) -> str:
    """A title within a line: no capital, unless the word is one of capitals."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
