"""The global batch under several processes: gathered with gradients, so that every process computes the same loss."""

import torch
import torch.distributed
from torch import Tensor


def processes() -> int:
    """The number of processes that share a batch; 1 without ``torch.distributed``."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1


def gather(share: Tensor) -> Tensor:
    """This process's rows (B, ...) to the global batch's (processes * B, ...), in the order of the processes.

    The gradient that reaches a share is the sum over all processes. Each computes the whole loss, so that is as many
    times the gradient as there are processes, which ``DistributedDataParallel`` divides again when it averages.
    Parameters used after the gathering get the same, whole gradient in every process, which averaging leaves alone.
    Both equal one process on the global batch, batch-hard mining and batch normalisation included.
    """
    if processes() == 1:
        return share
    if not share.is_floating_point():
        parts = [torch.empty_like(share) for _ in range(processes())]
        torch.distributed.all_gather(parts, share.contiguous())
        return torch.cat(parts)
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(share.contiguous()))
