"""Where a training step's time goes, and what share of this machine's matrix product speed it reaches.

    python benchmarks/step.py [--size tiny] [--batch 64] [--repeats 10]
    python benchmarks/step.py --size paper --repeats 1          ViT-B/16 at 256x128 in float32: minutes

The stages `baseline` and `experts` as they train: batches read and augmented, forward, backward, optimiser. The step's
floating-point operations are counted from the shapes of its products, attention and convolution. Then its products,
forward and backward, are computed again alone, each with the shapes and strides it had and operands that are at hand:
their speed is the machine's, and the share is what the whole step reaches of it. One thread, float32, CPU time.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from figures import add_json, write_figures
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from training import IDENTITIES, batches, make_objective, random_samples

from mosaicreid.config.profiles import make_config
from mosaicreid.config.settings import Config
from mosaicreid.training.objectives import Reidentification
from mosaicreid.training.optimiser import make_optimiser

PARTS = ("data", "forward", "backward", "optimiser")
# Shapes and strides of both operands.
Product = tuple[torch.Size, tuple[int, ...], torch.Size, tuple[int, ...]]


class Products(TorchDispatchMode):
    """Counts the matrix products that are computed while it is active, by their operands' shapes and strides."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[Product] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            left, right = args[-2:]
            self.seen[left.shape, left.stride(), right.shape, right.stride()] += 1
        return func(*args, **(kwargs or {}))


def fastest(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of ``repeats`` calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def product_speed(seen: Counter[Product], repeats: int) -> float:
    """FLOP/s of all products of a step, one after the other."""
    flop = seconds = 0.0
    for (left, left_stride, right, right_stride), count in seen.items():
        a = torch.empty_strided(left, left_stride).normal_()
        b = torch.empty_strided(right, right_stride).normal_()
        result = torch.empty(left[0], right[1])
        torch.mm(a, b, out=result)
        seconds += count * fastest(partial(torch.mm, a, b, out=result), repeats)
        flop += count * 2 * left[0] * left[1] * right[1]
    return flop / seconds


def count(objective: Reidentification, tensors: tuple[torch.Tensor, ...]) -> tuple[float, Counter[Product]]:
    """Floating-point operations of forward and backward, and the products among them."""
    aten = torch.ops.aten
    # PyTorch counts the attention kernels of a GPU alone.
    on_cpu: dict[Any, Callable[..., int]] = {
        aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v),
        aten._scaled_dot_product_flash_attention_for_cpu_backward: (
            lambda grad, q, k, v, *_, **__: sdpa_backward_flop_count(grad, q, k, v)
        ),
    }
    with FlopCounterMode(display=False, custom_mapping=on_cpu) as counter, Products() as products:
        torch.stack(list(objective(*tensors).values())).sum().backward()
    objective.zero_grad()
    return float(counter.get_total_flops()), products.seen


def timed_steps(
    config: Config, objective: Reidentification, data: Iterator[tuple[torch.Tensor, ...]], stage: str, repeats: int
) -> dict[str, float]:
    """CPU seconds of each part of a step, in the fastest of ``repeats`` steps after one that warms up."""
    optimiser = make_optimiser(objective, getattr(config.stages, stage))
    taken = []
    for _ in range(1 + repeats):
        clock = [time.process_time()]
        tensors = next(data)
        clock.append(time.process_time())
        loss = torch.stack(list(objective(*tensors).values())).sum()
        clock.append(time.process_time())
        loss.backward()
        clock.append(time.process_time())
        optimiser.step()
        optimiser.zero_grad()
        clock.append(time.process_time())
        taken.append({part: clock[k + 1] - clock[k] for k, part in enumerate(PARTS)})
    return min(taken[1:], key=lambda parts: sum(parts.values()))


def main() -> None:
    """Measure both stages and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "paper"), default="tiny")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=10)
    add_json(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    settings = {"model.weights": "pretrain", "runtime.precision": "no", "data.batch_size": arguments.batch}
    config = make_config(arguments.size, settings)
    data = batches(config, random_samples(config, 128), "cpu")
    figures: dict[str, float] = {}
    print(f"{arguments.size}, batch {arguments.batch}, float32, 1 thread, torch {torch.__version__}")
    for stage in ("baseline", "experts"):
        objective = make_objective(config, IDENTITIES, stage)
        flop, seen = count(objective, next(data))
        parts = timed_steps(config, objective, data, stage, arguments.repeats)
        seconds, speed = sum(parts.values()), product_speed(seen, min(arguments.repeats, 3))
        figures |= {
            f"{stage}_share": flop / seconds / speed,
            f"{stage}_seconds": seconds,
            f"{stage}_gflop": flop / 1e9,
            f"{stage}_product_gflops": speed / 1e9,
            **{f"{stage}_{part}": spent / seconds for part, spent in parts.items()},
        }
        print(
            f"{stage:8s} {flop / 1e9:8.1f} GFLOP in {seconds:.3f} s of CPU: {flop / seconds / 1e9:.1f} GFLOP/s, "
            f"{flop / seconds / speed:.2f} of the {speed / 1e9:.1f} that its products reach alone; "
            + ", ".join(f"{part} {spent / seconds:.1%}" for part, spent in parts.items()),
            flush=True,
        )
    write_figures(arguments.json, __file__, figures)


if __name__ == "__main__":
    main()
