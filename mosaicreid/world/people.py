"""The synthetic world's people: how common every attribute value is, how visible, and what that makes knowing it worth.

Every image of a person shows, attribute by attribute, either the truth, with probability ``visibility``, or what a
stranger would show: a value drawn from the same distribution as the truth. So a shown value x of a true value t has

    P(x | t) = visibility * [x = t] + (1 - visibility) * prior(x)

and pictures stay natural whatever they hide. What an image tells about an attribute is the mutual information I(T; X),
and what an oracle adds to an image is the rest, the knowledge gain H(T | X) = H(T) - I(T; X), in bits: nothing where
everybody is alike (no entropy) or everything is seen (visibility 1).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mosaicreid.attributes import Annotation, Schema
from mosaicreid.datasets import get_folder_dataset
from mosaicreid.errors import InputError, one_of


@dataclass(frozen=True, kw_only=True)
class World:
    """A schema with a prior over every attribute's values and a visibility in 0..1 for every attribute.

    ``variety`` is the number of attribute vectors that people are drawn from, per person; see ``draw_people``.

    Raises:
        InputError: a prior that does not add up to 1 over its attribute's values, or an attribute without visibility,
            with one outside 0..1, or unknown.
    """

    schema: Schema
    priors: Mapping[str, tuple[float, ...]]
    visibility: Mapping[str, float]
    variety: float

    def __post_init__(self) -> None:
        """Check both mappings against the schema."""
        for group in self.schema.groups:
            prior = self.priors.get(group.name, ())
            if len(prior) != len(group.values) or min(prior) < 0 or not abs(sum(prior) - 1) < 1e-9:
                raise InputError(
                    f"the prior of {group.name} must be {len(group.values)} shares that add up to 1; got {prior}"
                )
            if group.name not in self.visibility:
                raise InputError(f"{group.name} has no visibility; expected one for every attribute")
        for name, value in self.visibility.items():
            if name not in self.schema.attributes:
                raise one_of("attribute with a visibility", name, self.schema.attributes)
            if not 0 <= value <= 1:
                raise InputError(f"the visibility of {name} must be in 0..1; got {value}")

    def truth(self) -> list[dict[str, float | str]]:
        """Per attribute: attribute, visibility, entropy_bits, shown_bits (I(T; X)), knowledge_gain_bits (H(T | X))."""
        rows: list[dict[str, float | str]] = []
        for name in self.schema.attributes:
            prior, visibility = np.array(self.priors[name]), self.visibility[name]
            total, gain = entropy(prior), knowledge_gain(prior, prior, visibility)
            rows.append(
                {
                    "attribute": name,
                    "visibility": visibility,
                    "entropy_bits": total,
                    "shown_bits": total - gain,
                    "knowledge_gain_bits": gain,
                }
            )
        return rows

    def knowledge_gain_among(self, codes: NDArray[np.int16]) -> dict[str, float]:
        """H(T | X) by attribute, bits, among people with ``codes`` (P, A), whose shares need not be the prior's."""
        return {
            group.name: knowledge_gain(
                value_shares(codes[:, column], len(group.values)),
                np.array(self.priors[group.name]),
                self.visibility[group.name],
            )
            for column, group in enumerate(self.schema.groups)
        }

    def draw_people(self, people: int, generator: np.random.Generator) -> NDArray[np.int16]:
        """(P, A) codes of ``people`` identities.

        As in the real annotations, many people look alike: everybody gets one of ``variety * people`` attribute
        vectors, in each of which every attribute is drawn from its prior.
        """
        vectors = max(2, round(self.variety * people))
        columns = [
            1 << generator.choice(len(group.values), size=vectors, p=self.priors[group.name])
            for group in self.schema.groups
        ]
        return np.stack(columns, axis=1).astype(np.int16)[generator.integers(vectors, size=people)]

    def shown(self, codes: NDArray[np.int16], generator: np.random.Generator) -> dict[str, tuple[str, ...]]:
        """What one image shows of a person with ``codes`` (A,): the names of the shown values by attribute.

        An attribute without a label shows none, and two labels both, where the truth is shown.
        """
        look = {}
        uniform = generator.random((len(self.schema.groups), 2)).tolist()
        for group, code, (hidden, chance) in zip(self.schema.groups, codes.tolist(), uniform, strict=True):
            names = tuple(value for bit, value in enumerate(group.values) if code >> bit & 1)
            stranger = group.values[bisect_right(self._cumulative[group.name], chance)]
            look[group.name] = names if hidden < self.visibility[group.name] else (stranger,)
        return look

    @cached_property
    def _cumulative(self) -> dict[str, list[float]]:
        # A generator's own choice() checks and adds the probabilities up anew for every draw.
        sums = {name: np.cumsum(prior) for name, prior in self.priors.items()}
        return {name: (values / values[-1]).tolist() for name, values in sums.items()}


def entropy(distribution: NDArray[np.floating]) -> float:
    """Shannon entropy in bits; zero probabilities count nothing."""
    positive = distribution[distribution > 0]
    return float(-(positive * np.log2(positive)).sum())


def value_shares(codes: NDArray[np.integer], values: int) -> NDArray[np.float64]:
    """Share of each value among the labels in ``codes`` (P,); who has no label does not count, who has two does twice.

    Nobody labelled: all shares are 0, as is the entropy.
    """
    counts = (codes[:, None] >> np.arange(values) & 1).sum(axis=0)
    return counts / max(1, counts.sum())


def knowledge_gain(people: NDArray[np.float64], prior: NDArray[np.float64], visibility: float) -> float:
    """H(T | X) = H(T, X) - H(X) in bits, where T is distributed as ``people`` and an unseen T shows a value of the
    prior, both (values,)."""
    joint = people[:, None] * (visibility * np.eye(len(prior)) + (1 - visibility) * prior)
    return max(0.0, entropy(joint.ravel()) - entropy(joint.sum(axis=0)))


def make_world(
    like: str,
    *,
    visibility: Mapping[str, float] | None = None,
    annotation: Mapping[str, Annotation] | None = None,
    legibility: float | None = None,
    shares: Mapping[str, float] | None = None,
) -> World:
    """The default world of a dataset, with some visibilities replaced, or with the priors of a real annotation.

    The priors of an annotation are the shares of its identities with each value; who is unlabelled does not count.
    ``legibility`` (``WorldOptions``), in place of the dataset's own, raises every visibility but the replaced ones.
    ``shares`` are of the people with the second value (``yes``), 0..1, by attribute of two values.

    Raises:
        InputError: ``like`` is not a dataset, or a visibility or share names no attribute that can have it or is not
            in 0..1.
    """
    dataset = get_folder_dataset(like)
    schema, defaults = dataset.schema, dataset.synthetic
    priors = dict(defaults.priors)
    if annotation is not None:
        codes = np.concatenate([split.codes for split in annotation.values()])
        for column, group in enumerate(schema.groups):
            priors[group.name] = tuple(value_shares(codes[:, column], len(group.values)).tolist())
    for name, second in (shares or {}).items():
        pairs = [group.name for group in schema.groups if len(group.values) == 2]
        if name not in pairs:
            raise one_of("attribute of two values with a share", name, pairs)
        number = isinstance(second, int | float) and not isinstance(second, bool)
        if not number or not 0 <= second <= 1:
            raise InputError(f"the share of {name} must be a number in 0..1; got {second!r}")
        priors[name] = (1 - second, second)
    more = defaults.options.legibility if legibility is None else legibility
    legible = {name: share + more * (1 - share) for name, share in defaults.visibility.items()}
    return World(
        schema=schema,
        priors=priors,
        visibility=legible | dict(visibility or {}),
        variety=defaults.variety,
    )
