"""Captions of people from their attribute codes, for the tiny CLIP's own pretraining."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mosaicreid.attributes import Schema

_AGES = {"young": "young", "teenager": "teenage", "adult": "adult", "old": "old"}
_PEOPLE = {"male": "man", "female": "woman"}
_WORN = ("hat", "backpack", "bag", "handbag")
# What has a place in a sentence, and with which values where not any will do; the rest, of a user's schema, is added as
# it is called.
_SPOKEN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("hair", "up", "top", "upcolour", "down", "downcolour", "shoecolour"), ()),
    **dict.fromkeys((*_WORN, "boots"), ("no", "yes")),
    "clothes": ("dress", "pants"),
    "age": tuple(_AGES),
    "gender": tuple(_PEOPLE),
}


def caption_tokens(schema: Schema, codes: NDArray[np.integer], *, context_length: int) -> tuple[Tensor, Tensor]:
    """Tokens (N, longest) int64 of the captions of images with ``codes`` (N, A), and (N,) int64, which are the same."""
    from open_clip import tokenize

    distinct, index = np.unique(codes, axis=0, return_inverse=True)
    tokens = tokenize(captions(schema, distinct), context_length=context_length)
    longest = int(tokens.argmax(dim=1).max()) + 1
    return tokens[index, :longest], torch.from_numpy(index)


def captions(schema: Schema, codes: NDArray[np.integer]) -> list[str]:
    """One caption per row of ``codes`` (N, A): ``a photo of a young woman with long hair, a short red top and a hat``.

    What is not annotated is not said; of two labels both are.
    """
    return [_caption(schema, row) for row in codes.tolist()]


def _caption(schema: Schema, codes: list[int]) -> str:
    said: dict[str, tuple[str, ...]] = {}
    added = []
    for group, code in zip(schema.groups, codes, strict=True):
        values = tuple(value for bit, value in enumerate(group.values) if code >> bit & 1)
        if group.name in _SPOKEN and set(group.values) <= set(_SPOKEN[group.name] or group.values):
            said[group.name] = values
        elif values:
            added.append(f"{group.name} {' and '.join(values)}")
    boots = "yes" in said.get("boots", ())
    parts = [
        *(f"{value} hair" for value in said.get("hair", ())),
        _one(_garment(said, "upcolour", ("up", "top"), "top")),
        _lower(said),
        *(f"a {thing}" for thing in _WORN if "yes" in said.get(thing, ())),
        _garment(said, "shoecolour", (), "boots" if boots else "shoes") or ("boots" if boots else ""),
        *added,
    ]
    age = " ".join(_AGES[value] for value in said.get("age", ()))
    person = _PEOPLE.get("".join(said.get("gender", ())), "person")
    return f"a photo of {_one(f'{age} {person}'.strip())}{_listed([part for part in parts if part])}"


def _lower(said: Mapping[str, tuple[str, ...]]) -> str:
    """What is worn below: one skirt, or trousers, which are many."""
    skirt = "dress" in said.get("clothes", ())
    garment = "skirt" if skirt else "trousers"
    words = _garment(said, "downcolour", ("down",), garment) or (garment if said.get("clothes") else "")
    return _one(words) if skirt else words


def _garment(said: Mapping[str, tuple[str, ...]], colour: str, lengths: tuple[str, ...], garment: str) -> str:
    length = [value for name in lengths for value in said.get(name, ())]
    colours = said.get(colour, ())
    return " ".join([*length, *([" and ".join(colours)] if colours else []), garment]) if length or colours else ""


def _one(words: str) -> str:
    """With its article; nothing for nothing."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}" if words else ""


def _listed(parts: list[str]) -> str:
    if not parts:
        return ""
    *first, last = parts
    return f" with {', '.join(first)} and {last}" if first else f" with {last}"
