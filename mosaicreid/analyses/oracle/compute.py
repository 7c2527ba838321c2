"""Controls and attribution on the trained models of one dataset and seed of a sweep, written beside its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from mosaicreid.analyses.oracle import ablation
from mosaicreid.analyses.oracle.controls import NOISE, Probe, run_controls
from mosaicreid.analyses.oracle.parts import PARTS, part_path, partition, permuted_path
from mosaicreid.config.settings import Config
from mosaicreid.data.fingerprint import content_fingerprint
from mosaicreid.datasets import get_schema
from mosaicreid.errors import InputError
from mosaicreid.files import atomic_path
from mosaicreid.labels.permuted import permute_between_people
from mosaicreid.models.reid import ReidModel
from mosaicreid.runs import read_run, run_folder
from mosaicreid.training.checkpoints import differing_settings, load_checkpoint
from mosaicreid.training.session import Session, open_session
from mosaicreid.training.shared import SHARED_STAGES, earlier_stages
from mosaicreid.training.stages import identity, train_experts

# The same people in every seed, so that seeds are compared on the same queries.
_PEOPLE_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is computed: noise levels, people and pairs of orders of the attribution.

    Raises:
        InputError: fewer than two people or two pairs.
    """

    noise: tuple[float, ...] = NOISE
    people: int = 24
    pairs: int = 10

    def __post_init__(self) -> None:
        """Check what a user may set."""
        if self.people < 2 or self.pairs < 2:
            raise InputError(
                f"Shapley values by {self.people} people and {self.pairs} pairs of orders; expected 2 of each at least"
            )


def run_oracle(
    runs: Path, *, dataset: str, seed: int, root: Path, effort: Effort | None = None, cache: Path | None = None
) -> list[Path]:
    """Every control, and the Shapley values, of the run ``all`` of one seed; returns the files written.

    ``root`` is the dataset's folder, ``cache`` that of decoded images (see ``open_session``). The run and the shared
    stages are read, never trained; only the experts of the control with permuted labels are, and are not kept.

    Raises:
        InputError: the run, a checkpoint of its own settings, or the images are missing.
    """
    effort = effort or Effort()
    config = read_run(run_folder(runs, dataset=dataset, name="all", seed=seed)).config
    session, model = trained(config, root=root, runs=runs, cache=cache)
    router, query, gallery = session.models.router, session.query, session.gallery
    assert router is not None
    schema = get_schema(dataset)
    probe = Probe(
        schema=schema,
        baseline=session.models.baseline,
        model=model,
        permuted=train_permuted(config, root=root, runs=runs, cache=cache),
        router=router,
        train=session.context.samples,
        query=query,
        gallery=gallery,
        device=str(session.context.accelerator.device),
    )
    answers = run_controls(probe, seed=seed, noise=effort.noise)
    some = ablation.subsample_people(query, gallery, people=effort.people, seed=_PEOPLE_SEED)
    ablated = ablation.Ablated(model=model, router=router, query=some[0], gallery=some[1], device=probe.device)
    tables: Mapping[str, pd.DataFrame] = {
        "heads": answers.heads,
        "weights": answers.weights,
        "attributes": ablation.attribute_values(ablated, pairs=effort.pairs, seed=seed).assign(pairs=effort.pairs),
        "clusters": ablation.cluster_values(ablated, partition(schema)),
        "controls": answers.per_query,
    }
    paths = [part_path(runs, dataset=dataset, seed=seed, part=name) for name in PARTS]
    for path, name in zip(paths, PARTS, strict=True):
        with atomic_path(path) as temporary:
            tables[name].assign(seed=seed, gallery=len(some[1])).to_parquet(temporary, index=False)
    return paths


def trained(config: Config, *, root: Path, runs: Path, cache: Path | None) -> tuple[Session, ReidModel]:
    """A session and its model with experts as a finished run left them.

    Raises:
        InputError: a checkpoint is missing, unfinished, or of other settings than the run's.
    """
    session = open_session(config, root=root, runs=runs, cache=cache)
    texts = _from_checkpoints(session)
    folder = run_folder(runs, dataset=config.data.dataset, name="all", seed=config.seed)
    _require(session, "experts", folder / "experts.pt")
    assert session.models.router is not None
    train_experts(session.context, session.models.model, session.models.router, texts, folder / "experts.pt")
    session.models.model.to(session.context.accelerator.device)
    return session, session.models.model


def train_permuted(config: Config, *, root: Path, runs: Path, cache: Path | None = None) -> ReidModel:
    """The model with experts trained on the labels of other training people, everything else as in ``config``.

    Encoder, heads and prompts are the run's own; only who carries which labels changes, the same on all images of a
    person. The checkpoint lies beside the controls, so that a training that was interrupted goes on. Errors as
    ``trained``.
    """
    session = open_session(config, root=root, runs=runs, cache=cache)
    texts = _from_checkpoints(session)
    samples = session.context.samples
    codes = permute_between_people(samples.codes, samples.pids, np.random.default_rng(config.seed))
    permuted = replace(samples, codes=codes.astype(np.int64))
    context = replace(
        session.context,
        samples=permuted,
        labels=content_fingerprint(session.data.train, permuted.codes, permuted.pixels[:, :, :0]),
    )
    assert session.models.router is not None
    path = permuted_path(runs, dataset=config.data.dataset, seed=config.seed)
    train_experts(context, session.models.model, session.models.router, texts, path)
    return session.models.model.to(context.accelerator.device)


def _from_checkpoints(session: Session) -> Tensor | None:
    """The shared stages as they lie there; the text features (P, D), None without a text tower."""
    config, shared = session.context.config, session.context.shared
    if not config.model.clip_reid:
        for stage in SHARED_STAGES:
            skipped = {"pretrain": config.model.weights != "pretrain", "prompts": config.model.text == "none"}
            if not skipped.get(stage):
                _require(session, stage, shared / f"{stage}.pt")
    return earlier_stages(session, "baseline")[0]


def _require(session: Session, stage: str, path: Path) -> None:
    checkpoint = load_checkpoint(path, stage=stage)
    different = differing_settings(checkpoint.settings, identity(session.context, stage))
    if different or not checkpoint.done:
        reason = f"has other settings ({', '.join(different[:5])})" if different else "is not finished"
        raise InputError(f"{path} {reason}; expected the checkpoint that the run was made with: run the sweep first")
