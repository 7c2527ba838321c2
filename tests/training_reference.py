"""The four stages as the papers write them: losses, gradients, Adam and seeds on plain tensors, in double precision.

Nothing of this package is called. Tensors have the names that a model's ``state_dict`` gives them; gradients are
autograd's of the formulas below, so that a detached or doubled path in a model shows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
STAGE_NUMBERS = {"pretrain": 0, "prompts": 1, "baseline": 2, "experts": 3}


def seed_torch(*numbers: int) -> None:
    """Seed torch by what NumPy's seed sequence makes of the run's seed, the stage's number and the epoch, if any."""
    torch.manual_seed(int(np.random.SeedSequence(list(numbers)).generate_state(1)[0]))


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Eq. 1: q is 1 - smoothing for the right identity and smoothing / P for all, kept in single precision."""
    identities = logits.shape[1]
    everyone = np.float32(smoothing / identities)
    losses = []
    for row, label in zip(logits, labels.tolist(), strict=True):
        log_probability = row - row.exp().sum().log()
        q = [float(np.float32(1 - smoothing) * np.float32(k == label) + everyone) for k in range(identities)]
        losses.append(-sum(q[k] * log_probability[k] for k in range(identities)))
    return sum(losses) / len(losses)


def batch_hard(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Eq. 2: per image, its farthest of the same identity less its nearest of another, plus the margin, if positive."""
    people, losses = labels.tolist(), []
    for i in range(len(people)):
        distance = [(features[i] - features[j]).square().sum().sqrt() if i != j else None for j in range(len(people))]
        others = [(d, who == people[i]) for d, who in zip(distance, people, strict=True) if d is not None]
        hardest = max((d for d, same in others if same), key=Tensor.item)
        nearest = min((d for d, same in others if not same), key=Tensor.item)
        gap = hardest - nearest + margin
        losses.append(gap if gap > 0 else 0 * gap)
    return sum(losses) / len(losses)


def supervised_contrast(anchors: Tensor, others: Tensor, labels: Tensor) -> Tensor:
    """CLIP-ReID's stage 1, one direction: minus the mean log-probability of an anchor's positives, over the anchors."""
    losses = []
    for anchor, who in zip(anchors, labels.tolist(), strict=True):
        scores = others @ anchor
        log_probability = scores - scores.logsumexp(0)
        positives = [log_probability[j] for j, other in enumerate(labels.tolist()) if other == who]
        losses.append(-sum(positives) / len(positives))
    return sum(losses) / len(losses)


def block(state: State, prefix: str, heads: int, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """One pre-norm block: the tokens that leave it, and the normalised tokens that enter its feed-forward network."""
    p = {name.removeprefix(f"{prefix}."): value for name, value in state.items() if name.startswith(f"{prefix}.")}
    normed = F.layer_norm(x, x.shape[-1:], p["ln_1.weight"], p["ln_1.bias"])
    packed = normed @ p["attn.in_proj_weight"].T + p["attn.in_proj_bias"]
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in packed.chunk(3, dim=-1))
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    mixed = ((scores if mask is None else scores + mask).softmax(-1) @ value).transpose(1, 2).flatten(2)
    x = x + mixed @ p["attn.out_proj.weight"].T + p["attn.out_proj.bias"]
    h = F.layer_norm(x, x.shape[-1:], p["ln_2.weight"], p["ln_2.bias"])
    return x + feed_forward(state, prefix, h), h


def feed_forward(state: State, name: str, h: Tensor) -> Tensor:
    """What a block's two layers make of its normalised tokens."""
    p = {key.removeprefix(f"{name}.mlp."): value for key, value in state.items() if key.startswith(f"{name}.mlp.")}
    return F.gelu(h @ p["c_fc.weight"].T + p["c_fc.bias"]) @ p["c_proj.weight"].T + p["c_proj.bias"]


@dataclass(kw_only=True)
class Experts:
    """What the experts of a batch need: the gate (B, E), the names' prefix, and their settings."""

    gate: Tensor
    first_block: int
    scale: float
    dropout: float
    pooling: str = "mean"
    token_reduction: str = "mean"
    injection: str = "every"
    ffn: str = "kept"

    def __call__(self, state: State, k: int, x: Tensor, h: Tensor) -> Tensor:
        """Sec. 3.4 for block ``k``: a loop over the images and their active experts."""
        if k < self.first_block:
            return x
        reduce = {"mean": lambda t: t.mean(1), "cls": lambda t: t[:, 0], "max": lambda t: t.max(1).values}
        token = reduce[self.token_reduction](h)
        if self.dropout:
            token = token * torch.empty_like(token).bernoulli_(1 - self.dropout) / (1 - self.dropout)
        a, b = (state[f"experts.layers.{k - self.first_block}.lora_{part}"] for part in "ab")
        summaries = []
        for image, gate in zip(token, self.gate.tolist(), strict=True):
            outputs = [self.scale * (b[j].T @ (a[j] @ image)) for j, active in enumerate(gate) if active]
            pooled = torch.zeros_like(image)
            if outputs:
                stacked = torch.stack(outputs)
                pooled = stacked.mean(0) if self.pooling == "mean" else stacked.max(0).values
            summaries.append(pooled)
        summary = torch.stack(summaries)[:, None]
        return x + summary if self.injection == "every" else torch.cat([x[:, :1] + summary, x[:, 1:]], 1)


def encode_images(
    s: State, images: Tensor, *, heads: int = 3, cls_extra: Tensor | None = None, experts: "Experts | None" = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The image tower, 8 pixels a patch: the CLS token before the last block, after ln_post, and projected."""
    width = len(s["class_embedding"])
    patches = F.unfold(images, 8, stride=8).transpose(1, 2) @ s["conv1.weight"].flatten(1).T
    cls = s["class_embedding"].expand(len(images), width)
    cls = cls if cls_extra is None else cls + cls_extra
    x = F.layer_norm(
        torch.cat([cls[:, None], patches], 1) + s["positional_embedding"],
        (width,),
        s["ln_pre.weight"],
        s["ln_pre.bias"],
    )
    depth = sum(name.startswith("transformer") and name.endswith("ln_1.bias") for name in s)
    for k in range(depth):
        last = x[:, 0]
        x, h = block(s, f"transformer.resblocks.{k}", heads, x)
        if experts is not None:
            if experts.ffn == "replaced" and k >= experts.first_block:
                # Where an expert is active, what the feed-forward network added is taken back.
                own = experts.gate.sum(1) > 0
                before = x[own] - feed_forward(s, f"transformer.resblocks.{k}", h[own])
                x = x.index_copy(0, own.nonzero().flatten(), before)
            x = experts(s, k, x, h)
    cls = F.layer_norm(x[:, 0], (width,), s["ln_post.weight"], s["ln_post.bias"])
    return last, cls, cls @ s["proj"]


def encode_text(state: State, embeddings: Tensor, ends: list[int], *, heads: int = 2) -> Tensor:
    """The text tower on (B, N, D) token embeddings: the feature where each text ends; attention looks back only."""
    length = embeddings.shape[1]
    x = embeddings + state["positional_embedding"][:length]
    mask = torch.full((length, length), -math.inf, dtype=x.dtype).triu(1)
    depth = sum(name.startswith("transformer") and name.endswith("ln_1.bias") for name in state)
    for k in range(depth):
        x, _ = block(state, f"transformer.resblocks.{k}", heads, x, mask)
    x = F.layer_norm(x, x.shape[-1:], state["ln_final.weight"], state["ln_final.bias"])
    return torch.stack([row[end] for row, end in zip(x, ends, strict=True)]) @ state["text_projection"]


def neck(state: State, name: str, features: Tensor, training: bool) -> Tensor:
    """BNNeck: normalised by the batch, whose statistics it remembers with weight 0.1; or by what it remembers."""
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        count = len(features)
        now, squares = features.mean(0), (features - features.mean(0)).square().sum(0)
        state[f"{name}.running_mean"] = 0.9 * mean + 0.1 * now.detach()
        state[f"{name}.running_var"] = 0.9 * variance + 0.1 * squares.detach() / (count - 1)
        state[f"{name}.num_batches_tracked"] = state[f"{name}.num_batches_tracked"] + 1
        mean, variance = now, squares / count
    normed = (features - mean) / (variance + 1e-5).sqrt()
    return normed * state[f"{name}.weight"] + state[f"{name}.bias"]


def rate(settings, epoch: int) -> float:
    """The learning rate of an epoch, counted from 1: a warm-up line, then steps or half a cosine."""
    base = settings.learning_rate
    line = settings.warmup_factor + (1 - settings.warmup_factor) * epoch / max(settings.warmup_epochs, 1)
    warming = epoch < settings.warmup_epochs
    if settings.schedule == "step":
        decays = sum(milestone <= epoch for milestone in settings.milestones)
        return base * settings.decay**decays * (line if warming else 1)
    if warming:
        return base * line
    half = (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
    return settings.final_learning_rate + (base - settings.final_learning_rate) * half


@dataclass
class Optimiser:
    """Adam (Kingma and Ba 2015; decay in the gradient) or AdamW (Loshchilov and Hutter 2019; decay in the weight)."""

    settings: object
    moments: dict[str, tuple[Tensor, Tensor, int]] = field(default_factory=dict)

    def step(self, state: State, gradients: State, learning_rate: float) -> None:
        for name, gradient in gradients.items():
            weight = state[name].detach()
            own_rate = learning_rate * (self.settings.bias_factor if "bias" in name.rpartition(".")[2] else 1)
            if self.settings.optimiser == "adamw":
                weight = weight * (1 - own_rate * self.settings.weight_decay)
            else:
                gradient = gradient + self.settings.weight_decay * weight
            first, second, count = self.moments.get(name, (torch.zeros_like(weight), torch.zeros_like(weight), 0))
            first, second, count = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2, count + 1
            self.moments[name] = first, second, count
            direction = (first / (1 - 0.9**count)) / ((second / (1 - 0.999**count)).sqrt() + 1e-8)
            state[name] = (weight - own_rate * direction).requires_grad_()


def train(
    stage: str,
    settings,
    *,
    seed: int,
    state: State,
    trained: list[str],
    weights: dict[str, float],
    batches: Callable[[int], Iterator[object]],
    terms: Callable[[State, object], dict[str, Tensor]],
) -> list[dict[str, float]]:
    """Train ``state`` in place, only the tensors ``trained``; the history, a row of means per epoch."""
    for name in trained:
        state[name] = state[name].detach().clone().requires_grad_()
    optimiser, history = Optimiser(settings), []
    for epoch in range(1, settings.epochs + 1):
        seed_torch(seed, STAGE_NUMBERS[stage], epoch)
        rows = []
        for batch in batches(epoch):
            found = terms(state, batch)
            loss = sum(weights[name] * term for name, term in found.items())
            gradients = torch.autograd.grad(loss, [state[name] for name in trained], allow_unused=True)
            used = {name: g for name, g in zip(trained, gradients, strict=True) if g is not None}
            rows.append({"loss": loss.item()} | {name: term.item() for name, term in found.items()})
            optimiser.step(state, used, rate(settings, epoch))
        history.append(
            {"epoch": epoch, "learning_rate": rate(settings, epoch)}
            | {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        )
    return history
