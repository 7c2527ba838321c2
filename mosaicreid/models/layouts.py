"""Names of weights as other tools write them, turned into the names that the models here have.

Tools put prefixes before names when they wrap a model, and transformers has its own names for CLIP's tensors.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mosaicreid.errors import InputError

# What DataParallel, torch.compile, FSDP and activation checkpointing put before the names of whatever they wrap.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# A name of each known layout: whatever stands before it is a wrapper's. The last three are of a vision tower alone.
_LANDMARKS = {
    "image_encoder.class_embedding": "",
    "vision_model.embeddings.class_embedding": "",
    "visual.class_embedding": "",
    "visual.trunk.cls_token": "",
    "embeddings.class_embedding": "vision_model.",
    "class_embedding": "visual.",
    "cls_token": "visual.trunk.",
}
# Recomputed by every model, or numbers that describe one: old files have them, the model has no place for them.
_DERIVED = {"attn_mask", "position_ids", "input_resolution", "context_length", "vocab_size"}
_TRANSFORMERS = {
    "vision_model.embeddings.patch_embedding.": "visual.conv1.",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.pre_layrnorm.": "visual.ln_pre.",
    "vision_model.post_layernorm.": "visual.ln_post.",
    "vision_model.encoder.layers.": "visual.transformer.resblocks.",
    "visual_projection.weight": "visual.proj",
    "text_model.embeddings.token_embedding.": "token_embedding.",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.encoder.layers.": "transformer.resblocks.",
    "text_model.final_layer_norm.": "ln_final.",
    "text_projection.weight": "text_projection",
}
_BLOCK = {
    ".self_attn.out_proj.": ".attn.out_proj.",
    ".self_attn.": ".attn.",
    ".layer_norm1.": ".ln_1.",
    ".layer_norm2.": ".ln_2.",
    ".mlp.fc1.": ".mlp.c_fc.",
    ".mlp.fc2.": ".mlp.c_proj.",
}


def without_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state`` without the prefixes of wrappers, in any order and number, around the model or within it.

    Raises:
        InputError: two models, or two tensors that would have one name.
    """
    plain = _renamed(state, lambda name: ".".join(part for part in name.split(".") if part not in _WRAPPERS))
    for landmark, instead in _LANDMARKS.items():
        prefixes = [name.removesuffix(landmark) for name in plain if name == landmark or name.endswith(f".{landmark}")]
        if len(prefixes) > 1:
            raise InputError(f"{len(prefixes)} models, under {', '.join(map(ascii, prefixes[:6]))}; expected one")
        if prefixes:
            return _moved(plain, prefixes[0], instead)
    return plain


def open_clip_layout(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state`` under the names of ``open_clip.CLIP``, from those of transformers' ``CLIPModel`` or from its own.

    Query, key and value become one matrix and projections are transposed; names of neither layout stay as they are.
    A text tower under ``text.``, as open_clip's custom ones are, moves up; what models recompute is left out.

    Raises:
        InputError: two tensors that would have one name.
    """
    state = {name: value for name, value in state.items() if name.rpartition(".")[2] not in _DERIVED}
    if any(name.startswith(("vision_model.", "text_model.")) for name in state):
        return _from_transformers(state)
    if "text.token_embedding.weight" in state:
        return _renamed(state, lambda name: name.removeprefix("text."))
    return state


def _from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From transformers' names, as its own conversion script has them the other way round."""
    turned = {
        name: value.T if name in ("visual_projection.weight", "text_projection.weight") and value.ndim == 2 else value
        for name, value in state.items()
    }
    named = _renamed(turned, _translated)
    for query in [name for name in named if ".attn.q_proj." in name]:
        parts = [query.replace("q_proj", f"{letter}_proj") for letter in "qkv"]
        kinds = {(named[part].shape, named[part].dtype) if part in named else None for part in parts}
        if len(kinds) == 1 and named[query].ndim:
            named[query.replace("q_proj.", "in_proj_")] = torch.cat([named.pop(part) for part in parts])
    return named


def _translated(name: str) -> str:
    for theirs, ours in _TRANSFORMERS.items():
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            break
    if re.match(r"(visual\.)?transformer\.resblocks\.", name):
        for theirs, ours in _BLOCK.items():
            name = name.replace(theirs, ours)
    return name


def _moved(state: Mapping[str, Tensor], prefix: str, instead: str) -> dict[str, Tensor]:
    return _renamed(state, lambda name: instead + name.removeprefix(prefix) if name.startswith(prefix) else name)


def _renamed(state: Mapping[str, Tensor], rename: Callable[[str], str]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        new = rename(name)
        if new in renamed:
            raise InputError(f"two tensors are named {new!r} without prefixes, one of them {name!r}; expected one")
        renamed[new] = value
    return renamed
