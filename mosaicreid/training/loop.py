"""The loop that all four stages share: epochs, schedule, checkpoints, history, and a stop where numbers go wrong."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mosaicreid.config.settings import STAGES, StageConfig
from mosaicreid.data.sampler import Indices
from mosaicreid.locks import check_there, sole_trainer
from mosaicreid.progress import bar
from mosaicreid.signals import EndedBySignal, ending_noted
from mosaicreid.training.checkpoints import (
    Checkpoint,
    Part,
    differing_settings,
    load_checkpoint,
    load_state,
    save_checkpoint,
)
from mosaicreid.training.distributed import any_process
from mosaicreid.training.optimiser import fingerprint, make_optimiser, train_only
from mosaicreid.training.schedules import cosine, multistep

if TYPE_CHECKING:
    from accelerate import Accelerator


class TrainingDivergedError(RuntimeError):
    """A loss that is not finite; the message names stage, epoch, step, learning rate and every loss term."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage, ready to run.

    ``objective`` maps a batch's tensors to loss terms, ``trained`` is the part of it that learns and that goes into the
    checkpoint, ``weights`` the factor of each term. ``plan(epoch)`` lists the image indices of every batch, and
    ``load(epoch, plan)`` yields this process's share of each, after ``prepare()``, which is called once and only where
    something is left to train. ``identity`` are the plain values that the stage's numbers depend on: a checkpoint of
    others is not resumed.
    """

    name: str
    settings: StageConfig
    objective: nn.Module
    trained: nn.Module
    weights: Mapping[str, float]
    plan: Callable[[int], list[Indices]]
    load: Callable[[int, list[Indices]], Iterator[tuple[Tensor, ...]]]
    identity: Mapping[str, Any]
    seed: int
    prepare: Callable[[], None] = lambda: None


def learning_rate_factor(settings: StageConfig, epoch: int) -> float:
    """The factor on the base learning rate in ``epoch``, counted from 1."""
    if settings.schedule == "cosine":
        return cosine(
            epoch,
            epochs=settings.epochs,
            end_factor=settings.final_learning_rate / settings.learning_rate,
            warmup_epochs=settings.warmup_epochs,
            warmup_factor=settings.warmup_factor,
        )
    return multistep(
        epoch,
        milestones=settings.milestones,
        decay=settings.decay,
        warmup_epochs=settings.warmup_epochs,
        warmup_factor=settings.warmup_factor,
    )


def fit(stage: Stage, accelerator: "Accelerator", path: Path, *, board: Path | None = None) -> pd.DataFrame:
    """Run ``stage``, or what is left of it, and leave its trained part in ``stage.trained`` and in ``path``.

    A checkpoint at ``path`` of the same settings is resumed where it was left, with the same numbers as an
    uninterrupted run; one of other settings is replaced, which a printed line says. It was left after its last whole
    epoch, or within one if a signal told the process to end, which it does after the step that it is at. While a stage
    trains, no other process does in the folder of ``path``; a finished one is read as it is. ``board`` is the stage's
    folder for TensorBoard, which gets every epoch as it ends.

    Returns:
        The history, a row per epoch: stage, epoch, learning_rate, loss, every loss term unweighted, seconds, the
        processors' cpu_seconds, and images_per_second.

    Raises:
        InputError: another process trains in the folder and goes on.
        TrainingDivergedError: the loss was not finite.
        RuntimeError: a frozen parameter changed.
        EndedBySignal: told to end; what is done is in ``path``.
    """
    train_only(stage.objective, stage.trained)
    stage.objective.to(accelerator.device)
    start, said = _resumable(stage, path)
    if start is None or not start.done:
        with sole_trainer(path.parent, accelerator):
            # Read again: whoever trained here until now may have gone on.
            start, said = _resumable(stage, path)
            if start is None or not start.done:
                return _train(stage, accelerator, path, start, said, board)
    accelerator.print(said)
    load_state(stage.trained, start.model, source=str(path))
    return pd.DataFrame(start.history)


def _train(
    stage: Stage, accelerator: "Accelerator", path: Path, start: Checkpoint | None, said: str, board: Path | None
) -> pd.DataFrame:
    """Train what is left after ``start``; see ``fit``."""
    if said:
        accelerator.print(said)
    if start is not None:
        load_state(stage.trained, start.model, source=str(path))
    frozen = [parameter for parameter in stage.objective.parameters() if not parameter.requires_grad]
    before = fingerprint(frozen)
    module, optimiser = accelerator.prepare(stage.objective, make_optimiser(stage.objective, stage.settings))
    if accelerator.scaler is not None:
        # An accelerator serves several stages, each of which starts as if it were the first of its process.
        accelerator.scaler.load_state_dict(start.scaler if start else torch.amp.GradScaler("cuda").state_dict())
    history: list[dict[str, Any]] = []
    part = Part()
    if start is not None:
        history = start.history
        optimiser.load_state_dict(start.optimiser)
        part = Part(**start.part or {})
    first = len(history) + 1
    _announce(stage, first, accelerator)
    stage.prepare()

    def save() -> None:
        if accelerator.is_main_process:
            check_there(path.parent)
            save_checkpoint(path, _checkpoint(stage, part, optimiser, accelerator, history))
        accelerator.wait_for_everyone()

    with _board(board if accelerator.is_main_process else None, first) as show, ending_noted() as told:
        for epoch in range(first, stage.settings.epochs + 1):
            row = _epoch(stage, epoch, part, module, optimiser, accelerator, told)
            if row is None:
                save()
                accelerator.print(f"{path}: left in epoch {epoch}, after step {part.steps}")
                break
            history.append(row)
            part = Part()
            if epoch == stage.settings.epochs and fingerprint(frozen) != before:
                raise RuntimeError(f"stage {stage.name}: a parameter that should be frozen has changed")
            save()
            show(row)
    if part.steps:
        # Told to end was another process of the run.
        raise EndedBySignal(signal.SIGTERM)
    accelerator.free_memory()
    return pd.DataFrame(history)


@contextmanager
def _board(folder: Path | None, first: int) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A function that shows a row of the history in TensorBoard; without a ``folder`` it does nothing."""
    if folder is None:
        yield lambda row: None
        return
    from torch.utils.tensorboard import SummaryWriter

    # A stage that is resumed, or starts anew, takes back the epochs that are shown from its first one on.
    with SummaryWriter(str(folder), purge_step=first) as writer:

        def show(row: Mapping[str, Any]) -> None:
            for name in sorted(row.keys() - {"stage", "epoch"}):
                writer.add_scalar(f"{row['stage']}/{name}", row[name], row["epoch"])
            writer.flush()

        yield show


def _epoch(
    stage: Stage,
    epoch: int,
    part: Part,
    module: nn.Module,
    optimiser: Any,
    accelerator: "Accelerator",
    told: Callable[[], bool],
) -> dict[str, Any] | None:
    """Train what is left of an epoch after ``part``; its row of the history, or None if ``told`` to end before its last
    step. ``part`` is then what is done."""
    rate = stage.settings.learning_rate * learning_rate_factor(stage.settings, epoch)
    for group in optimiser.param_groups:
        group["lr"] = group["base_rate"] * learning_rate_factor(stage.settings, epoch)
    # Every epoch seeds its own generator, so that an epoch can be repeated without the ones before it.
    torch.manual_seed(int(np.random.SeedSequence([stage.seed, STAGES.index(stage.name), epoch]).generate_state(1)[0]))
    module.train()
    plan = stage.plan(epoch)
    started, computed = time.perf_counter() - part.seconds, time.process_time() - part.cpu_seconds
    batches = islice(stage.load(epoch, plan), part.steps, None)
    _set_generators(part.generators, accelerator.device)
    progress = bar(batches, f"{stage.name} {epoch}/{stage.settings.epochs}", total=len(plan) - part.steps, unit="step")
    for step, tensors in enumerate(progress, start=part.steps + 1):
        terms = module(*tensors)
        loss = torch.stack([stage.weights[name] * term for name, term in terms.items()]).sum()
        values = dict(zip(("loss", *terms), torch.stack([loss, *terms.values()]).tolist(), strict=True))
        if not math.isfinite(values["loss"]):
            listed = ", ".join(f"{name} {value:g}" for name, value in values.items())
            raise TrainingDivergedError(
                f"stage {stage.name}, epoch {epoch}, step {step} of {len(plan)}, learning rate {rate:g}: {listed}"
            )
        accelerator.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        part.steps, part.sums = step, {name: part.sums.get(name, 0.0) + value for name, value in values.items()}
        progress.set_postfix(loss=f"{values['loss']:.3f}", refresh=False)
        if step < len(plan) and any_process(told, accelerator):
            part.seconds, part.cpu_seconds = time.perf_counter() - started, time.process_time() - computed
            part.generators = _generators(accelerator.device)
            return None
    seconds = time.perf_counter() - started
    return {
        "stage": stage.name,
        "epoch": epoch,
        "learning_rate": rate,
        **{name: total / len(plan) for name, total in part.sums.items()},
        "seconds": seconds,
        "cpu_seconds": time.process_time() - computed,
        "images_per_second": sum(map(len, plan)) / seconds,
    }


def _generators(device: torch.device) -> list[Tensor]:
    """The states of the generators that modules draw from without naming one."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def _set_generators(states: list[Tensor], device: torch.device) -> None:
    for state in states[:1]:
        torch.set_rng_state(state)
    for state in states[1:] if device.type == "cuda" else []:
        torch.cuda.set_rng_state(state, device)


def _checkpoint(
    stage: Stage, part: Part, optimiser: Any, accelerator: "Accelerator", history: list[dict[str, Any]]
) -> Checkpoint:
    scaler, epoch = accelerator.scaler, len(history)
    done = epoch == stage.settings.epochs
    return Checkpoint(
        stage=stage.name,
        settings=dict(stage.identity),
        epoch=epoch,
        done=done,
        model={name: tensor.cpu() for name, tensor in stage.trained.state_dict().items()},
        optimiser=None if done else optimiser.state_dict(),
        scaler=None if done or scaler is None else scaler.state_dict(),
        history=history,
        part=vars(part) if part.steps else None,
    )


def _resumable(stage: Stage, path: Path) -> tuple[Checkpoint | None, str]:
    """The checkpoint at ``path`` if it is of the same stage and settings, and what to say about it."""
    if not path.is_file():
        return None, ""
    checkpoint = load_checkpoint(path, stage=stage.name)
    different = differing_settings(checkpoint.settings, stage.identity)
    if different:
        return None, f"{path}: of other settings ({', '.join(different[:5])}); the stage starts anew"
    if checkpoint.done:
        return checkpoint, f"{path}: complete"
    steps = f" and {checkpoint.part['steps']} steps of the next" if checkpoint.part else ""
    return checkpoint, f"{path}: resumed after epoch {checkpoint.epoch}{steps}"


def _announce(stage: Stage, first: int, accelerator: "Accelerator") -> None:
    parameters = list(stage.objective.parameters())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in parameters) - trained
    accelerator.print(
        f"stage {stage.name}: epochs {first} to {stage.settings.epochs} of {len(stage.plan(first))} steps, "
        f"{trained:,} parameters train, {frozen:,} are frozen, on {accelerator.device}"
    )
