"""Learning-rate schedules as pure functions: epoch (counted from 1) -> factor on the base learning rate."""

import math
from bisect import bisect_right
from collections.abc import Sequence


def multistep(
    epoch: int,
    *,
    milestones: Sequence[int],
    decay: float = 0.1,
    warmup_epochs: int = 0,
    warmup_factor: float = 0.1,
) -> float:
    """Factor ``decay`` at each of the ascending ``milestones``, after a linear rise from ``warmup_factor``.

    CLIP-ReID's stage 2 is milestones (30, 50) with 10 warm-up epochs, where epoch 10 is the first at the full rate and
    epoch 30 the first decayed one. The paper's experts use milestones (90, 110) without warm-up (Sec. 4.2).
    """
    rise = 1.0
    if epoch < warmup_epochs:
        done = epoch / warmup_epochs
        rise = warmup_factor * (1 - done) + done
    return rise * decay ** bisect_right(milestones, epoch)


def cosine(
    epoch: int,
    *,
    epochs: int,
    end_factor: float,
    warmup_epochs: int = 0,
    warmup_factor: float = 0.0,
) -> float:
    """Half a cosine from 1 at epoch 0 to ``end_factor`` at ``epochs``; a line replaces its first ``warmup_epochs``.

    The line runs from ``warmup_factor`` to 1, and the cosine takes over where it would have been without it, as in
    CLIP-ReID's stage 1: base rate 3.5e-4, ``end_factor`` 1e-6 / 3.5e-4, 120 epochs, 5 warm-up epochs from
    1e-5 / 3.5e-4.
    """
    if epoch < warmup_epochs:
        return warmup_factor + (1 - warmup_factor) * epoch / warmup_epochs
    progress = min(epoch / epochs, 1.0)
    return end_factor + (1 - end_factor) * (1 + math.cos(math.pi * progress)) / 2
