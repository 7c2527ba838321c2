"""What is trained in one world: a baseline, and experts on it with true, permuted or no labels at all.

An arm's labels are the same people's in training and test: ``experts`` sees the true ones; ``permuted`` sees those of
another person, the same on all images of a person; ``always_on`` sees none and has every expert on for every image: one
bank of as many parameters as the experts have, which no label steers.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from mosaicreid.analyses.oracle.labels import Codes, similarity
from mosaicreid.analyses.strength.cells import ArmName, Cell, Draw
from mosaicreid.attributes import Schema
from mosaicreid.config.inclusion import inclusion_set
from mosaicreid.data.loaders import Samples
from mosaicreid.labels.permuted import permute_between_people
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.training.inference import extract_features
from mosaicreid.training.session import open_session
from mosaicreid.training.shared import earlier_stages
from mosaicreid.training.stages import train_experts

# What a random stream is for; part of the seed of each.
_TRAIN, _TEST = 1, 2
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class World:
    """One world on the disk: its images in ``root``, checkpoints and decoded images in ``runs``."""

    cell: Cell
    draw: Draw
    root: Path
    runs: Path

    @property
    def seed(self) -> int:
        """The seed of people, cameras, permuted labels and halves of people."""
        return self.draw.world


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A trained model and the images to test it on; ``router`` is None for the baseline.

    ``query_codes`` (Q, A) and ``gallery_codes`` (G, A) are the labels that belong to the arm.
    """

    model: ReidModel
    router: Router | None
    query: Samples
    gallery: Samples
    query_codes: Codes
    gallery_codes: Codes

    def features(self, samples: Samples, codes: Codes) -> Tensor:
        """Features (N, D) of ``samples`` when the router gets ``codes`` (N, A)."""
        relabelled = replace(samples, codes=codes.astype(np.int64))
        return extract_features(self.model, relabelled, self.router, batch_size=_BATCH, device="cpu")

    def similarities(self, query: Codes | None = None, gallery: Codes | None = None) -> Tensor:
        """Similarities (Q, G) under the arm's own labels, or under ``query`` (Q, A) and ``gallery`` (G, A)."""
        return similarity(
            self.features(self.query, self.query_codes if query is None else query),
            self.features(self.gallery, self.gallery_codes if gallery is None else gallery),
        )


def train_baseline(world: World) -> tuple[Tested, Samples]:
    """The baseline of a world, trained or from its checkpoints, and the training images.

    Raises:
        InputError: the world cannot be trained on or evaluated.
    """
    cell = world.cell
    config = cell.config(seed=world.draw.training_seed, epochs=cell.lengths[0])
    session = open_session(config, root=world.root, runs=world.runs, cache=None)
    earlier_stages(session, "baseline")
    model = session.models.baseline.to(session.context.accelerator.device)
    query, gallery = session.query, session.gallery
    tested = Tested(
        model=model,
        router=None,
        query=query,
        gallery=gallery,
        query_codes=query.codes,
        gallery_codes=gallery.codes,
    )
    return tested, session.context.samples


def train_arm(world: World, name: ArmName, *, epochs: int, configuration: str = "all") -> Tested:
    """Experts of one arm on the world's baseline, whose checkpoints must be there; nothing but the experts trains."""
    cell = world.cell
    config = cell.config(
        seed=world.draw.training_seed, epochs=epochs, configuration=configuration, always_on=name == "always_on"
    )
    session = open_session(config, root=world.root, runs=world.runs, cache=None)
    texts, _ = earlier_stages(session, "baseline")
    train, query, gallery = session.context.samples, session.query, session.gallery
    codes: Codes = train.codes
    query_codes: Codes = query.codes
    gallery_codes: Codes = gallery.codes
    if name == "permuted":
        codes = permute_between_people(codes, train.pids, np.random.default_rng([world.seed, _TRAIN]))
        query_codes, gallery_codes = permuted_test(query, gallery, seed=world.seed)
    elif name == "always_on":
        codes, query_codes, gallery_codes = (np.zeros_like(given) for given in (codes, query_codes, gallery_codes))
    context = replace(session.context, samples=replace(train, codes=codes.astype(np.int64)))
    assert session.models.router is not None
    path = world.runs / "arms" / f"{name}-{configuration}-{epochs}.pt"
    train_experts(context, session.models.model, session.models.router, texts, path)
    return Tested(
        model=session.models.model.to(context.accelerator.device),
        router=session.models.router,
        query=query,
        gallery=gallery,
        query_codes=query_codes,
        gallery_codes=gallery_codes,
    )


def permuted_test(query: Samples, gallery: Samples, *, seed: int) -> tuple[Codes, Codes]:
    """Labels of other test people for queries (Q, A) and gallery (G, A), the same on all images of a person."""
    everybody = np.concatenate([query.codes, gallery.codes])
    pids = np.concatenate([query.pids, gallery.pids])
    permuted = permute_between_people(everybody, pids, np.random.default_rng([seed, _TEST]))
    first, second = np.split(permuted, [len(query)])
    return first, second


def only_included(codes: Codes, configuration: str, schema: Schema) -> Codes:
    """``codes`` (N, A) with the labels of attributes outside ``configuration`` taken away."""
    included = inclusion_set(configuration, schema)
    return np.where([name in included for name in schema.attributes], codes, 0)
