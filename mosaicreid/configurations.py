"""Which attributes own experts: the configurations of Table 3 by name, the depths of Table 6, and the open choices.

A configuration is a ``+``-joined name of clusters and attributes (``intrinsic+upper``, ``accessories+lower+upcolour``),
``all`` or ``baseline``. Table 3's forty-five are listed; any other union of the same dataset's names works as well.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaicreid.attributes import get_schema
from mosaicreid.errors import InputError, one_of

# In the published order, which the paper's forest depends on.
_TABLE3 = {
    "market1501": (
        *("all", "intrinsic", "extrinsic", "intrinsic+upper", "intrinsic+lower", "intrinsic+accessories"),
        *("lower", "accessories", "upper", "up", "upcolour", "downcolour", "down", "clothes"),
        *("bag", "handbag", "hat", "backpack", "hair", "age", "gender"),
        *("intrinsic+upper+lower", "intrinsic+accessories+upper", "intrinsic+accessories+lower", "baseline"),
    ),
    "dukemtmc": (
        *("all", "accessories+footwear", "upper", "lower", "gender", "top", "upcolour", "downcolour"),
        *("hat", "backpack", "bag", "handbag", "upper+downcolour", "accessories+upper"),
        *("accessories+lower+upcolour", "footwear", "accessories", "shoecolour", "boots", "baseline"),
    ),
}
# Table 3 of DukeMTMC pairs these two; Table 1 has no such supercategory.
_FOOTWEAR = ("boots", "shoecolour")
_TABLE6_LAST_K = (1, 2, 4, 8, 12)
_TABLE6_DEPTH = 12


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One trained model of a sweep: an inclusion set by name, and what else differs from the profile.

    ``overrides`` maps dotted names of ``Config`` to values (``{"experts.rank": 4}``), and ``label`` says the same in
    short (``rank=4``; empty for Table 3's rows).
    """

    configuration: str
    label: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the run's folder: ``all``, or ``all@rank=4``."""
        return f"{self.configuration}@{self.label}" if self.label else self.configuration


def table3(dataset: str) -> tuple[str, ...]:
    """The names of Table 3's rows in the published order: 25 for Market-1501, 20 for DukeMTMC.

    Raises:
        InputError: unknown ``dataset``.
    """
    if dataset not in _TABLE3:
        raise one_of("dataset", dataset, _TABLE3)
    return _TABLE3[dataset]


def inclusion_set(configuration: str, dataset: str) -> tuple[str, ...]:
    """The attributes that own experts under ``configuration``, in the schema's order; none for ``baseline``.

    Raises:
        InputError: ``dataset`` is unknown, or a part of the name is neither an attribute nor a cluster of it.
    """
    schema = get_schema(dataset)
    members = {name: (name,) for name in schema.attributes} | dict(schema.clusters)
    if set(_FOOTWEAR) <= set(schema.attributes):
        members["footwear"] = _FOOTWEAR
    if configuration == "baseline":
        return ()
    if configuration == "all":
        return schema.attributes
    included: set[str] = set()
    for part in configuration.split("+"):
        if part not in members:
            raise InputError(
                f"configuration {configuration!r}: {part!r} is neither an attribute nor a cluster of {dataset}; "
                f"expected all, baseline, or names joined by + out of: {', '.join(members)}"
            )
        included.update(members[part])
    return tuple(name for name in schema.attributes if name in included)


def indicators(configuration: str, dataset: str) -> dict[str, int]:
    """A row of Table 3: 1 for every attribute that is included, 0 for every other, in the schema's order."""
    included = inclusion_set(configuration, dataset)
    return {name: int(name in included) for name in get_schema(dataset).attributes}


def last_k_variants(depth: int) -> tuple[Variant, ...]:
    """Table 6: experts in the last K = 1, 2, 4, 8, 12 of twelve blocks, or the same fractions of ``depth`` blocks.

    The last is Table 3's ``all`` itself: experts in every block is what both profiles have.
    """
    scaled = sorted({math.ceil(k * depth / _TABLE6_DEPTH) for k in _TABLE6_LAST_K})
    return (
        *(_variant("all", **{"experts.last_k": k}) for k in scaled if k < depth),
        Variant(configuration="all"),
    )


def ablations() -> tuple[Variant, ...]:
    """What the paper leaves open, one choice at a time with all attributes; the defaults are Table 3's ``all``.

    Rank and pooling over active experts (Section 4.2 refers to a supplement), how tokens become one (Section 3.4),
    where the summary token is added (Section 3.4), which heads train and what the frozen encoder is (Section 3.5).
    Raw CLIP has no heads of its own, so its run starts with fresh ones.
    """
    return (
        *(_variant("all", **{"experts.rank": rank}) for rank in (1, 2, 8, 16, 32)),
        _variant("all", **{"experts.pooling": "max"}),
        _variant("all", **{"experts.token_reduction": "cls"}),
        _variant("all", **{"experts.token_reduction": "max"}),
        _variant("all", **{"experts.injection": "cls"}),
        _variant("all", **{"experts.heads": "fresh"}),
        _variant("all", **{"experts.heads": "frozen"}),
        _variant("all", **{"experts.heads": "fresh", "experts.start": "clip"}),
    )


def _variant(configuration: str, **overrides: object) -> Variant:
    label = ",".join(f"{name.rpartition('.')[2]}={value}" for name, value in sorted(overrides.items()))
    return Variant(configuration=configuration, label=label, overrides=overrides)
