"""Peak memory of an experts-stage step at the paper's sizes (ViT-B/16, 256x128, 12 attributes, K = 12, batch 64).

    python benchmarks/model_memory.py [--size paper] [--batch 8 16 64] [--precision no]

On a GPU: PyTorch's peak of allocated memory. On a CPU: the peak resident memory of a process of its own during its
second step, less what the process held before it built the model (the interpreter and the libraries).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from figures import add_json, write_figures

GIB = 2**30


def measure(size: str, batch_size: int, precision: str) -> dict[str, float]:
    """GiB of one step in this process: the peak, and what parameters with gradients and AdamW's state hold."""
    import torch
    from paper_step import make_batch, make_model, make_optimiser, step

    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    before = 0.0 if cuda else _resident("VmRSS")
    model = make_model(size).to(device)
    batch = make_batch(size, batch_size, model)
    batch = type(batch)(**{name: value.to(device) for name, value in vars(batch).items()})
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = make_optimiser(trained)

    def forward():
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            features = model.features(batch.images, batch.gate)
        return type(features)(*(feature.float() for feature in features))

    step(forward, model, batch, optimiser)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    else:
        # Linux: writing 5 starts the process' record of its peak anew.
        Path("/proc/self/clear_refs").write_text("5")
    step(forward, model, batch, optimiser)
    peak = torch.cuda.max_memory_allocated() / GIB if cuda else _resident("VmHWM") - before
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad) * 4
    # Weights, gradients and AdamW's two moments of what trains.
    held = frozen + sum(p.numel() for p in trained) * 4 * 4
    return {"peak": peak, "held": held / GIB}


def _resident(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / GIB
    raise RuntimeError(f"this system's /proc/self/status has no {field}")


def main() -> None:
    """Measure each batch size in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("paper", "tiny"), default="paper")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 64])
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    add_json(parser)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.size, arguments.measure, arguments.precision)))
        return
    figures = {}
    for batch_size in arguments.batch:
        command = [sys.executable, __file__, "--size", arguments.size, "--precision", arguments.precision]
        done = subprocess.run([*command, "--measure", str(batch_size)], check=True, stdout=subprocess.PIPE, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        figures |= {f"{quantity}_gib_{batch_size}": gib for quantity, gib in result.items()}
        print(
            f"{arguments.size}, precision {arguments.precision}, batch {batch_size}: peak {result['peak']:.2f} GiB "
            f"(of it {result['held']:.2f} GiB parameters, gradients and optimiser state); limit 24 GB = 22.35 GiB"
        )
    write_figures(arguments.json, __file__, figures)


if __name__ == "__main__":
    main()
