"""Shapley values of labels without images, whose interval takes people for independent of each other.

They are not quite: people are each other's distractors, so one person's labels move the values of all others. Only a
retrieval with a gallery of its own can show what that does, so people, cameras and labels are drawn anew every time.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mosaicreid.analyses.coverage.tally import Intervals
from mosaicreid.analyses.shapley.tables import person_games
from mosaicreid.attributes import Annotation, Schema
from mosaicreid.data.folders import Images
from mosaicreid.datasets import get_schema
from mosaicreid.statistics.bootstrap import paired_mean

# Enough labels to tell most people apart; the games of all would take twenty times as long.
_ATTRIBUTES = 6


@dataclass(frozen=True, kw_only=True)
class LabelStudy:
    """``people`` with an image in each of ``cameras``, all of them queries and gallery; ``schema``: their labels."""

    people: int
    cameras: int
    schema: Schema

    @classmethod
    def of(cls, dataset: str, *, people: int, cameras: int) -> "LabelStudy":
        """The attributes of a dataset with most values first, as many as a simulation has time for."""
        schema = get_schema(dataset)
        groups = sorted(schema.groups, key=lambda group: -len(group.values))[:_ATTRIBUTES]
        return cls(people=people, cameras=cameras, schema=replace(schema, groups=tuple(groups), unions={}))


def label_values(study: LabelStudy, generator: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    """Shapley values (A,) in points with the ends of their intervals, of one draw of people.

    Values of an attribute are as frequent as 1, 1/2, 1/3 and so on.
    """
    codes = np.empty((study.people, len(study.schema.groups)), dtype=np.int16)
    for column, group in enumerate(study.schema.groups):
        weight = 1 / np.arange(1, len(group.values) + 1)
        codes[:, column] = 1 << generator.choice(len(weight), study.people, p=weight / weight.sum())
    pids = np.repeat(np.arange(1, study.people + 1), study.cameras)
    images = Images(("",) * len(pids), pids, np.tile(np.arange(1, study.cameras + 1), study.people))
    annotation = Annotation(study.schema, "test", np.arange(1, study.people + 1), codes)
    values, of_query = person_games(images, images, annotation)
    return tuple(np.array([paired_mean(row[None], of_query) for row in values]).T)


def judge_labels(study: LabelStudy, draws: int, generator: np.random.Generator) -> list[Intervals]:
    """Every interval of ``draws`` draws of people. The truth, what these values are on average, is the mean over all
    draws but the one that is judged."""
    estimate, low, high = np.stack([label_values(study, generator) for _ in range(draws)], axis=1)
    target = (estimate.sum(axis=0) - estimate) / (draws - 1)
    return [
        Intervals(estimate=e, low=a, high=b, target=t) for e, a, b, t in zip(estimate, low, high, target, strict=True)
    ]
