"""The training losses of CLIP-ReID and of the paper (Sec. 3.5), as pure functions of features and labels.

Every loss is the mean over the batch. Under several processes, hand each function the gathered global batch: batch-hard
mining looks at all of it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from mosaicreid.errors import one_of


def id_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy against q_k = (1 - smoothing) [k = y] + smoothing / P (paper Eq. 1).

    ``logits`` (B, P) floating, ``labels`` (B,) int64 in 0..P-1; returns a scalar
    in at least single precision.
    """
    identities = logits.shape[1]
    # The reference keeps its targets in single precision whatever the logits are, which float64 values show from the
    # seventh digit on; for float32 and lower this is the ordinary label smoothing of F.cross_entropy.
    target = (1 - smoothing) * F.one_hot(labels, identities).to(torch.float32) + smoothing / identities
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return F.cross_entropy(logits.to(dtype), target.to(dtype))


def i2t_loss(
    images: Tensor, texts: Tensor, labels: Tensor, *, smoothing: float = 0.1, similarity: str = "dot"
) -> Tensor:
    """Image-to-text loss with label smoothing (paper Eq. 3), of the ``dot`` product as in CLIP-ReID, or of the
    ``cosine``, the paper's example, without a temperature.

    ``images`` (B, D) image features, ``texts`` (P, D) one text feature per identity, ``labels`` (B,) int64 in 0..P-1;
    returns a scalar.

    Raises:
        InputError: another similarity.
    """
    if similarity not in ("dot", "cosine"):
        raise one_of("similarity", similarity, ("dot", "cosine"))
    if similarity == "cosine":
        images, texts = F.normalize(images, dim=1), F.normalize(texts, dim=1)
    return id_loss(images @ texts.T, labels, smoothing=smoothing)


def triplet_loss(features: Tensor, labels: Tensor, *, margin: float | None = 0.3) -> Tensor:
    """Batch-hard triplet loss (paper Eq. 2): max(d_p - d_n + margin, 0) over the Euclidean hardest pairs.

    ``margin=None`` takes the soft margin log(1 + exp(d_p - d_n)). ``features`` (B, D), ``labels`` (B,) int64; returns
    a scalar. Anchors without a positive or a negative count as ``hardest_distances`` says.
    """
    positive, negative = hardest_distances(features, labels)
    gap = positive - negative
    return F.softplus(gap).mean() if margin is None else F.relu(gap + margin).mean()


def hardest_distances(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Per anchor, the largest distance within its identity and the smallest to another one: two (B,) tensors.

    ``features`` (B, D), ``labels`` (B,) int64. An anchor is its own positive, as in the reference implementations, so
    the only image of an identity has distance 0; with no other identity in the batch the negative is infinitely far
    and the anchor's loss and gradient are 0. The sampler refuses settings that would make either happen.
    """
    # Summing squared differences, rather than expanding the square, keeps close pairs exact; cdist's gradient at
    # distance zero is zero, where that of a bare square root is not a number.
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels[:, None] == labels[None, :]
    positive = distances.masked_fill(~same, -torch.inf).max(dim=1).values
    negative = distances.masked_fill(same, torch.inf).min(dim=1).values
    return positive, negative


def sup_con_loss(anchors: Tensor, others: Tensor, anchor_labels: Tensor, other_labels: Tensor) -> Tensor:
    """One direction of the supervised contrastive loss of CLIP-ReID's stage 1, at temperature 1.

    Minus the log-probability of each anchor's positives among ``others``, averaged over its positives, then over the
    anchors. ``anchors`` (B, D) and ``others`` (M, D) un-normalised features; labels (B,) and (M,) int64. Stage 1 adds
    image-to-text and text-to-image. An anchor without a positive makes the loss not a number, which training reports.
    """
    log_probability = F.log_softmax(anchors @ others.T, dim=1)
    positives = (anchor_labels[:, None] == other_labels[None, :]).to(log_probability.dtype)
    return -((positives * log_probability).sum(dim=1) / positives.sum(dim=1)).mean()
