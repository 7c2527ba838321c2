"""What is trained in one world: a baseline, and experts on it with true, permuted or no labels at all.

The arms differ in ``experts.routing`` alone, which holds in training and test alike: ``experts`` sees the true labels;
``permuted`` sees those of another person, the same on all images of a person; ``always_on`` sees none and has every
expert on for every image: one bank of as many parameters as the experts have, which no label steers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mosaicreid.analyses.oracle.labels import Codes, similarity
from mosaicreid.analyses.strength.cells import ArmName, Cell, Draw
from mosaicreid.attributes import Schema
from mosaicreid.config.inclusion import inclusion_set
from mosaicreid.data.loaders import Samples
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.training.inference import extract_features
from mosaicreid.training.session import Session, open_session, routed
from mosaicreid.training.shared import earlier_stages
from mosaicreid.training.stages import train_experts

_BATCH = 256
_ROUTINGS: Mapping[ArmName, str] = {"experts": "oracle", "permuted": "permuted", "always_on": "always"}


@dataclass(frozen=True, kw_only=True)
class World:
    """One world on the disk: its images in ``root``, checkpoints and decoded images in ``runs``."""

    cell: Cell
    draw: Draw
    root: Path
    runs: Path

    @property
    def seed(self) -> int:
        """The seed of people, cameras and halves of people."""
        return self.draw.world


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A trained model on its device and the images to test it on, with the labels that belong to it; ``router`` is None
    for the baseline."""

    model: ReidModel
    router: Router | None
    query: Samples
    gallery: Samples
    device: torch.device

    def features(self, samples: Samples, codes: Codes) -> Tensor:
        """Features (N, D), on the CPU, of ``samples`` when the router gets ``codes`` (N, A)."""
        relabelled = replace(samples, codes=codes.astype(np.int64))
        return extract_features(self.model, relabelled, self.router, batch_size=_BATCH, device=self.device).cpu()

    def similarities(self, query: Codes | None = None, gallery: Codes | None = None) -> Tensor:
        """Similarities (Q, G) under the model's own labels, or under ``query`` (Q, A) and ``gallery`` (G, A)."""
        return similarity(
            self.features(self.query, self.query.codes if query is None else query),
            self.features(self.gallery, self.gallery.codes if gallery is None else gallery),
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
    return _tested(session, session.models.baseline, router=None), session.context.samples


def train_arm(world: World, name: ArmName, *, epochs: int, configuration: str = "all") -> Tested:
    """Experts of one arm on the world's baseline, whose checkpoints must be there; nothing but the experts trains."""
    cell = world.cell
    config = cell.config(
        seed=world.draw.training_seed, epochs=epochs, configuration=configuration, routing=_ROUTINGS[name]
    )
    session = open_session(config, root=world.root, runs=world.runs, cache=None)
    texts, _ = earlier_stages(session, "baseline")
    session = routed(session)
    assert session.models.router is not None
    path = world.runs / "arms" / f"{name}-{configuration}-{epochs}.pt"
    train_experts(session.context, session.models.model, session.models.router, texts, path)
    return _tested(session, session.models.model, router=session.models.router)


def _tested(session: Session, model: ReidModel, *, router: Router | None) -> Tested:
    device = session.context.accelerator.device
    router = None if router is None else router.to(device)
    return Tested(model=model.to(device), router=router, query=session.query, gallery=session.gallery, device=device)


def only_included(codes: Codes, configuration: str, schema: Schema) -> Codes:
    """``codes`` (N, A) with the labels of attributes outside ``configuration`` taken away."""
    included = inclusion_set(configuration, schema)
    return np.where([name in included for name in schema.attributes], codes, 0)
