"""Several processes that train as one: their accelerator, and the global batch, gathered with gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.distributed
from torch import Tensor

from mosaicreid.config.settings import RuntimeConfig
from mosaicreid.errors import InputError

if TYPE_CHECKING:
    from accelerate import Accelerator


def make_accelerator(runtime: RuntimeConfig) -> "Accelerator":
    """Accelerate's view of this process: device, precision, and its place among several processes.

    Raises:
        InputError: a precision that the device does not have.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState

    # Without an accelerator, several processes join only if told that they compute on processors: otherwise each takes
    # itself for the only one.
    precision, cpu = runtime.precision, runtime.device == "cpu" or not torch.accelerator.is_available()
    if runtime.threads:
        torch.set_num_threads(runtime.threads)
    # Accelerate keeps the first run's precision and device for the whole process.
    kept = AcceleratorState._shared_state
    if (kept.get("_mixed_precision", precision), kept.get("_cpu", cpu)) != (precision, cpu):
        AcceleratorState._reset_state(reset_partial_state=PartialState().num_processes == 1)
    # Accelerate itself would train in float32 then and say nothing.
    if precision == "fp16" and PartialState(cpu=cpu).device.type == "cpu":
        raise InputError("precision 'fp16' on a CPU; expected 'no' or 'bf16' there, fp16 needs a GPU")
    try:
        return Accelerator(mixed_precision=precision, cpu=cpu)
    except ValueError as error:
        raise InputError(f"precision {precision!r} on this device: {error}") from error


def processes() -> int:
    """The number of processes that share a batch; 1 without ``torch.distributed``."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1


def any_process(says: Callable[[], bool], accelerator: "Accelerator") -> bool:
    """Whether any process of the run ``says`` so; those that ask at the same step get the same answer."""
    if accelerator.num_processes == 1:
        return says()
    if says():
        accelerator.set_trigger()
    return accelerator.check_trigger()


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
