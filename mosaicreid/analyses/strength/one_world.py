"""Everything that is trained and scored in one world that is drawn already."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.analyses.oracle.labels import Codes, Identities, label_agreement
from mosaicreid.analyses.strength.arms import Tested, World, only_included, train_arm, train_baseline
from mosaicreid.analyses.strength.cells import ArmName, Cell
from mosaicreid.analyses.strength.matched import PAPER_SHARES, match
from mosaicreid.analyses.strength.reading import read_attributes
from mosaicreid.analyses.strength.scoring import Score, Sheet, score, score_with_labels
from mosaicreid.config.parsing import parse_settings
from mosaicreid.data.loaders import Samples
from mosaicreid.datasets import get_schema
from mosaicreid.labels.routing import route


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A world with its baseline scored: what every arm is compared with.

    ``similar`` (Q, G) are the baseline's similarities, ``labels`` its scores with labels added, by their kind and the
    configuration.
    """

    world: World
    baseline: Tested
    train: Samples
    similar: Tensor
    ids: Identities
    alone: Score
    sheet: Sheet
    labels: dict[tuple[str, str], Score] = field(default_factory=dict)

    def codes(self, kind: str) -> tuple[Codes, Codes]:
        """The labels (Q, A) and (G, A) of a kind: ``true`` or ``permuted``, the latter as the arm of that name has."""
        parts = self.train, self.baseline.query, self.baseline.gallery
        if kind == "permuted":
            schema, seed = get_schema(self.world.cell.dataset), self.world.draw.training_seed
            parts = route("permuted", parts, schema=schema, seed=seed, read=self.read)
        return parts[1].codes, parts[2].codes

    def read(self, samples: Samples) -> NDArray[np.floating]:
        """The baseline's features (N, D)."""
        return self.baseline.features(samples, samples.codes).numpy()

    def added(self, similar: Tensor, codes: tuple[Codes, Codes], configuration: str = "all") -> Score:
        """Similarities (Q, G) with the labels of the attributes of ``configuration`` added."""
        schema = get_schema(self.world.cell.dataset)
        query, gallery = (only_included(part, configuration, schema) for part in codes)
        return score_with_labels(similar, query, gallery, self.ids, seed=self.world.seed)

    def baseline_with(self, kind: str, configuration: str) -> Score:
        """The baseline with labels added, scored once and then a row of the sheet."""
        key = kind, configuration
        if key not in self.labels:
            self.labels[key] = self.added(self.similar, self.codes(kind), configuration)
            self.sheet.row(self.labels[key], arm="baseline", configuration=configuration, kind=kind, added=True)
        return self.labels[key]


def score_world(world: World) -> pd.DataFrame:
    """Train and score what the world's cell asks for; the columns from ``arm`` to ``queries`` (see ``compute``).

    Raises:
        InputError: the world cannot be trained on or evaluated.
    """
    cell = world.cell
    bench = _bench(world)
    bench.baseline_with("true", "all")
    for number, epochs in enumerate(cell.lengths):
        for name in cell.arms if number == 0 else cell.long_arms:
            if name == "labels":
                _labels_alone(bench)
            elif name == "switched_off":
                _switched_off(bench, epochs=epochs)
            else:
                for configuration in cell.configurations if name == "experts" else ("all",):
                    _arm(bench, name, epochs=epochs, configuration=configuration)
    train, query, gallery = bench.train, bench.baseline.query, bench.baseline.gallery
    heads = read_attributes(
        (bench.read(train), train.codes),
        (bench.read(query), query.codes, query.pids),
        (bench.read(gallery), gallery.codes, gallery.pids),
        cell.drawn(world.draw.world),
        seed=world.seed,
    )
    matches = ~np.isnan(bench.alone.ap)
    table = bench.sheet.table().assign(
        read=heads["read"].mean(), identities=len(np.unique(query.pids[matches])), queries=int(matches.sum())
    )
    queries, learnt = (_holders(cell, samples) for samples in (query, train))
    for attribute in queries:
        table[f"people_{attribute}"] = len(np.unique(query.pids[matches & queries[attribute]]))
        table[f"trained_{attribute}"] = len(np.unique(train.pids[learnt[attribute]]))
    if cell.read_each:
        unread = heads.set_index("attribute")["unread_bits"]
        table = table.assign(**{f"unread_{attribute}": bits for attribute, bits in unread.items()})
    return table


def _holders(cell: Cell, samples: Samples) -> dict[str, NDArray[np.bool_]]:
    """Which images (N,) are of people with the second value, of every attribute whose share the cell sets."""
    attributes = get_schema(cell.dataset).attributes
    return {name: samples.codes[:, attributes.index(name)] == 2 for name in parse_settings(cell.shares)}


def _bench(world: World) -> Bench:
    baseline, train = train_baseline(world)
    query, gallery = baseline.query, baseline.gallery
    ids = query.pids, query.camids, gallery.pids, gallery.camids
    similar = baseline.similarities()
    alone = score(similar, ids)
    holders = _holders(world.cell, query)
    sheet = Sheet(alone, query.pids, groups=world.cell.groups, seed=world.seed, holders=holders)
    sheet.row(alone, arm="baseline", kind="none", added=False)
    return Bench(world=world, baseline=baseline, train=train, similar=similar, ids=ids, alone=alone, sheet=sheet)


def _arm(bench: Bench, name: ArmName, *, epochs: int, configuration: str) -> None:
    """Train one arm, and score it without and, where the cell says so, with labels added."""
    tested = train_arm(bench.world, name, epochs=epochs, configuration=configuration)
    kind = "permuted" if name == "permuted" else "true"
    own = tested.similarities()
    routed = "none" if name == "always_on" else kind
    row = partial(bench.sheet.row, arm=name, configuration=configuration, epochs=epochs)
    row(score(own, bench.ids), kind=routed, added=False)
    if not bench.world.cell.with_labels:
        return
    given = bench.baseline_with(kind, configuration)
    row(bench.added(own, bench.codes(kind), configuration), kind=kind, added=True, labels=given)
    if bench.world.cell.matched and name == "experts" and configuration == "all":
        _matched(bench, tested, epochs=epochs)


def _labels_alone(bench: Bench) -> None:
    """Rank by the agreement of labels, without any image."""
    schema = get_schema(bench.world.cell.dataset)
    for configuration in ("baseline", *bench.world.cell.configurations):
        query, gallery = (only_included(part, configuration, schema) for part in bench.codes("true"))
        scored = score(label_agreement(query, gallery), bench.ids)
        bench.sheet.row(scored, arm="labels", configuration=configuration, kind="true", added=True)


def _switched_off(bench: Bench, *, epochs: int) -> None:
    """The experts of all attributes, those outside each configuration off; they are trained already."""
    schema = get_schema(bench.world.cell.dataset)
    tested = train_arm(bench.world, "experts", epochs=epochs)
    for configuration in ("baseline", *bench.world.cell.configurations):
        query, gallery = (only_included(part, configuration, schema) for part in bench.codes("true"))
        scored = score(tested.similarities(query, gallery), bench.ids)
        bench.sheet.row(
            scored, arm="switched_off", configuration=configuration, epochs=epochs, kind="true", added=False
        )


def _matched(bench: Bench, tested: Tested, *, epochs: int) -> None:
    """Rows with labels so much worse that the oracle gains the paper's shares."""
    world = bench.world
    schema = get_schema(world.cell.dataset)
    for share, found in match(tested, bench.alone, bench.ids, schema, shares=PAPER_SHARES, seed=world.seed).items():
        for worse in found:
            codes = worse.query, worse.gallery
            labels = bench.added(bench.similar, codes)
            both = bench.added(tested.similarities(*codes), codes)
            for arm, added, scored, given in (
                ("experts", False, worse.oracle, None),
                ("baseline", True, labels, None),
                ("experts", True, both, labels),
            ):
                bench.sheet.row(
                    scored,
                    arm=arm,
                    epochs=epochs,
                    kind=worse.kind,
                    added=added,
                    target_share=share,
                    level=worse.level,
                    labels=given,
                )
