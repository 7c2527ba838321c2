"""Which attributes own experts: an inclusion set by its name.

A name joins clusters and attributes by ``+`` (``intrinsic+upper``, ``accessories+lower+upcolour``), or is ``all`` or
``baseline``.
"""

from mosaicreid.attributes import Schema
from mosaicreid.errors import InputError


def inclusion_set(configuration: str, schema: Schema) -> tuple[str, ...]:
    """The attributes that own experts under ``configuration``, in the schema's order; none for ``baseline``.

    Raises:
        InputError: a part of the name is neither an attribute nor a cluster of the schema.
    """
    members = {name: (name,) for name in schema.attributes} | dict(schema.clusters) | dict(schema.unions)
    if configuration == "baseline":
        return ()
    if configuration == "all":
        return schema.attributes
    included: set[str] = set()
    for part in configuration.split("+"):
        if part not in members:
            raise InputError(
                f"configuration {configuration!r}: {part!r} is neither an attribute nor a cluster of {schema.dataset}; "
                f"expected all, baseline, or names joined by + out of: {', '.join(members)}"
            )
        included.update(members[part])
    return tuple(name for name in schema.attributes if name in included)


def indicators(configuration: str, schema: Schema) -> dict[str, int]:
    """A row of Table 3: 1 for every attribute that is included, 0 for every other, in the schema's order."""
    included = inclusion_set(configuration, schema)
    return {name: int(name in included) for name in schema.attributes}
