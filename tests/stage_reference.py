"""What a case of ``stage_cases`` should give, from the same start, by the plain writing in ``training_reference``."""

from collections.abc import Iterator

import numpy as np
import torch
from batch_reference import augmented, pk_batches, shuffled_batches
from open_clip import tokenize
from stage_cases import COUNTS, VOCABULARY, captions_of, samples_of, texts_of
from torch import Tensor
from training_reference import (
    Experts,
    State,
    batch_hard,
    cross_entropy,
    encode_images,
    encode_text,
    neck,
    seed_torch,
    supervised_contrast,
    train,
)

from mosaicreid.config.settings import Config

# Column and bit of every expert, by the attributes that own some.
EXPERTS = {
    "gender+hat+upcolour": [(0, 0), (0, 1), (3, 1), *((8, bit) for bit in range(8))],
    "hat": [(3, 1)],
}


def expected(stage: str, config: Config, before: State) -> tuple[list[dict[str, float]], State]:
    """History and final tensors by the reference, from the tensors ``before``."""
    state, data, seed = {name: value.clone() for name, value in before.items()}, config.data, config.seed
    samples, settings = samples_of(config), getattr(config.stages, stage)
    labels = torch.from_numpy(samples.labels)

    def images(epoch: int, batches: list[list[int]]) -> Iterator[tuple[list[int], Tensor]]:
        for step, own in enumerate(batches):
            drawn = {"flip": data.flip, "padding": data.padding, "erasing": data.erasing, "seed": seed, "epoch": epoch}
            yield own, augmented(samples.pixels[own], **drawn, step=step)

    def shuffled(epoch: int) -> list[list[int]]:
        return shuffled_batches(len(samples), data.batch_size, seed, epoch)

    def pk(epoch: int) -> Iterator[tuple[list[int], Tensor]]:
        identities = data.batch_size // data.num_instances
        return images(epoch, pk_batches(samples.labels, identities, data.num_instances, seed, epoch))

    def pretrain_terms(state: State, batch: tuple[list[int], Tensor]) -> dict[str, Tensor]:
        own, pictures = batch
        tokens, which = (part[own] for part in captions_of(config))
        ends = [row.index(VOCABULARY - 1) for row in tokens.tolist()]
        texts = encode_text(state, state["token_embedding.weight"][tokens], ends)
        features = encode_images(tower(state, "visual."), pictures)[2]
        features, texts = (part / part.norm(dim=1, keepdim=True) for part in (features, texts))
        scale = state["logit_scale"].exp()
        features = (scale if scale < 100 else 100 + 0 * scale) * features
        return {
            "i2t": supervised_contrast(features, texts, which),
            "t2i": supervised_contrast(texts, features, which),
        }

    def prompt_terms(state: State, own: list[int]) -> dict[str, Tensor]:
        texts = prompts_of(state, labels[own])
        return {
            "i2t": supervised_contrast(fixed[own], texts, labels[own]),
            "t2i": supervised_contrast(texts, fixed[own], labels[own]),
        }

    def reid_terms(state: State, batch: tuple[list[int], Tensor]) -> dict[str, Tensor]:
        own, pictures = batch
        cameras = None
        if config.model.camera_embedding:
            cameras = config.model.camera_embedding * state["encoder.camera_embedding"][samples.camids[own] - 1]
        features = encode_images(
            tower(state, "encoder.visual."),
            pictures,
            cls_extra=cameras,
            experts=experts_of(config, samples.codes[own], state) if stage == "experts" else None,
        )
        learns = not (stage == "experts" and config.experts.heads == "frozen")
        logits = [
            neck(state, name, feature, learns) @ state[name.replace("bottleneck", "classifier") + ".weight"].T
            for name, feature in zip(("bottleneck", "bottleneck_proj"), features[1:], strict=True)
        ]

        def similarities(images: Tensor, texts: Tensor) -> Tensor:
            if settings.i2t_similarity == "cosine":
                return torch.stack([torch.cosine_similarity(image[None], texts) for image in images])
            return images @ texts.T

        smoothing, who = settings.label_smoothing, labels[own]
        return {
            "id": sum(cross_entropy(part, who, smoothing) for part in logits),
            "triplet": sum(batch_hard(part, who, settings.triplet_margin) for part in features),
            "i2t": cross_entropy(similarities(features[2], texts_of(config)), who, smoothing),
        }

    if stage == "prompts":
        seed_torch(seed, 1)
        state["cls_ctx"] = torch.empty(len(COUNTS), 4, 64, dtype=torch.float64).normal_(std=0.02)
        with torch.no_grad():
            plain = torch.from_numpy(samples.pixels).double() / 127.5 - 1
            fixed = encode_images(tower(state, "visual."), plain)[2]
    trained = names_that_train(stage, config, before)
    id_weight = {"id": settings.id_weight, "triplet": settings.triplet_weight, "i2t": settings.i2t_weight}
    history = train(
        stage,
        settings,
        seed=seed,
        state=state,
        trained=trained,
        weights={"pretrain": {"i2t": 0.5, "t2i": 0.5}, "prompts": {"i2t": 1, "t2i": 1}}.get(stage, id_weight),
        batches={"pretrain": lambda epoch: images(epoch, shuffled(epoch)), "prompts": shuffled}.get(stage, pk),
        terms={"pretrain": pretrain_terms, "prompts": prompt_terms}.get(stage, reid_terms),
    )
    if stage == "prompts":
        state["texts"] = prompts_of(state, torch.arange(len(COUNTS)))
    return history, {name: value.detach() for name, value in state.items()}


def names_that_train(stage: str, config: Config, before: State) -> list[str]:
    """What each stage trains, by name: all, the prompts' tokens, all, or experts and heads; never a neck's bias."""
    if stage == "prompts":
        return ["cls_ctx"]
    floating = [name for name in before if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    if stage == "experts":
        learns = ("experts.",) if config.experts.heads == "frozen" else ("experts.", "bottleneck", "classifier")
        floating = [name for name in floating if name.startswith(learns)]
    return [name for name in floating if not (name.startswith("bottleneck") and name.endswith("bias"))]


def tower(state: State, prefix: str) -> State:
    """The tensors below ``prefix``, and the experts', under the names that ``encode_images`` knows."""
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return own | {name: value for name, value in state.items() if name.startswith("experts.")}


def prompts_of(state: State, labels: Tensor) -> Tensor:
    """Text features of CLIP-ReID's prompts: the identity's four tokens in place of the four X."""
    tokens = tokenize("A photo of a X X X X person.")[0]
    end = int(tokens.argmax())
    words = state["token_embedding.weight"][tokens[: end + 1]]
    prompts = [torch.cat([words[:5], state["cls_ctx"][who], words[9:]]) for who in labels.tolist()]
    return encode_text(state, torch.stack(prompts), [end] * len(prompts))


def experts_of(config: Config, codes: np.ndarray, state: State) -> Experts:
    """The experts of a batch by its attribute codes: who has which label, what two of them and none at all mean."""
    options, gate = config.experts, []
    for row in codes.tolist():
        labels = [code & -code if options.two_labels == "first" else code for code in row]
        active = [labels[column] >> bit & 1 for column, bit in EXPERTS[options.configuration]]
        gate.append([1] * len(active) if options.unannotated == "every" and not any(row) else active)
    return Experts(
        gate=torch.tensor(gate),
        first_block=4 - options.last_k,
        scale=options.alpha / options.rank,
        dropout=options.dropout,
        pooling=options.pooling,
        token_reduction=options.token_reduction,
        injection=options.injection,
        ffn=options.ffn,
    )
