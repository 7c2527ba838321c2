"""What a run works with: data, models and earlier stages, checked before anything is written."""

import getpass
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mosaicreid.config.settings import Config
from mosaicreid.data.cache import open_cache
from mosaicreid.data.captions import captions
from mosaicreid.data.check import check_protocol
from mosaicreid.data.fingerprint import content_fingerprint
from mosaicreid.data.folders import Images, ReidData, read_dataset
from mosaicreid.data.loaders import Samples, make_samples
from mosaicreid.data.sampler import share
from mosaicreid.errors import InputError, one_of
from mosaicreid.models.build import Models, adopt_clip_reid, build_models, prepare_heads
from mosaicreid.training.stages import (
    Context,
    pk_sampler,
    pretrain,
    train_baseline,
    tune_prompts,
)

if TYPE_CHECKING:
    from accelerate import Accelerator

SHARED_STAGES = ("pretrain", "prompts", "baseline")


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run that may start: everything is read, decoded and built.

    ``context`` has the training images, ``query`` and ``gallery`` are the test images. ``texts`` (P, D), the text
    features of the identities, are known beforehand of CLIP-ReID's files only.
    """

    context: Context
    data: ReidData
    query: Samples
    gallery: Samples
    models: Models
    texts: Tensor | None


def open_session(config: Config, *, root: Path, runs: Path, cache: Path | None) -> Session:
    """Read and build everything that can be wrong; only then decode the images, the first thing written.

    Test images are decoded too, before hours of training: one that cannot be read should not wait for its end.

    Raises:
        InputError: settings, images, annotation or weights that do not fit together.
    """
    _name_caches_without_user()
    if config.model.clip_reid and config.experts.start == "clip":
        raise InputError(
            "experts.start is 'clip' and model.clip_reid a checkpoint, which has the fine-tuned encoder alone; "
            "expected start=baseline with it, or no checkpoint"
        )
    data = read_dataset(config.dataset, root)
    if not len(data.train):
        raise InputError(f"{root} has no images for train; expected some in each of its three folders")
    try:
        check_protocol(data.query, data.gallery)
    except InputError as error:
        raise InputError(f"{root} could not be evaluated after training: {error}") from error
    pretrains = config.model.weights == "pretrain"
    if data.annotation is None and (pretrains or config.experts.configuration != "baseline"):
        raise InputError(f"{root} has no annotation; experts and captions need one (`mosaicreid data annotations`)")
    identities = len(set(data.train.pids.tolist()))
    models = build_models(config, identities=identities, cameras=_cameras(data))
    accelerator = make_accelerator(config)
    share(config.data.batch_size, 0, accelerator.num_processes)
    pk_sampler(config, data.train.pids)
    checkpoint = config.model.clip_reid
    texts = adopt_clip_reid(Path(checkpoint), models, identities=identities) if checkpoint else None
    folder = Path(cache) if cache else Path(runs) / "_cache"
    train, query, gallery = (
        _decode(config, data, split, images, folder, accelerator)
        for split, images in (("train", data.train), ("test", data.query), ("test", data.gallery))
    )
    context = Context(
        config=config,
        samples=train,
        accelerator=accelerator,
        shared=shared_folder(runs, dataset=config.data.dataset, seed=config.seed),
        images=content_fingerprint(data.train, train.codes[:, :0], train.pixels),
        labels=content_fingerprint(data.train, train.codes, train.pixels[:, :, :0]),
    )
    return Session(context=context, data=data, query=query, gallery=gallery, models=models, texts=texts)


def earlier_stages(session: Session, until: str) -> tuple[Tensor, list[pd.DataFrame]]:
    """Run or load the stages up to ``until``; the text features and each stage's history.

    Leaves the frozen encoder in ``session.models`` as the experts start from it, and the heads too.
    """
    config, context, models = session.context.config, session.context, session.models
    histories = []
    texts = session.texts
    if texts is None:
        if config.model.weights == "pretrain":
            histories.append(pretrain(context, models.clip, *_captions(session)))
        if until == "pretrain":
            return torch.empty(0), histories
        clip = {name: value.clone() for name, value in models.baseline.encoder.state_dict().items()}
        texts, history = tune_prompts(context, models.clip)
        histories.append(history)
        if until == "prompts":
            return texts, histories
        histories.append(train_baseline(context, models.baseline, texts))
        if config.experts.start == "clip":
            models.baseline.encoder.load_state_dict(clip)
    prepare_heads(config, models)
    return texts, histories


def train_shared(config: Config, stage: str, *, root: Path, runs: Path, cache: Path | None = None) -> pd.DataFrame:
    """Run the stages up to ``stage`` (pretrain, prompts or baseline), whose checkpoints all runs of a seed share.

    The inclusion set plays no part. Arguments and errors as ``train_run``; returns the history of the stages.
    """
    if stage not in SHARED_STAGES:
        raise one_of("shared stage", stage, SHARED_STAGES)
    _, histories = earlier_stages(open_session(config, root=root, runs=runs, cache=cache), stage)
    return pd.concat(histories, ignore_index=True)


def shared_folder(runs: Path, *, dataset: str, seed: int) -> Path:
    """Where the checkpoints lie that all runs of one dataset and seed share."""
    return Path(runs) / dataset / "_shared" / f"seed{seed}"


def make_accelerator(config: Config) -> "Accelerator":
    """Accelerate's view of this process: device, precision, and its place among several processes.

    Raises:
        InputError: a precision that the device does not have.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    precision, cpu = config.runtime.precision, config.runtime.device == "cpu"
    if config.runtime.threads:
        torch.set_num_threads(config.runtime.threads)
    # Accelerate keeps the first run's precision and device for the whole process.
    kept = AcceleratorState._shared_state
    if (kept.get("_mixed_precision", precision), kept.get("_cpu", cpu)) != (precision, cpu):
        AcceleratorState._reset_state(reset_partial_state=PartialState().num_processes == 1)
    # Accelerate itself would train in float32 then and say nothing.
    if precision == "fp16" and PartialState(cpu=cpu).device.type == "cpu":
        raise InputError("precision 'fp16' on a CPU; expected 'no' or 'bf16' there, fp16 needs a GPU")
    try:
        return Accelerator(mixed_precision=precision, cpu=cpu)
    except ValueError as error:
        raise InputError(f"precision {precision!r} on this device: {error}") from error


def _name_caches_without_user() -> None:
    """PyTorch names a folder after the user as soon as it is imported whole; a container's user may have no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir(), "torchinductor")))


def _captions(session: Session) -> tuple[Tensor, Tensor]:
    """Tokens of the training images' captions, and which captions are the same."""
    from open_clip import tokenize

    schema = session.context.config.schema
    distinct, index = np.unique(session.context.samples.codes, axis=0, return_inverse=True)
    tokens = tokenize(captions(schema, distinct), context_length=session.models.clip.context_length)
    longest = int(tokens.argmax(dim=1).max()) + 1
    return tokens[index, :longest], torch.from_numpy(index)


def _decode(
    config: Config, data: ReidData, split: str, images: Images, cache: Path, accelerator: "Accelerator"
) -> Samples:
    # One process decodes what the cache lacks; the others then find it there.
    with accelerator.main_process_first():
        pixels = open_cache(
            data.root,
            images,
            height=config.data.height,
            width=config.data.width,
            folder=cache,
            workers=config.data.workers,
            progress=accelerator.is_main_process,
        )
    return make_samples(pixels, images, data.annotation[split] if data.annotation else None)


def _cameras(data: ReidData) -> int:
    return int(max(images.camids.max() for images in (data.train, data.query, data.gallery)))
