"""The controls for the oracle on one trained model: what its router, or the labels alone, retrieve when labels change.

Every control answers the same queries, so all differences are paired. See ``labels`` for how labels are changed.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mosaicreid.analyses.oracle import labels
from mosaicreid.analyses.oracle.answered import Answered, answer
from mosaicreid.analyses.oracle.fusion import fuse, fuse_crossfit
from mosaicreid.analyses.oracle.labels import Codes, Identities
from mosaicreid.attributes import Schema
from mosaicreid.data.loaders import Samples
from mosaicreid.labels.heads import fit_heads, score_heads
from mosaicreid.labels.permuted import permute_between_images, permute_between_people
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.router import Router, label_at_random
from mosaicreid.training.inference import extract_features

NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Trained models on one encoder and the images to test them on: ``baseline`` without experts, ``model`` with them,
    and ``permuted``, whose experts were trained on labels permuted between people (None: that control is left out).

    ``train`` are images of training identities: they choose the fusion weight and teach the attribute heads.
    """

    schema: Schema
    baseline: ReidModel
    model: ReidModel
    permuted: ReidModel | None
    router: Router
    train: Samples
    query: Samples
    gallery: Samples
    batch_size: int = 64
    device: str = "cpu"

    def baseline_features(self, samples: Samples) -> Tensor:
        """Features (N, D) of the baseline."""
        return extract_features(self.baseline, samples, None, batch_size=self.batch_size, device=self.device).cpu()

    def routed_features(self, samples: Samples, codes: Codes, *, model: ReidModel | None = None) -> Tensor:
        """Features (N, D) of ``model`` (default: the probe's) when its router gets ``codes`` (N, A)."""
        relabelled, used = replace(samples, codes=codes.astype(np.int64)), model or self.model
        return extract_features(used, relabelled, self.router, batch_size=self.batch_size, device=self.device).cpu()

    def similarities(self, query: Codes, gallery: Codes, *, model: ReidModel | None = None) -> Tensor:
        """Similarities (Q, G) when the router gets ``query`` (Q, A) and ``gallery`` (G, A)."""
        return labels.similarity(
            self.routed_features(self.query, query, model=model),
            self.routed_features(self.gallery, gallery, model=model),
        )

    @property
    def ids(self) -> Identities:
        """query_pids (Q,), query_camids (Q,), gallery_pids (G,), gallery_camids (G,)."""
        return self.query.pids, self.query.camids, self.gallery.pids, self.gallery.camids


@dataclass(frozen=True, kw_only=True)
class Controls:
    """``per_query``: control, level, query, pid, ap (0..1), hit (1 where the first match is at rank 1); ``heads``:
    accuracy and calibration of the attribute heads on the queries; ``weights``: the candidates of late fusion (see
    ``fusion.Fusion``)."""

    per_query: pd.DataFrame
    heads: pd.DataFrame
    weights: pd.DataFrame


def run_controls(probe: Probe, *, seed: int, noise: tuple[float, ...] = NOISE) -> Controls:
    """Every control on one model; ``seed`` drives the random labels. Names and levels of the rows:

    ``baseline``; ``oracle`` (the true labels); ``labels`` (agreement alone, no image); ``fusion``, ``fusion-crossfit``
    and ``fusion-best`` (baseline score plus weighted agreement, no experts; see ``fusion``); ``oracle-fusion-crossfit``
    (the experts' score plus weighted agreement, over the same halves of the people); ``permuted-people`` and
    ``permuted-images`` (the trained model gets other people's labels, consistently or image by image);
    ``permuted-trained`` (as ``permuted-people``, by experts that were trained on permuted labels); ``noise-query``,
    ``noise-gallery``, ``noise-both`` (level: probability of a wrong label, drawn per image); ``predicted`` (linear
    heads in place of the oracle, distractors included); ``distractors-lent`` (unannotated images get random labels);
    ``alike-baseline`` and ``alike-oracle`` (retrieval among equal attribute vectors only, queries with a look-alike).

    Raises:
        InputError: no query has a match, or fewer than two people have; what labels are permuted between or learnt
            from is missing.
    """
    generator = np.random.default_rng(seed)
    query, gallery, train = probe.query, probe.gallery, probe.train
    plain_train, plain_query, plain_gallery = (probe.baseline_features(samples) for samples in (train, query, gallery))
    similar = labels.similarity(plain_query, plain_gallery)
    agreeing = labels.label_agreement(query.codes, gallery.codes)
    oracle = probe.similarities(query.codes, gallery.codes)
    heads = fit_heads(plain_train.numpy(), train.codes, probe.schema)
    fusion = fuse(_one_per_camera(plain_train, train), (similar, agreeing, probe.ids), generator)
    scored = {
        "baseline": similar,
        "oracle": oracle,
        "labels": agreeing,
        "predicted": probe.similarities(heads.codes(plain_query.numpy()), heads.codes(plain_gallery.numpy())),
        **_permuted(probe, generator),
        **_distractors_labelled(probe, generator),
    }
    rows = [_frame(probe, name, answer(scores, probe.ids)) for name, scores in scored.items()]
    rows += [_frame(probe, name, answered) for name, answered in fusion.answered.items()]
    # The generator's first draw again: the halves of the people that ``fuse`` has made.
    given_labels = fuse_crossfit((oracle, agreeing, probe.ids), np.random.default_rng(seed))
    rows.append(_frame(probe, "oracle-fusion-crossfit", given_labels))
    rows += _noise(probe, generator, noise)
    rows += _among_look_alikes(probe, {"alike-baseline": similar, "alike-oracle": oracle})
    return Controls(
        per_query=pd.concat(rows, ignore_index=True),
        heads=score_heads(heads, plain_query.numpy(), query.codes),
        weights=fusion.weights,
    )


def _permuted(probe: Probe, generator: np.random.Generator) -> dict[str, Tensor]:
    everybody = np.concatenate([probe.query.codes, probe.gallery.codes])
    pids = np.concatenate([probe.query.pids, probe.gallery.pids])
    consistent = np.split(permute_between_people(everybody, pids, generator), [len(probe.query)])
    inconsistent = np.split(permute_between_images(everybody, generator), [len(probe.query)])
    similarities = {
        "permuted-people": probe.similarities(*consistent),
        "permuted-images": probe.similarities(*inconsistent),
    }
    if probe.permuted is not None:
        similarities["permuted-trained"] = probe.similarities(*consistent, model=probe.permuted)
    return similarities


def _distractors_labelled(probe: Probe, generator: np.random.Generator) -> dict[str, Tensor]:
    """Where some gallery images have no label, they get a random query's."""
    codes, donors = probe.gallery.codes, probe.query.codes
    if not (codes == 0).all(axis=1).any():
        return {}
    random = torch.Generator().manual_seed(int(generator.integers(2**31)))
    annotated = torch.from_numpy(donors[(donors != 0).any(axis=1)])
    labelled = label_at_random(torch.from_numpy(codes), annotated, random).numpy()
    return {"distractors-lent": probe.similarities(donors, labelled)}


def _noise(probe: Probe, generator: np.random.Generator, levels: tuple[float, ...]) -> list[pd.DataFrame]:
    true = [probe.routed_features(samples, samples.codes) for samples in (probe.query, probe.gallery)]
    rows = []
    for level in levels:
        wrong = [
            probe.routed_features(samples, labels.corrupt(samples.codes, probe.schema, level, generator))
            for samples in (probe.query, probe.gallery)
        ]
        pairs = {"query": (wrong[0], true[1]), "gallery": (true[0], wrong[1]), "both": (wrong[0], wrong[1])}
        rows += [
            _frame(probe, f"noise-{where}", answer(labels.similarity(*pair), probe.ids), level=level)
            for where, pair in pairs.items()
        ]
    return rows


def _among_look_alikes(probe: Probe, scored: dict[str, Tensor]) -> list[pd.DataFrame]:
    query, gallery = probe.query, probe.gallery
    alike = labels.has_look_alike(query.codes, query.pids, gallery.codes, gallery.pids)
    rows = []
    for name, scores in scored.items():
        restricted, annotated = labels.among_look_alikes(scores, query.codes, gallery.codes)
        rows.append(_frame(probe, name, answer(restricted, probe.ids).only(alike & annotated)))
    return rows


def _one_per_camera(features: Tensor, train: Samples) -> tuple[Tensor, Tensor, Identities]:
    """Retrieval among training people, one query per person and camera: similarities, agreements and identities."""
    _, first = np.unique(np.stack([train.pids, train.camids]), axis=1, return_index=True)
    ids = (train.pids[first], train.camids[first], train.pids, train.camids)
    return labels.similarity(features[first], features), labels.label_agreement(train.codes[first], train.codes), ids


def _frame(probe: Probe, control: str, answered: Answered, *, level: float = 0.0) -> pd.DataFrame:
    """Rows of the queries that have an answer."""
    numbers = {"query": np.arange(len(answered.ap)), "pid": probe.query.pids, "ap": answered.ap, "hit": answered.hit}
    table = pd.DataFrame(numbers).dropna(subset="ap")
    return table.assign(control=control, level=level)[["control", "level", "query", "pid", "ap", "hit"]]
