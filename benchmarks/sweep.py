"""CPU seconds of a tiny sweep beside those of its training, extraction and evaluation, and a run's share of the rest.

    python benchmarks/sweep.py                                    a whole sweep, as `make sweep` runs it
    python benchmarks/sweep.py datasets=market1501 variants=none "only=hat all"       a part: any --config of the sweep

Snakemake runs in steps, and each step's CPU seconds are those of all its processes. What computes is taken from the
runs themselves: `cpu_seconds` in their histories for training, and for extraction and evaluation their seconds by the
clock, times the share of the clock that the same run's training had. The controls train and extract too, and count as
computing whole. Only `runs` and `rest` depend on how the sweep is organised. Nothing here fails.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from figures import add_json, write_figures

ROOT = Path(__file__).parents[1]
# From the first to the last, by the rule at which a step ends; the last one is everything.
STEPS = {"data": "synthesize", "shared stages": "shared", "runs": "run", "controls": "oracle", "rest": None}


@dataclass(frozen=True)
class Cost:
    """Of a step: CPU seconds of all its processes, seconds by the clock, and whether all of it worked."""

    cpu: float
    clock: float
    worked: bool


def take(until: str | None, config: list[str], cores: int) -> Cost:
    """Run the sweep up to the rule ``until``."""
    target = ["--until", until] if until else []
    snakemake = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    return spend([*snakemake, *target, "--config", *config])


def spend(command: list[str]) -> Cost:
    """Run a command and say what it cost."""
    before, started = used(), time.perf_counter()
    # What a failing run says is in its log; the others count.
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=sys.stderr)
    return Cost(used() - before, time.perf_counter() - started, done.returncode == 0)


def used() -> float:
    """CPU seconds of all processes that were started here and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def computed(runs: Path) -> pd.DataFrame:
    """A row per run: its stages' CPU seconds, those of extraction and evaluation, dataset and seed."""
    rows = []
    for path in sorted(runs.glob("*/[!_]*/seed*/metrics.json")):
        history = pd.read_csv(path.parent / "history.csv")
        spent = history.groupby("stage")[["seconds", "cpu_seconds"]].sum()
        share = spent["cpu_seconds"].sum() / spent["seconds"].sum()
        clock = pd.read_json(path)["cost"]["evaluation_seconds"]
        rows.append(
            {
                "dataset": path.parts[-4],
                "seed": path.parts[-2],
                "evaluation": clock * min(share, 1.0),
                **spent["cpu_seconds"],
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run the sweep step by step and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="*", help="KEY=VALUE of the sweep, as for snakemake --config")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where data and runs go (default: a temporary folder)")
    parser.add_argument("--book", action="store_true", help="build the book too, as another step")
    add_json(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).absolute()
        config = [f"data={folder / 'data'}", f"runs={folder / 'runs'}", *arguments.config]
        partial = any(word.startswith("only=") for word in arguments.config)
        steps = {name: until for name, until in STEPS.items() if not partial or name not in ("controls", "rest")}
        costs = {name: take(until, config, arguments.cores) for name, until in steps.items()}
        if arguments.book:
            program = Path(sys.executable).with_name("jupyter-book")
            costs["book"] = spend([str(program), "build", "book", "--path-output", str(folder)])
        runs = computed(folder / "runs")
    shared = runs.drop_duplicates(["dataset", "seed"])[["pretrain", "prompts", "baseline"]].sum().sum()
    experts, evaluation = runs.get("experts", pd.Series(dtype=float)).sum(), runs["evaluation"].sum()
    computing = {
        "shared stages": shared,
        "runs": experts + evaluation,
        "controls": costs["controls"].cpu if "controls" in costs else 0.0,
    }
    print(f"{os.cpu_count()} cores, {arguments.cores} used; CPU seconds\n")
    print(f"{'step':14} {'all':>8} {'computing':>10} {'ratio':>6} {'minutes':>8}")
    for name, cost in costs.items():
        own = computing.get(name, 0.0)
        ratio = f"{cost.cpu / own:6.2f}" if own else " " * 6
        print(f"{name:14} {cost.cpu:8.1f} {own:10.1f} {ratio} {cost.clock / 60:8.1f}")
    swept = [cost for name, cost in costs.items() if name != "book"]
    whole, own = sum(cost.cpu for cost in swept), sum(computing.values())
    print(f"{'sweep':14} {whole:8.1f} {own:10.1f} {whole / own:6.2f} {sum(cost.clock for cost in swept) / 60:8.1f}")
    overhead = (costs["runs"].cpu - experts - evaluation) / len(runs)
    if arguments.json and not all(cost.worked for cost in costs.values()):
        sys.exit(f"{arguments.json}: not written, because not all of the sweep worked")
    minutes = sum(cost.clock for cost in costs.values()) / 60
    write_figures(arguments.json, __file__, {"run_rest": overhead, "ratio": whole / own, "minutes": minutes})
    mean = f"training {experts / len(runs):.2f}, extraction and evaluation {evaluation / len(runs):.2f}"
    print(f"\na run, of {len(runs)}: {mean}, the rest {overhead:.2f}")


if __name__ == "__main__":
    main()
