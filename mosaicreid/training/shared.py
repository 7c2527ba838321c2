"""The stages before the experts, whose checkpoints all runs of a dataset and seed share."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from mosaicreid.config.settings import Config
from mosaicreid.errors import InputError, one_of
from mosaicreid.training.session import Session, open_session
from mosaicreid.training.stages import prepare_heads, pretrain, train_baseline, tune_prompts

SHARED_STAGES = ("pretrain", "prompts", "baseline")


def train_shared(config: Config, stage: str, *, root: Path, runs: Path, cache: Path | None = None) -> pd.DataFrame:
    """Run the stages up to ``stage`` (pretrain, prompts or baseline).

    The inclusion set plays no part. Arguments and errors as ``train_run``; returns the history of the stages.
    """
    if stage not in SHARED_STAGES:
        raise one_of("shared stage", stage, SHARED_STAGES)
    if config.model.text == "none" and stage != "baseline":
        raise InputError(
            f"the stage {stage!r} trains with texts, and model.text is 'none'; expected the stage 'baseline'"
        )
    _, histories = earlier_stages(open_session(config, root=root, runs=runs, cache=cache), stage)
    return pd.concat(histories, ignore_index=True)


def earlier_stages(session: Session, until: str) -> tuple[Tensor | None, list[pd.DataFrame]]:
    """Run or load the stages up to ``until``; the text features (P, D) and each stage's history.

    Without a text tower there are no texts, and the baseline is the first stage.

    Leaves the frozen encoder in ``session.models`` as the experts start from it, and the heads too.
    """
    config, context, models = session.context.config, session.context, session.models
    histories = []
    texts = session.texts
    if config.model.text == "none":
        histories.append(_baseline(session, None))
    elif texts is None:
        if session.captions is not None:
            histories.append(pretrain(context, models.clip, *session.captions))
        if until == "pretrain":
            return torch.empty(0), histories
        texts, history = tune_prompts(context, models.clip)
        histories.append(history)
        if until == "prompts":
            return texts, histories
        histories.append(_baseline(session, texts))
    prepare_heads(config.experts, models)
    return texts, histories


def _baseline(session: Session, texts: Tensor | None) -> pd.DataFrame:
    """Train the baseline; its encoder is CLIP's own again afterwards where experts start from that."""
    context, baseline = session.context, session.models.baseline
    config = context.config
    start = {name: value.clone() for name, value in baseline.encoder.state_dict().items()}
    history = train_baseline(context, baseline, texts)
    if config.experts.start == "clip":
        baseline.encoder.load_state_dict(start)
    return history
