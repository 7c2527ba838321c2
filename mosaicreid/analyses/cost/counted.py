"""Floating-point operations of every stage, counted, and the hours that follow at an assumed share of a card's peak."""

from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mosaicreid.analyses.cost.measure import random_samples
from mosaicreid.config.settings import Config
from mosaicreid.data.augment import normalise
from mosaicreid.models.build import HEADS, build_models
from mosaicreid.models.prompts import PromptLearner, TextEncoder
from mosaicreid.training.objectives import PromptContrast, Reidentification
from mosaicreid.training.optimiser import train_only

# Dense 16-bit peak in FLOP/s with sums in 32 bits, from the makers' data sheets.
PEAKS = {"RTX 3090 (24 GB)": 71e12, "RTX 4090 (24 GB)": 165e12, "A100": 312e12, "H100": 989e12}
# What training of vision transformers commonly reaches of it. An assumption, not a measurement.
SHARE = 0.3


def _forward(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: object, **__: object) -> int:
    """Of attention (B, heads, N, d): two products of matrices."""
    batch, heads, length, width = query
    return 2 * batch * heads * length * key[2] * (width + value[3])


def _backward(
    _: object, query: Sequence[int], key: Sequence[int], value: Sequence[int], *__: object, **___: object
) -> int:
    """Both products' gradients, after the first product has been computed again."""
    return 2 * _forward(query, key, value) + _forward(query, key, value) // 2


# What torch's counter knows on GPUs only.
_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}


def operations(config: Config) -> pd.DataFrame:
    """Operations per image of each stage, prompts only with a text tower: stage, flop (a multiplication and an addition
    are two).

    Counted on two identities' images through the modules that train. Elementwise operations do not count.
    """
    samples = random_samples(config, identities=2)
    models = build_models(config, identities=samples.num_identities, cameras=6)
    images = normalise(torch.from_numpy(samples.pixels[:]))
    labels, codes = torch.from_numpy(samples.labels), torch.from_numpy(samples.codes)
    camids = torch.from_numpy(samples.camids)
    read = config.model.text == "tower"
    texts = torch.randn(samples.num_identities, models.clip.visual.output_dim) if read else None

    def step(objective: torch.nn.Module, trained: torch.nn.Module, *tensors: Tensor) -> Callable[[], None]:
        def run() -> None:
            train_only(objective, trained)
            objective.train()
            torch.stack(list(objective(*tensors).values())).sum().backward()

        return run

    def reidentify(stage: str) -> Callable[[], None]:
        model, router = (models.baseline, None) if stage == "baseline" else (models.model, models.router)
        trained = {"experts": model.experts, **{name: getattr(model, name) for name in HEADS}}
        objective = Reidentification(model, router, texts, margin=0.3, smoothing=0.1, similarity="dot", compiled=False)
        whole = model if stage == "baseline" else torch.nn.ModuleDict(trained)
        return step(objective, whole, images, labels, camids, codes)

    @torch.no_grad()
    def extract() -> None:
        models.baseline.features(images, None, camids)

    steps = {}
    if texts is not None:
        prompts = PromptLearner(models.clip, identities=samples.num_identities)
        contrast = PromptContrast(prompts, TextEncoder(models.clip))
        steps["prompts"] = step(contrast, prompts, texts[labels], labels)
    steps |= {
        "baseline": reidentify("baseline"),
        "experts": reidentify("experts"),
        "evaluation": extract,
    }
    rows = []
    for stage, run in steps.items():
        with FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counter:
            run()
        rows.append({"stage": stage, "flop": counter.get_total_flops() / len(samples)})
    return pd.DataFrame(rows)


def speeds_of(counted: pd.DataFrame, peak: float, *, share: float = SHARE) -> dict[str, float]:
    """Images per second by stage on a card whose ``peak`` (FLOP/s) is reached to ``share``."""
    return {str(stage): peak * share / flop for stage, flop in zip(counted["stage"], counted["flop"], strict=True)}
