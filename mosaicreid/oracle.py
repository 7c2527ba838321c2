"""The controls for the oracle on one trained model: what its router, or the labels alone, retrieve when labels change.

Every control answers the same queries, so all differences are paired. See ``controls`` for how labels are changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid import controls
from mosaicreid.attribute_heads import AttributeHeads, fit_heads, score_heads
from mosaicreid.attributes import Schema
from mosaicreid.data.loaders import Samples
from mosaicreid.inference import extract_features
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router, lend_codes
from mosaicreid.retrieval import evaluate_scores

NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One trained pair of models and the images to test it on: ``baseline`` without experts, ``model`` with them.

    ``train`` are images of training identities: they choose the fusion weight and teach the attribute heads.
    """

    schema: Schema
    baseline: ReidModel
    model: ReidModel
    router: Router
    train: Samples
    query: Samples
    gallery: Samples
    batch_size: int = 256
    device: str = "cpu"

    def plain(self, samples: Samples) -> Tensor:
        """Features (N, D) of the baseline."""
        return extract_features(self.baseline, samples, None, batch_size=self.batch_size, device=self.device).cpu()

    def routed(self, samples: Samples, codes: NDArray[np.integer]) -> Tensor:
        """Features (N, D) of the model with experts when its router is told ``codes`` (N, A)."""
        told = replace(samples, codes=codes.astype(np.int64))
        return extract_features(self.model, told, self.router, batch_size=self.batch_size, device=self.device).cpu()


@dataclass(frozen=True, kw_only=True)
class Controls:
    """``per_query``: control, level, query, pid, ap; ``heads``: accuracy and calibration of the attribute heads;
    ``weights``: candidate, mAP on training identities, and whether it was chosen."""

    per_query: pd.DataFrame
    heads: pd.DataFrame
    weights: pd.DataFrame


def run_controls(probe: Probe, *, seed: int, noise: tuple[float, ...] = NOISE) -> Controls:
    """Every control on one model; ``seed`` drives the random labels. Names and levels of the rows:

    ``baseline``; ``oracle`` (the true labels); ``labels`` (agreement alone, no image); ``fusion`` (baseline score plus
    weighted agreement, no experts; level: the weight chosen on training identities); ``permuted-people`` and
    ``permuted-images``; ``noise-query``, ``noise-gallery``, ``noise-both`` (level: probability of a wrong label);
    ``predicted`` (linear heads in place of the oracle); ``distractors-lent`` (unannotated images routed like
    everybody); ``alike-baseline`` and ``alike-oracle`` (retrieval among equal attribute vectors only, queries with a
    look-alike).
    """
    generator = np.random.default_rng(seed)
    query, gallery, train = probe.query, probe.gallery, probe.train
    plain_train, plain_query, plain_gallery = (probe.plain(samples) for samples in (train, query, gallery))
    heads = fit_heads(plain_train.numpy(), train.codes, probe.schema)
    weight, candidates = _fusion_weight(plain_train, train)
    rows = [
        _frame(probe, name, level, scores, queries)
        for name, level, scores, queries in _scores(
            probe, (plain_query, plain_gallery), heads, weight, generator, noise
        )
    ]
    return Controls(
        per_query=pd.concat(rows, ignore_index=True),
        heads=score_heads(heads, plain_query.numpy(), query.codes),
        weights=candidates,
    )


def _scores(
    probe: Probe,
    plain: tuple[Tensor, Tensor],
    heads: AttributeHeads,
    weight: float,
    generator: np.random.Generator,
    noise: tuple[float, ...],
) -> Iterator[tuple[str, float, Tensor, NDArray[np.bool_] | None]]:
    """Control, level, scores (Q, G), and which queries count (None: all)."""
    query, gallery = probe.query, probe.gallery
    similar = controls.similarity(*plain)
    agreeing = controls.agreement(query.codes, gallery.codes)
    routed = probe.routed(query, query.codes), probe.routed(gallery, gallery.codes)
    oracle = controls.similarity(*routed)
    yield "baseline", 0.0, similar, None
    yield "oracle", 0.0, oracle, None
    yield "labels", 0.0, agreeing, None
    yield "fusion", weight, similar + weight * agreeing, None

    everybody = np.concatenate([query.codes, gallery.codes])
    pids = np.concatenate([query.pids, gallery.pids])
    consistent = np.split(controls.permute_between_people(everybody, pids, generator), [len(query)])
    yield "permuted-people", 0.0, _told(probe, *consistent), None
    inconsistent = np.split(controls.permute_between_images(everybody, generator), [len(query)])
    yield "permuted-images", 0.0, _told(probe, *inconsistent), None
    for level in noise:
        wrong = [
            probe.routed(samples, controls.corrupt(samples.codes, probe.schema, level, generator))
            for samples in (query, gallery)
        ]
        yield "noise-query", level, controls.similarity(wrong[0], routed[1]), None
        yield "noise-gallery", level, controls.similarity(routed[0], wrong[1]), None
        yield "noise-both", level, controls.similarity(*wrong), None
    predicted = [heads.codes(features.numpy()) for features in plain]
    yield "predicted", 0.0, _told(probe, *predicted), None
    if (gallery.codes == 0).all(axis=1).any():
        lent = _lend(gallery.codes, query.codes, generator)
        yield "distractors-lent", 0.0, controls.similarity(routed[0], probe.routed(gallery, lent)), None
    alike = controls.has_look_alike(query.codes, query.pids, gallery.codes, gallery.pids)
    if alike.any():
        for name, scores in {"alike-baseline": similar, "alike-oracle": oracle}.items():
            restricted, annotated = controls.among_look_alikes(scores, query.codes, gallery.codes)
            yield name, 0.0, restricted, alike & annotated


def _told(probe: Probe, query_codes: NDArray[np.integer], gallery_codes: NDArray[np.integer]) -> Tensor:
    return controls.similarity(probe.routed(probe.query, query_codes), probe.routed(probe.gallery, gallery_codes))


def _lend(
    codes: NDArray[np.integer], donors: NDArray[np.integer], generator: np.random.Generator
) -> NDArray[np.integer]:
    annotated = donors[(donors != 0).any(axis=1)]
    random = torch.Generator().manual_seed(int(generator.integers(2**31)))
    return lend_codes(torch.from_numpy(codes), torch.from_numpy(annotated), random).numpy()


def _fusion_weight(features: Tensor, train: Samples) -> tuple[float, pd.DataFrame]:
    """The fusion weight by retrieval among training identities: one query per identity and camera."""
    _, first = np.unique(np.stack([train.pids, train.camids]), axis=1, return_index=True)
    ids = (train.pids[first], train.camids[first], train.pids, train.camids)
    similar = controls.similarity(features[first], features)
    agreeing = controls.agreement(train.codes[first], train.codes)
    weight, scores = controls.choose_weight(similar, agreeing, ids)
    table = pd.DataFrame({"weight": controls.WEIGHTS, "train_mAP": [100 * score for score in scores]})
    return weight, table.assign(chosen=(table["weight"] == weight).astype(int))


def _frame(probe: Probe, control: str, level: float, scores: Tensor, queries: NDArray[np.bool_] | None) -> pd.DataFrame:
    query, gallery = probe.query, probe.gallery
    result = evaluate_scores(scores, query.pids, query.camids, gallery.pids, gallery.camids)
    table = result.per_query[["query", "pid", "ap"]]
    if queries is not None:
        table = table[queries]
    return table.dropna(subset="ap").assign(control=control, level=level)
