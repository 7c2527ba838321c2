"""Attack the package's borders with bad inputs of every kind: a seeded campaign.

``python tests/fuzz/run.py`` takes a minute or two; ``--minutes 60 --seed 7`` is the hour by hand. ``--area NAME`` keeps
to one area, and ``--area NAME --seed S --index I`` repeats a single input. Exit code 1 where any input ended badly.

The inputs run in a process of their own, so that a crash of the interpreter, a hang or a lack of memory is a failure of
one input: the next process goes on behind it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

# The package beside this file, whichever is installed; and not this folder, whose modules have names of Python's own.
sys.path[0:1] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from fuzz.campaign import AREAS, Campaign  # noqa: E402

# Bytes of address space: what no input of this size may need.
_MEMORY = 16 * 2**30


def inputs(areas: list[str], number: int | None) -> Iterator[tuple[str, int]]:
    """So many inputs, or without end: areas in turn, each with its own numbers."""
    for position in count() if number is None else range(number):
        yield areas[position % len(areas)], position // len(areas)


def work(areas: list[str], *, seed: int, number: int | None, skip: int) -> None:
    """Attempt inputs one after another, and say on standard output which begins and how it ends."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), areas, seed=seed)
        for position, (area, index) in enumerate(inputs(areas, number)):
            if position < skip:
                continue
            print(f"begin {position} {area} {index}", file=_said, flush=True)
            ending = campaign.attempt(area, index)
            print(f"end {ending.outcome} {ending.reason}".encode("ascii", "replace").decode(), file=_said, flush=True)


def oversee(areas: list[str], arguments: argparse.Namespace) -> int:
    """Run ``work`` in processes until all inputs are done or the time is over; the exit code."""
    endings = {area: Counter() for area in areas}
    started, skip, over = time.monotonic(), 0, False
    number = None if arguments.minutes else arguments.inputs
    while not over:
        command = [sys.executable, __file__, "--work", str(skip), "--seed", str(arguments.seed)]
        command += [word for area in areas for word in ("--area", area)]
        command += ["--inputs", str(number)] if number is not None else ["--minutes", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            current = None
            for line in process.stdout:
                word, *rest = line.rstrip("\n").split(" ", 3)
                if word == "begin":
                    current = rest
                    over = bool(arguments.minutes) and time.monotonic() - started > 60 * arguments.minutes
                    if over:
                        process.terminate()
                        break
                elif word == "end" and current:
                    _, area, index = current
                    endings[area][rest[0]] += 1
                    if rest[0] == "failed":
                        print(f"{area} --seed {arguments.seed} --index {index}: {' '.join(rest[1:])}", flush=True)
                    current = None
        if over or process.returncode == 0:
            break
        if current is None:
            print(f"the campaign itself failed with status {process.returncode}")
            return 1
        position, area, index = current
        endings[area]["failed"] += 1
        ended = f"the interpreter ended with status {process.returncode}"
        print(f"{area} --seed {arguments.seed} --index {index}: {ended}", flush=True)
        skip = int(position) + 1
    total = Counter()
    for area, counts in endings.items():
        total.update(counts)
        print(f"{area:14} {counts.total():6} inputs: {counts['refused']} refused, {counts['right']} right", end="")
        print(f", {counts['failed']} FAILED" if counts["failed"] else "")
    print(f"{total.total()} inputs in {time.monotonic() - started:.0f} s, {total['failed']} failed")
    return 1 if total["failed"] or not total.total() else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2800, help="how many, over all areas (default: 2800)")
    parser.add_argument("--minutes", type=float, default=0, help="instead, for how long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--area", action="append", choices=AREAS, help="this area alone; may be given several times")
    parser.add_argument("--index", type=int, help="a single input of an area")
    parser.add_argument("--work", type=int, metavar="SKIP", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    areas = arguments.area or list(AREAS)
    if arguments.work is not None:
        work(areas, seed=arguments.seed, number=None if arguments.minutes else arguments.inputs, skip=arguments.work)
        return 0
    if arguments.index is not None:
        with tempfile.TemporaryDirectory() as folder:
            ending = Campaign(Path(folder), areas, seed=arguments.seed).attempt(areas[0], arguments.index)
        print(f"{areas[0]} {arguments.index}: {ending.outcome} {ending.reason}")
        return int(ending.outcome == "failed")
    return oversee(areas, arguments)


if __name__ == "__main__":
    # What the package prints is none of the campaign's lines.
    _said = os.fdopen(os.dup(1), "w")
    if "--work" in sys.argv:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(main())
