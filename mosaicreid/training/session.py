"""What a run works with: data, models and texts, checked before anything is written."""

import getpass
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.config.settings import Config
from mosaicreid.data.captions import caption_tokens
from mosaicreid.data.check import check_trainable
from mosaicreid.data.fingerprint import content_fingerprint
from mosaicreid.data.folders import ReidData, read_dataset
from mosaicreid.data.loaders import Samples, load_samples
from mosaicreid.data.sampler import pk_sampler, share
from mosaicreid.files import expanded
from mosaicreid.labels.routing import route
from mosaicreid.models.build import Models, adopt_clip_reid, build_models
from mosaicreid.models.prompts import text_tower
from mosaicreid.runs import shared_folder
from mosaicreid.training.distributed import make_accelerator
from mosaicreid.training.inference import extract_features
from mosaicreid.training.space import check_room
from mosaicreid.training.stages import Context


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run that may start: everything is read, decoded and built.

    ``context`` has the training images, ``query`` and ``gallery`` are the test images.
    ``captions``, of the training images (see ``caption_tokens``), are there where the run pretrains; ``texts`` (P, D),
    the text features of the identities, are known beforehand of CLIP-ReID's files only.
    """

    context: Context
    data: ReidData
    query: Samples
    gallery: Samples
    models: Models
    captions: tuple[Tensor, Tensor] | None
    texts: Tensor | None


def open_session(config: Config, *, root: Path, runs: Path, cache: Path | None) -> Session:
    """Read and build everything that can be wrong; only then decode the images, the first thing written.

    They are decoded to ``cache``, in which ``$NAME`` stands for a variable of this machine; None is ``_cache`` in
    ``runs``. Test images are decoded too, before hours of training: one that cannot be read should not wait for its
    end.

    Raises:
        InputError: settings, images, annotation or weights that do not fit together, a folder that cannot be written,
            or a disk without the room.
    """
    name_caches_without_user()
    accelerator = make_accelerator(config.runtime)
    pretrains, checkpoint = config.model.weights == "pretrain", config.model.clip_reid
    data = read_dataset(config.dataset, root)
    check_trainable(data, annotated=pretrains or config.experts.configuration != "baseline")
    identities = len(set(data.train.pids.tolist()))
    models = build_models(config, identities=identities, cameras=data.cameras)
    share(config.data.batch_size, 0, accelerator.num_processes)
    pk_sampler(config.data, data.train.pids, seed=config.seed)
    texts = adopt_clip_reid(Path(checkpoint), models, identities=identities) if checkpoint else None
    decoded = expanded(cache) if cache else Path(runs) / "_cache"
    check_room(config, data, models, runs=Path(runs), cache=decoded)
    # One process decodes what the cache lacks; the others then find it there.
    with accelerator.main_process_first():
        train, query, gallery = load_samples(data, config.data, folder=decoded, progress=accelerator.is_main_process)
    context_length = text_tower(models.clip).context_length if pretrains else 0
    return Session(
        context=Context(
            config=config,
            samples=train,
            accelerator=accelerator,
            shared=shared_folder(Path(runs), dataset=config.data.dataset, seed=config.seed),
            images=content_fingerprint(data.train, train.codes[:, :0], train.pixels),
            labels=content_fingerprint(data.train, train.codes, train.pixels[:, :, :0]),
        ),
        data=data,
        query=query,
        gallery=gallery,
        models=models,
        captions=caption_tokens(config.schema, train.codes, context_length=context_length) if pretrains else None,
        texts=texts,
    )


def routed(session: Session) -> Session:
    """The session with the labels that ``experts.routing`` asks for; the frozen encoder must be as the experts find it.

    Raises:
        InputError: labels that are not there to be permuted or learnt from.
    """
    context, baseline = session.context, session.models.baseline
    config = context.config
    if config.experts.routing == "oracle" or session.models.router is None:
        return session
    device = context.accelerator.device
    baseline.to(device)

    def features(samples: Samples) -> NDArray[np.floating]:
        size = config.data.evaluation_batch_size
        return extract_features(baseline, samples, None, batch_size=size, device=device).cpu().numpy()

    parts = (context.samples, session.query, session.gallery)
    train, query, gallery = route(config.experts.routing, parts, schema=config.schema, seed=config.seed, read=features)
    return replace(session, context=replace(context, samples=train), query=query, gallery=gallery)


def name_caches_without_user() -> None:
    """PyTorch names a folder after the user as soon as it is imported whole; a container's user may have no name."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir(), "torchinductor")))
