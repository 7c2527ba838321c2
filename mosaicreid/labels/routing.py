"""The labels that a router gets in place of an image's own (``experts.routing``), in training and test alike."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mosaicreid.attributes import Schema
from mosaicreid.data.loaders import Samples
from mosaicreid.errors import one_of
from mosaicreid.labels.heads import fit_heads
from mosaicreid.labels.permuted import Codes, permute_between_images, permute_between_people

_FOLDS = 5
# What a random stream is for; part of the seed of each.
_TRAIN, _TEST = 1, 2
_ROUTINGS = ("oracle", "predicted", "permuted", "random", "always")


def route(
    routing: str,
    parts: tuple[Samples, Samples, Samples],
    *,
    schema: Schema,
    seed: int,
    read: Callable[[Samples], NDArray[np.floating]],
) -> tuple[Samples, Samples, Samples]:
    """Train, query and gallery of ``parts`` with other labels.

    ``permuted``: another person's, the same on all images of a person. ``random``: another image's, drawn once: gates
    are distributed as the oracle's and say nothing of who is seen. ``always``: none at all. ``predicted``: those of
    linear heads on the features (N, D) that ``read`` gives; training images get them from heads that have not seen
    their people, distractors too. Training and test people are permuted among themselves.

    Raises:
        InputError: an unknown ``routing``, or labels that are not there to be permuted or learnt from.
    """
    if routing not in _ROUTINGS:
        raise one_of("routing", routing, _ROUTINGS)
    train, query, gallery = parts
    if routing == "oracle":
        return parts
    if routing == "always":
        return _with(train, 0 * train.codes), _with(query, 0 * query.codes), _with(gallery, 0 * gallery.codes)
    if routing == "predicted":
        features = read(train)
        heads = fit_heads(features, train.codes, schema)
        query, gallery = (_with(samples, heads.codes(read(samples))) for samples in (query, gallery))
        return _with(train, _held_out(features, train, schema, seed)), query, gallery
    codes = np.concatenate([query.codes, gallery.codes])
    pids = np.concatenate([query.pids, gallery.pids])
    test = np.split(_changed(routing, codes, pids, [seed, _TEST]), [len(query)])
    own = _changed(routing, train.codes, train.pids, [seed, _TRAIN])
    return _with(train, own), _with(query, test[0]), _with(gallery, test[1])


def _changed(routing: str, codes: Codes, pids: NDArray[np.integer], seed: list[int]) -> Codes:
    generator = np.random.default_rng(seed)
    if routing == "random":
        return permute_between_images(codes, generator)
    return permute_between_people(codes, pids, generator)


def _held_out(features: NDArray[np.floating], train: Samples, schema: Schema, seed: int) -> Codes:
    """Codes (N, A) of training images, those of each fold of people from heads that the other folds taught."""
    generator = np.random.default_rng([seed, _TRAIN])
    folds = min(_FOLDS, train.num_identities)
    fold = generator.permutation(np.arange(train.num_identities) % folds)[train.labels]
    codes = np.zeros_like(train.codes)
    for k in range(folds):
        own = fold == k
        codes[own] = fit_heads(features[~own], train.codes[~own], schema).codes(features[own])
    return codes


def _with(samples: Samples, codes: Codes) -> Samples:
    return replace(samples, codes=codes.astype(np.int64))
