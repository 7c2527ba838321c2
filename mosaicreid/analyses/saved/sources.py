"""A model with experts as a run left it, or put together from a folder of PEFT adapters and an encoder's weights."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mosaicreid.config.settings import Config
from mosaicreid.errors import InputError
from mosaicreid.models.adapters import import_experts
from mosaicreid.models.backbone import ImageEncoder
from mosaicreid.models.build import build_encoder, build_router
from mosaicreid.models.hub.tags import clip_weights
from mosaicreid.models.origin import encoder_digest, read_origin
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router
from mosaicreid.models.towers import without_projection
from mosaicreid.models.weights import is_clip_reid, load_clip, load_clip_reid, read_weights
from mosaicreid.runs import read_run, shared_folder
from mosaicreid.training.checkpoints import is_checkpoint, load_checkpoint, load_state

_CAMERAS = "encoder.camera_embedding"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """``model`` and its ``router`` (None without experts), ``plain`` without experts on the same encoder, the
    ``config`` that they were trained with, and the ``history`` of that training as far as it is known."""

    config: Config
    model: ReidModel
    plain: ReidModel
    router: Router | None
    history: pd.DataFrame


def read_saved(source: Path, *, encoder: Path | None = None, dataset: str | None = None) -> Saved:
    """The model in ``source``, the folder of a finished run or of the adapters that a run exported.

    ``encoder`` is the frozen encoder's file: a checkpoint in a sweep's shared folder (``baseline.pt``,
    ``pretrain.pt``), CLIP-ReID's or CLIP's own weights. Of a run it is known, of adapters it must be given.
    ``dataset`` is the one that the model is for now, whose attributes must be those of the experts.

    Raises:
        InputError: neither kind of folder; an encoder that is missing, unfinished, or another one than the experts
            were trained on; experts of other attributes than the dataset's.
    """
    source = Path(source)
    if (source / "config.json").is_file():
        run = read_run(source)
        shared = shared_folder(source.absolute().parents[2], dataset=run.config.data.dataset, seed=run.config.seed)
        plain, _ = _read_encoder(encoder or _encoder_file(run.config, shared), run.config)
        return _put_together(source / "experts", plain, _moved(run.config, dataset), run.history)
    if not (source / "experts.json").is_file():
        raise InputError(
            f"{source} holds neither config.json nor experts.json; expected the folder of a run, or of the "
            "experts that a run exported"
        )
    if encoder is None:
        raise InputError(
            f"{source} holds experts alone; expected their frozen encoder too: --encoder "
            "RUNS/DATASET/_shared/SEED/baseline.pt, or the weights that they were trained on"
        )
    config = read_origin(source).config
    plain, history = _read_encoder(encoder, config)
    return _put_together(source, plain, _moved(config, dataset), history)


def _moved(config: Config, dataset: str | None) -> Config:
    return replace(config, data=replace(config.data, dataset=dataset or config.data.dataset))


def _encoder_file(config: Config, shared: Path) -> Path | None:
    """The file of a run's frozen encoder; None where it is published and was not fine-tuned."""
    if config.model.clip_reid:
        return Path(config.model.clip_reid)
    if config.experts.start == "baseline":
        return shared / "baseline.pt"
    if config.model.weights == "pretrain":
        return shared / "pretrain.pt"
    if config.model.weights == "random":
        raise InputError(
            "the run's experts start from a random encoder, which no file keeps; it cannot be evaluated anew"
        )
    path = Path(config.model.weights)
    return path if path.is_file() else None


def _read_encoder(path: Path | None, config: Config) -> tuple[ReidModel, pd.DataFrame]:
    """A model without experts on the encoder in ``path``, shaped as ``config`` says, and its training's history.

    Retrieval reads features before necks and classifiers, so the heads stay as they are made.
    """
    if path is not None and not path.is_file():
        raise InputError(f"no encoder at {path}; expected the file that the experts were trained on")
    checkpoint = load_checkpoint(path, stage=None) if path is not None and is_checkpoint(path) else None
    if checkpoint is not None:
        state = checkpoint.model
    else:
        state = read_weights(path) if path else clip_weights(config.model.architecture, config.model.weights)
    where, coefficient = path or config.model.weights, config.model.camera_embedding
    cameras = state[_CAMERAS] if _CAMERAS in state else state.get("cv_embed")
    if (cameras is not None) != bool(coefficient):
        raise InputError(
            f"{where} has {'a' if cameras is not None else 'no'} camera embedding, and model.camera_embedding is "
            f"{coefficient:g}; expected {'its coefficient, 1 or 3 in CLIP-ReID' if cameras is not None else '0'}"
        )
    clip = build_encoder(config)
    if checkpoint is not None and config.model.text == "none" and "encoder.visual.proj" not in state:
        # It began with a file of a vision tower that has no projection.
        without_projection(clip)
    if checkpoint is None and not is_clip_reid(state):
        load_clip(clip, state)
    encoder = ImageEncoder(clip, cameras=0 if cameras is None else len(cameras), camera_coefficient=coefficient)
    identities = len(state["classifier.weight"]) if "classifier.weight" in state else 1
    plain = ReidModel(encoder, None, identities=identities)
    if checkpoint is None:
        if is_clip_reid(state):
            load_clip_reid(state, plain, heads=False)
    elif checkpoint.stage in ("baseline", "pretrain") and checkpoint.done:
        try:
            load_state(plain if checkpoint.stage == "baseline" else clip, checkpoint.model, source=str(path))
        except InputError as error:
            raise InputError(f"{error}; likely cause: another backbone's encoder") from error
    else:
        what = f"of the stage {checkpoint.stage!r}" if checkpoint.done else f"unfinished, of epoch {checkpoint.epoch}"
        raise InputError(f"{path} is {what}; expected a finished one of the stage 'baseline' or 'pretrain'")
    return plain, pd.DataFrame(checkpoint.history if checkpoint else [])


def _put_together(folder: Path, plain: ReidModel, config: Config, history: pd.DataFrame) -> Saved:
    """The model with the experts in ``folder``, or ``plain`` where the run has none."""
    router = build_router(config)
    if router is None:
        return Saved(config=config, model=plain, plain=plain, router=None, history=history)
    experts, origin = import_experts(folder), read_origin(folder)
    if router.experts != experts.names:
        raise InputError(
            f"{folder} has the experts {', '.join(experts.names)[:300]}; {config.experts.configuration!r} of "
            f"{config.data.dataset} has {', '.join(router.experts)[:300]}: expected the same"
        )
    encoder = plain.encoder
    depth = experts.first_block + len(experts.layers)
    if (experts.width, depth) != (encoder.width, len(encoder.blocks)):
        raise InputError(
            f"the experts in {folder} are for {depth} blocks of width {experts.width}, the encoder has "
            f"{len(encoder.blocks)} of width {encoder.width}; likely cause: another backbone's"
        )
    if encoder_digest(encoder) != origin.encoder:
        raise InputError(
            f"the experts in {folder} were trained on another encoder than this one (its weights have not the sha256 "
            f"{origin.encoder[:12]}...); likely cause: another backbone, seed or dataset"
        )
    model = ReidModel(encoder, experts, identities=plain.classifier.out_features)
    return Saved(config=config, model=model, plain=plain, router=router, history=history)
