"""Pedestrian attributes: their types, values and clusters (Table 1), and who is annotated with what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.errors import InputError, one_of

_SUPERCATEGORIES = ("intrinsic", "upper", "lower", "accessories")


class AttributeType(StrEnum):
    """How the states of an attribute become experts (Section 3.3)."""

    single_state = "single-state binary"
    dual_state = "dual-state binary"
    multiclass = "multiclass"


@dataclass(frozen=True, kw_only=True)
class AttributeGroup:
    """One attribute. ``values`` are all its states; state v is bit v of a code (see ``Annotation``).

    ``description`` is its name in print: what figures, tables and pages show in place of ``name``.
    """

    name: str
    type: AttributeType
    values: tuple[str, ...]
    cluster: str
    description: str

    @property
    def expert_values(self) -> tuple[str, ...]:
        """The values that own an expert: a single-state attribute has none for its absence, the others one for each."""
        return self.values[1:] if self.type is AttributeType.single_state else self.values


@dataclass(frozen=True)
class Schema:
    """The attributes of one dataset, in the column order of Table 3.

    ``unions`` are further names for several attributes, beside the clusters.
    """

    dataset: str
    groups: tuple[AttributeGroup, ...]
    unions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The A attribute names; column a of a code array is attribute a."""
        return tuple(group.name for group in self.groups)

    @cached_property
    def experts(self) -> tuple[str, ...]:
        """The E expert names ``attribute=value``: attributes in schema order, values in bit order."""
        return tuple(f"{group.name}={value}" for group in self.groups for value in group.expert_values)

    @cached_property
    def expert_positions(self) -> npt.NDArray[np.int64]:
        """(E, 2) int64: for each expert, the column of its attribute in a code array and the bit of its value."""
        positions = [
            (column, group.values.index(value))
            for column, group in enumerate(self.groups)
            for value in group.expert_values
        ]
        return np.array(positions, dtype=np.int64)

    @cached_property
    def clusters(self) -> Mapping[str, tuple[str, ...]]:
        """Table 1's supercategories first, then any of a schema's own, each with its attributes.

        Where some attributes are intrinsic, ``extrinsic`` is the union of all others (Section 4.1).
        """
        used = [group.cluster for group in self.groups]
        members = {
            cluster: tuple(group.name for group in self.groups if group.cluster == cluster)
            for cluster in (*(name for name in _SUPERCATEGORIES if name in used), *used)
        }
        if "intrinsic" in members:
            members["extrinsic"] = tuple(name for name in self.attributes if name not in members["intrinsic"])
        return members

    def group(self, name: str) -> AttributeGroup:
        """The attribute called ``name``; InputError where the dataset has none."""
        for group in self.groups:
            if group.name == name:
                return group
        raise one_of(f"attribute of {self.dataset}", name, self.attributes)

    def describe(self) -> pd.DataFrame:
        """Table 1 for this dataset: one row per attribute, with its values and the number of its experts."""
        rows = [
            {
                "supercategory": group.cluster,
                "attribute": group.name,
                "description": group.description,
                "type": group.type.value,
                "values": ", ".join(group.values),
                "experts": len(group.expert_values),
            }
            for group in self.groups
        ]
        return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Annotation:
    """Which identity of one split has which attribute values.

    ``pids``: (P,) int64, ascending, unique. ``codes``: (P, A) int16; bit v of ``codes[p, a]`` is set when value v of
    attribute a is annotated, so 0 means not labelled and several bits mean several labels.

    Raises:
        InputError: shapes that do not agree, identities out of order or twice, or a bit beyond an attribute's values.
    """

    schema: Schema
    split: str
    pids: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        """Check the arrays against the schema."""
        if self.codes.shape != (len(self.pids), len(self.schema.groups)):
            raise InputError(
                f"annotation of {self.schema.dataset} {self.split}: codes have the shape {self.codes.shape}, "
                f"expected {(len(self.pids), len(self.schema.groups))} (identities, attributes)"
            )
        if (np.diff(self.pids) <= 0).any():
            raise InputError(
                f"annotation of {self.schema.dataset} {self.split}: identities must ascend without repetition"
            )
        for column, group in enumerate(self.schema.groups):
            wrong = np.flatnonzero(self.codes[:, column] & ~((1 << len(group.values)) - 1))
            if len(wrong):
                row = wrong[0]
                raise InputError(
                    f"annotation of {self.schema.dataset} {self.split}: attribute {group.name}, "
                    f"identity {self.pids[row]}: code {self.codes[row, column]} sets a bit beyond its "
                    f"{len(group.values)} values"
                )

    def lookup(self, pids: npt.ArrayLike) -> npt.NDArray[np.int16]:
        """The codes of ``pids`` (N,) as (N, A) int16: zeros for identities without annotation (distractors, junk)."""
        wanted = np.asarray(pids, dtype=np.int64)
        codes = np.zeros((len(wanted), len(self.schema.groups)), dtype=np.int16)
        known = np.isin(wanted, self.pids)
        codes[known] = self.codes[np.searchsorted(self.pids, wanted[known])]
        return codes

    def table(self) -> pd.DataFrame:
        """Value names by identity (index ``pid``) and attribute: ``""`` for no label, ``black+white`` for several."""
        columns: dict[str, Any] = {}
        for column, group in enumerate(self.schema.groups):
            names = {
                code: "+".join(value for bit, value in enumerate(group.values) if code >> bit & 1)
                for code in np.unique(self.codes[:, column]).tolist()
            }
            columns[group.name] = [names[code] for code in self.codes[:, column].tolist()]
        return pd.DataFrame(columns, index=pd.Index(self.pids, name="pid"))


@dataclass(frozen=True, eq=False)
class ImageAnnotation:
    """Which image of one split has which attribute values, where labels are given image by image.

    ``paths``: N image paths as the dataset lists them, each once. ``codes``: (N, A) int16 as of ``Annotation``.
    """

    schema: Schema
    split: str
    paths: tuple[str, ...]
    codes: npt.NDArray[np.int16]

    def lookup_paths(self, paths: Sequence[str]) -> npt.NDArray[np.int16]:
        """The codes of ``paths`` as (N, A) int16: zeros for images without a row."""
        place = {path: row for row, path in enumerate(self.paths)}
        codes = np.zeros((len(paths), len(self.schema.groups)), dtype=np.int16)
        for row, path in enumerate(paths):
            if path in place:
                codes[row] = self.codes[place[path]]
        return codes
