"""What the experts cost: a training step and feature extraction against the bare encoder, and against a loop.

    python benchmarks/experts.py [--size paper] [--batch 8] [--repeats 5] [--threads 2] [--clock wall]

- step: an experts-stage step (forward, Eq. 4, backward, AdamW) against the same step with no experts installed but the
  same activation gradients flowing: its first block's output requires a gradient, as the first experts make it do.
- experts alone: all layers, forward and backward, against the tests' loop over samples and active experts on PEFT's
  LoRA layers.
- extraction: features without gradients, with experts against without.

The two sides of a ratio alternate; the ratio is between the fastest of each, which other load disturbs least, with
that of the medians beside it. On a machine with other load, count processor seconds (--clock cpu --threads 1).
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from figures import add_json, write_figures
from paper_step import SIZES, Batch, make_batch, make_model, make_optimiser, step
from torch import Tensor

from mosaicreid.models.backbone import Features
from mosaicreid.models.reid import ReidModel
from mosaicreid.models.towers import CLS, EVERY, attend, feed, normed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from expert_reference import LoopedExperts

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def bare_features(model: ReidModel, batch: Batch) -> Features:
    """The encoder without experts; gradients flow through every block but the first."""
    x, rotation = model.encoder.tokens(batch.images), model.encoder.rotation()
    final = len(model.encoder.blocks) - 1
    for k, block in enumerate(model.encoder.blocks):
        read = CLS if k == final else EVERY
        last = x[:, 0]
        x = x + attend(block, x, rotation)
        x = x[:, read] + feed(block, normed(block, x)[:, read])
        if k == 0:
            x.requires_grad_()
    return model.encoder.features(last, x)


def run_layers(layers: list[torch.nn.Module], x: Tensor, h: Tensor, gate: Tensor) -> None:
    """Forward and backward of every layer on the same tokens."""
    for layer in layers:
        layer(x, h, gate).sum().backward()


def compare(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    repeats: int,
    clock: Callable[[], float],
    inverse: bool = False,
) -> float:
    """Print both times and their ratio, and return it: ours over the reference, or the inverse."""
    times: dict[str, list[float]] = {"ours": [], "reference": []}
    for repeat in range(repeats + 1):
        for side, run in (("ours", ours), ("reference", reference)):
            start = clock()
            run()
            if repeat:  # the first round warms up
                times[side].append(clock() - start)
    a, b = min(times["ours"]), min(times["reference"])
    middle = statistics.median(times["ours"]), statistics.median(times["reference"])
    ratio, middle_ratio = (b / a, middle[1] / middle[0]) if inverse else (a / b, middle[0] / middle[1])
    print(f"{name}: {a:.3f} s, reference {b:.3f} s, ratio {ratio:.3f} (of the medians {middle_ratio:.3f})", flush=True)
    return ratio


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="paper")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    add_json(parser)
    arguments = parser.parse_args()
    how = {"repeats": arguments.repeats, "clock": CLOCKS[arguments.clock]}
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = make_model(arguments.size)
    experts = model.experts
    batch = make_batch(arguments.size, arguments.batch, model)
    active = batch.gate.sum(dim=1).mean().item()
    print(
        f"{arguments.size}: batch {arguments.batch}, {arguments.threads} threads, float32, torch {torch.__version__}; "
        f"{len(experts.names)} experts in each of {len(experts.layers)} blocks, {active:.1f} active per image"
    )

    trained = [p for p in model.parameters() if p.requires_grad]
    of_experts = {id(p) for p in experts.parameters()}
    with_experts, heads_only = make_optimiser(trained), make_optimiser([p for p in trained if id(p) not in of_experts])
    figures = {}
    figures["step"] = compare(
        "step",
        lambda: step(lambda: model.features(batch.images, batch.gate), model, batch, with_experts),
        lambda: step(lambda: bare_features(model, batch), model, batch, heads_only),
        **how,
    )

    x = model.prefix(batch.images).requires_grad_()
    h = torch.randn_like(x, requires_grad=True)
    layers = list(experts.layers)
    loops = [LoopedExperts(layer) for layer in layers]
    figures["loop"] = compare(
        "experts alone, loop over ours",
        lambda: run_layers(layers, x, h, batch.gate),
        lambda: run_layers(loops, x, h, batch.gate),
        **how,
        inverse=True,
    )

    plain = ReidModel(model.encoder, None, identities=1).eval()
    model.eval()
    with torch.inference_mode():
        figures["extraction"] = compare(
            "extraction",
            lambda: model.features(batch.images, batch.gate),
            lambda: plain.features(batch.images),
            **how,
        )
    write_figures(arguments.json, __file__, figures)


if __name__ == "__main__":
    main()
