"""The stages before the experts, whose checkpoints all runs of a dataset and seed share."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from mosaicreid.config.settings import Config
from mosaicreid.errors import one_of
from mosaicreid.training.session import Session, open_session
from mosaicreid.training.stages import prepare_heads, pretrain, train_baseline, tune_prompts

SHARED_STAGES = ("pretrain", "prompts", "baseline")


def train_shared(config: Config, stage: str, *, root: Path, runs: Path, cache: Path | None = None) -> pd.DataFrame:
    """Run the stages up to ``stage`` (pretrain, prompts or baseline).

    The inclusion set plays no part. Arguments and errors as ``train_run``; returns the history of the stages.
    """
    if stage not in SHARED_STAGES:
        raise one_of("shared stage", stage, SHARED_STAGES)
    _, histories = earlier_stages(open_session(config, root=root, runs=runs, cache=cache), stage)
    return pd.concat(histories, ignore_index=True)


def earlier_stages(session: Session, until: str) -> tuple[Tensor, list[pd.DataFrame]]:
    """Run or load the stages up to ``until``; the text features (P, D) and each stage's history.

    Leaves the frozen encoder in ``session.models`` as the experts start from it, and the heads too.
    """
    config, context, models = session.context.config, session.context, session.models
    histories = []
    texts = session.texts
    if texts is None:
        if session.captions is not None:
            histories.append(pretrain(context, models.clip, *session.captions))
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
    prepare_heads(config.experts, models)
    return texts, histories
