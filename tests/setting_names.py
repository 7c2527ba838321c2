"""The names of all settings, so that a test can say that it leaves none out."""

import dataclasses


def names_of(settings: object, prefix: str = "") -> set[str]:
    """The dotted names of every setting."""
    names = set()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        inside = dataclasses.is_dataclass(value)
        names |= names_of(value, f"{prefix}{field.name}.") if inside else {prefix + field.name}
    return names
