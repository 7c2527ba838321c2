"""A whole run: check everything, train what is not there yet, evaluate, write the run's folder."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from mosaicreid.config.settings import Config
from mosaicreid.data.folders import ReidData
from mosaicreid.data.loaders import Samples
from mosaicreid.locks import check_there, sole_trainer
from mosaicreid.models.adapters import export_experts
from mosaicreid.models.build import Models
from mosaicreid.models.origin import Origin, encoder_digest, write_origin
from mosaicreid.names.shown import value_title
from mosaicreid.retrieval.metrics import evaluate
from mosaicreid.runs import Run, environment, mark_unfinished, read_run, run_folder, run_name, write_run
from mosaicreid.training.inference import extract_features
from mosaicreid.training.optimiser import count_parameters
from mosaicreid.training.session import Session, open_session, routed
from mosaicreid.training.shared import earlier_stages
from mosaicreid.training.stages import train_experts, train_on

if TYPE_CHECKING:
    from accelerate import Accelerator


PRECISIONS = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run with what it was made of: for a notebook to look at, and for ablations to go on from.

    ``history`` has the epochs of every stage, ``parameters`` what trained and what was frozen in the last one;
    ``query_features`` (Q, D) and ``gallery_features`` (G, D) are on the CPU.
    """

    run: Run
    models: Models
    history: pd.DataFrame
    parameters: pd.DataFrame
    data: ReidData
    query: Samples
    gallery: Samples
    query_features: Tensor
    gallery_features: Tensor

    def gate(self, images: int) -> tuple[Tensor, tuple[str, ...]]:
        """The gate (images, E) of the first query images and the experts' names in print; E is 0 without experts."""
        if self.models.router is None:
            return torch.zeros(images, 0), ()
        router = self.models.router.cpu()
        dataset = self.run.config.data.dataset
        names = tuple(value_title(dataset, expert) for expert in router.experts)
        return router(torch.from_numpy(self.query.codes[:images])), names


def train_run(config: Config, *, root: Path, runs: Path, cache: Path | None = None) -> Outcome:
    """Train and evaluate one configuration; stages whose checkpoint is there already are not run again.

    The run goes to ``runs/<dataset>/<name>/seed<k>``, checkpoints that other runs need too to ``_shared`` beside it,
    decoded images to ``cache`` (default: ``_cache`` in ``runs``). A run that was interrupted goes on where it was left.
    Several processes (``accelerate launch``, ``torchrun``) share every batch; the first one writes.

    Raises:
        InputError: settings, images, annotation or weights that do not fit together, a folder that cannot be written
            or a disk without the room; nothing has been written then. Or another process trains this run already.
        TrainingDivergedError: a loss was not finite.
    """
    session = open_session(config, root=root, runs=runs, cache=cache)
    folder = run_folder(Path(runs), dataset=config.data.dataset, name=run_name(config), seed=config.seed)
    with sole_trainer(folder, session.context.accelerator):
        return _train_and_evaluate(session, folder)


def _train_and_evaluate(session: Session, folder: Path) -> Outcome:
    config, models, accelerator = session.context.config, session.models, session.context.accelerator
    texts, histories = earlier_stages(session, "baseline")
    session = routed(session)
    query, gallery = session.query, session.gallery
    if config.experts.longer:
        histories.append(train_on(session.context, models.model, texts, folder / "experts.pt"))
    if models.router is not None:
        histories.append(train_experts(session.context, models.model, models.router, texts, folder / "experts.pt"))
    models.model.to(accelerator.device)
    parameters = count_parameters(models.model)
    started = time.perf_counter()
    features = [
        extract_features(
            models.model,
            samples,
            models.router,
            batch_size=config.data.evaluation_batch_size,
            device=accelerator.device,
            precision=PRECISIONS[config.runtime.precision],
        )
        for samples in (query, gallery)
    ]
    retrieval = evaluate(features[0], features[1], query.pids, query.camids, gallery.pids, gallery.camids)
    evaluation_seconds = time.perf_counter() - started
    history = pd.concat(histories, ignore_index=True)
    if accelerator.is_main_process:
        check_there(folder)
        mark_unfinished(folder)
        if models.model.experts is not None:
            export_experts(models.model.experts, folder / "experts")
            origin = Origin(encoder=encoder_digest(models.model.encoder), config=config)
            write_origin(folder / "experts", origin)
        write_run(
            folder,
            config=config,
            environment=environment(
                device=describe_device(accelerator), instructions=torch.backends.cpu.get_cpu_capability()
            ),
            scores={"mAP": retrieval.mAP, **{f"rank{k}": retrieval.cmc[k] for k in (1, 5, 10)}, "mINP": retrieval.mINP},
            cost={
                **{f"{stage}_seconds": seconds for stage, seconds in history.groupby("stage")["seconds"].sum().items()},
                "evaluation_seconds": evaluation_seconds,
                "images_per_second": float(history["images_per_second"].iloc[-1]),
                "peak_memory_bytes": peak_memory(accelerator.device),
                "trained_parameters": int(parameters["trained"].sum()),
                "frozen_parameters": int(parameters["frozen"].sum()),
            },
            per_query=retrieval.per_query,
            history=history,
        )
    accelerator.wait_for_everyone()
    return Outcome(
        run=read_run(folder),
        models=models,
        history=history,
        parameters=parameters,
        data=session.data,
        query=query,
        gallery=gallery,
        query_features=features[0].cpu(),
        gallery_features=features[1].cpu(),
    )


def describe_device(accelerator: "Accelerator") -> str:
    """What computes, as a run's ``config.json`` says it."""
    if accelerator.device.type == "cuda":
        return f"{accelerator.num_processes} x {torch.cuda.get_device_name(accelerator.device)}"
    return f"{accelerator.num_processes} x {accelerator.device.type}, {torch.get_num_threads()} threads"


def peak_memory(device: torch.device) -> int:
    """The most memory the process held, in bytes: on a GPU what PyTorch allocated, else in main memory (its largest
    resident set; on Windows its peak working set)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    # Here, because Windows has no such module.
    import resource

    # getrusage counts in KiB, but in bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
