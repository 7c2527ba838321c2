"""What has to be said of a dataset; each file beside this one says it of one dataset."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mosaicreid.attributes import AttributeGroup, AttributeType, Schema
from mosaicreid.datasets.world_options import WorldOptions


@dataclass(frozen=True)
class Counts:
    """How many images a folder holds, and of how many people (junk and distractors are nobody)."""

    images: int
    identities: int


@dataclass(frozen=True, kw_only=True)
class ImageNames:
    """The names of image files.

    ``pattern`` has two groups, identity and camera; ``example`` is a name as people know it. ``template`` makes one, of
    ``who`` (the identity as it is written), ``camid`` and ``index``.
    """

    pattern: re.Pattern[str]
    example: str
    template: str


@dataclass(frozen=True, kw_only=True)
class AnnotationLayout:
    """The .mat file of a dataset's annotation.

    ``order`` lists the fields of each split (train, test) in the authors' order, apart by spaces: reading does not
    depend on it, writing keeps it. An attribute has one field of its own name, unless ``renamed`` has another, or
    ``per_value`` a prefix: then it has one field per value, in bit order.
    """

    file_name: str
    order: Mapping[str, str]
    per_value: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def fields(self, group: AttributeGroup) -> tuple[str, ...]:
        """The fields of an attribute: one that holds codes, or several, one per value."""
        if group.name in self.per_value:
            return tuple(self.per_value[group.name] + value for value in group.values)
        return (self.renamed.get(group.name, group.name),)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a file comes from: its page for people, its address for programs, and the sha256 of its bytes."""

    page: str
    url: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SyntheticPriors:
    """What the synthetic world of a dataset is drawn from (see ``world.people``).

    ``priors``: shares of an attribute's values, by attribute. ``visibility``: how often an image shows an attribute,
    0..1. ``variety``: attribute vectors to draw from per identity. ``extras``: whether the gallery holds distractors
    and junk. ``rare_values``: attribute -> a rare value, for pictures in which a hidden value is noticed. ``options``:
    everything else that may be set of a world.
    """

    priors: Mapping[str, tuple[float, ...]]
    visibility: Mapping[str, float]
    variety: float
    extras: bool
    rare_values: Mapping[str, str]
    options: WorldOptions = field(default_factory=WorldOptions)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One dataset: its name in commands, its title in print, and its attributes; how its files are read, a subclass
    says."""

    name: str
    title: str
    schema: Schema


@dataclass(frozen=True, kw_only=True)
class FolderDataset(Dataset):
    """A dataset in three folders, with identity and camera in the images' names, and annotation in MATLAB's form.

    ``world_title``: what a synthetic world like it is called in print, never by the dataset's own title. ``counts``:
    the published numbers by split (train, query, gallery). ``source``: of the annotation file.
    """

    world_title: str

    images: ImageNames
    cameras: int
    counts: Mapping[str, Counts]
    annotation: AnnotationLayout
    source: Source
    synthetic: SyntheticPriors


@dataclass(frozen=True, kw_only=True)
class TableDataset(Dataset):
    """A dataset in two tables (CSV) below its root, as ``data.tables`` reads them.

    ``images``: a row per image. ``attributes``: a row per identity or per image. ``unknown``: texts that, like an empty
    cell, mean that there is no label.
    """

    images: str
    attributes: str
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForeignDataset(Dataset):
    """A dataset in its authors' own form, beside the paper's two; ``data.formats`` reads it.

    ``form``: the module there. ``protocol``: the file that lists query and gallery, below the root, where there are
    several. ``images``: the published numbers of images, by split.
    """

    form: str
    protocol: str = ""
    images: Mapping[str, int]


def single_state(name: str, cluster: str, description: str) -> AttributeGroup:
    """An attribute of which only the presence owns an expert."""
    return AttributeGroup(
        name=name,
        type=AttributeType.single_state,
        values=("no", "yes"),
        cluster=cluster,
        description=description,
    )


def dual_state(name: str, values: tuple[str, str], cluster: str, description: str) -> AttributeGroup:
    """An attribute of two states that own an expert each."""
    return AttributeGroup(
        name=name, type=AttributeType.dual_state, values=values, cluster=cluster, description=description
    )


def multiclass(name: str, values: str, cluster: str, description: str) -> AttributeGroup:
    """An attribute of several values, given as words, that own an expert each."""
    return AttributeGroup(
        name=name,
        type=AttributeType.multiclass,
        values=tuple(values.split()),
        cluster=cluster,
        description=description,
    )
