"""Features of a trained model, and its ablation at inference: any experts switched off, without training again.

A gate decides an image's features, and variants often give an image the same gate: someone without a hat does not
notice that the experts for hats are off. So each image is computed once per distinct gate, and the blocks before the
first expert once for all of them. Table 3 trains each inclusion set; this asks the same of one model with all experts.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from mosaicreid.data.loaders import Samples, evaluation_batches
from mosaicreid.errors import InputError
from mosaicreid.models.reid import ReidModel, retrieval_features
from mosaicreid.models.router import Router
from mosaicreid.retrieval import Retrieval, evaluate

PER_QUERY = ["query", "pid", "camid", "ap", "rank"]


@dataclass(frozen=True)
class Ablation:
    """What one model retrieves with some of its experts switched off.

    Attributes:
        scores: a row per variant: variant; the share of each included attribute's experts that are on (0, 1, or
            between where single experts are off); mAP, rank1, rank5, rank10, mINP in percent.
        per_query: a row per variant and query: variant, query, pid, camid, ap (0..1), rank (of the first match).
    """

    scores: pd.DataFrame
    per_query: pd.DataFrame


def extract_features(
    model: ReidModel,
    samples: Samples,
    router: Router | None,
    *,
    batch_size: int,
    device: torch.device | str,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Retrieval features of all images, (N, 2 widths) float32 on ``device``, not normalised.

    ``router`` makes the gate from the samples' attribute codes; None for a model without experts. ``precision`` is the
    type of autocast, None for none. Model and router must be on ``device``; the model's mode is left as
    it was.

    Raises:
        InputError: a router and experts that do not belong together, or a batch size below 1.
    """
    rows = []
    with _evaluating(model), _autocast(device, precision):
        for batch in evaluation_batches(samples, batch_size=batch_size, device=device):
            gate = None if router is None else router(batch.codes)
            rows.append(retrieval_features(model.features(batch.images, gate, batch.camids)).float())
    return torch.cat(rows)


def extract_variants(
    model: ReidModel,
    samples: Samples,
    router: Router,
    masks: Tensor,
    *,
    batch_size: int,
    device: torch.device | str,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Features as ``extract_features`` under each of V masks on the experts, (V, N, 2 widths) float32 on ``device``.

    ``masks`` (V, E) of 0 and 1, as ``Router.mask`` makes them. The arguments and errors are otherwise the same.
    """
    parts = []
    with _evaluating(model), _autocast(device, precision):
        for batch in evaluation_batches(samples, batch_size=batch_size, device=device):
            gates = torch.stack([router(batch.codes, mask) for mask in masks])
            prefix = model.prefix(batch.images, batch.camids)
            parts.append(_suffixes(model, prefix, gates, batch_size))
    return torch.cat(parts, dim=1)


def ablate(
    model: ReidModel,
    router: Router,
    query: Samples,
    gallery: Samples,
    variants: Mapping[str, Iterable[str]],
    *,
    batch_size: int,
    device: torch.device | str,
    precision: torch.dtype | None = None,
    at_once: int = 32,
    progress: bool = True,
) -> Ablation:
    """Evaluate one trained model under each of ``variants``: a name, and the attributes or experts switched off.

    Experts are off for query and gallery alike. Features of ``at_once`` variants are held at a time (at 1,280 columns
    and Market-1501's 23,100 images, 113 MiB each); more gates coincide among more variants.

    Raises:
        InputError: no variants, an attribute or expert the router does not have, and what ``evaluate`` raises.
    """
    switched = {name: tuple(off) for name, off in variants.items()}
    if not switched or at_once < 1:
        raise InputError(f"got {len(switched)} variants, {at_once} at once; expected at least 1 of each")
    masks = torch.stack([router.mask(off) for off in switched.values()])
    names = list(switched)
    scores, per_query = [], []
    for start in tqdm(range(0, len(names), at_once), desc="ablate", unit="chunk", disable=not progress):
        chunk = masks[start : start + at_once]
        features = [
            extract_variants(model, samples, router, chunk, batch_size=batch_size, device=device, precision=precision)
            for samples in (query, gallery)
        ]
        for name, mask, queries, galleries in zip(names[start : start + at_once], chunk, *features, strict=True):
            result = evaluate(queries, galleries, query.pids, query.camids, gallery.pids, gallery.camids)
            scores.append({"variant": name, **_shares(router, mask), **_percent(result)})
            per_query.append(result.per_query[PER_QUERY].assign(variant=name))
    table = pd.concat(per_query, ignore_index=True)
    return Ablation(pd.DataFrame(scores), table[["variant", *PER_QUERY]])


def each_attribute(attributes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The usual variants for ``ablate``: all experts, none, all but one attribute's, and one attribute's alone."""
    names = tuple(attributes)
    without = {f"without {name}": (name,) for name in names}
    alone = {f"only {name}": tuple(other for other in names if other != name) for name in names}
    return {"all": (), **without, **alone, "none": names}


def _suffixes(model: ReidModel, prefix: Tensor, gates: Tensor, batch_size: int) -> Tensor:
    """Features (V, B, 2 widths) of one batch under ``gates`` (V, B, E), every distinct pair of image and gate once."""
    images = torch.arange(len(prefix), device=prefix.device).expand(gates.shape[:2])
    pairs = torch.cat([images[:, :, None].to(gates.dtype), gates], dim=2).flatten(0, 1)
    distinct, position = torch.unique(pairs, dim=0, return_inverse=True)
    image, gate = distinct[:, 0].long(), distinct[:, 1:]
    parts = [
        retrieval_features(model.suffix(prefix[own], some)).float()
        for own, some in zip(image.split(batch_size), gate.split(batch_size), strict=True)
    ]
    return torch.cat(parts)[position].unflatten(0, gates.shape[:2])


def _shares(router: Router, mask: Tensor) -> dict[str, float]:
    """The share of each attribute's experts that ``mask`` (E,) leaves on."""
    owners = [name.partition("=")[0] for name in router.experts]
    on = pd.Series(mask.cpu().numpy(), index=owners, dtype=float).groupby(level=0, sort=False).mean()
    return {str(attribute): float(share) for attribute, share in on.items()}


def _percent(result: Retrieval) -> dict[str, float]:
    ranks = {f"rank{k}": 100 * result.cmc[k] for k in (1, 5, 10)}
    return {"mAP": 100 * result.mAP, **ranks, "mINP": 100 * result.mINP}


def _autocast(device: torch.device | str, precision: torch.dtype | None) -> torch.autocast:
    return torch.autocast(torch.device(device).type, dtype=precision, enabled=precision is not None)


@contextmanager
def _evaluating(model: ReidModel) -> Iterator[None]:
    """Evaluation mode without gradients, and the mode from before afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
