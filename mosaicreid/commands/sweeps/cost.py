"""``mosaicreid cost``: what a run and a sweep cost on this device, before they start."""

import argparse
from pathlib import Path
from typing import Any

from mosaicreid.commands.arguments import Once, whole_number

_GIB = 2**30
_STEPS = 10


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``cost``."""
    parser = subparsers.add_parser(
        "cost",
        help="measure what a run and a sweep cost on this device: speed, memory, hours, disk",
        description="Train some steps of every stage on random images, print images per second and peak memory, and "
        "what follows for a run and for the sweep. Needs no data and no weights.",
    )
    parser.add_argument("--datasets", nargs="+", action=Once, metavar="NAME", help="default: the package's")
    parser.add_argument("--root", default="", help="the folder of one dataset, whose images are then counted")
    parser.add_argument("--seeds", type=whole_number, default=1, help="how many seeds (default: 1)")
    parser.add_argument("--steps", type=whole_number, help=f"measured steps of a stage (default: {_STEPS})")
    parser.add_argument(
        "--batch-sizes", nargs="+", type=whole_number, action=Once, metavar="N", help="default: the profile's"
    )
    parser.add_argument("--precisions", nargs="+", action=Once, metavar="NAME", help="default: the profile's")
    parser.add_argument(
        "--compile",
        nargs="+",
        choices=("no", "yes"),
        action=Once,
        help="measure without torch.compile, with it, or both (default: as the settings say)",
    )
    parser.add_argument("--set", default="", metavar="SETTINGS", help="other settings, as of `mosaicreid train`")
    parser.add_argument(
        "--count",
        action="store_true",
        help="count operations in place of measuring, and estimate hours on some cards",
    )
    parser.add_argument("--results", type=Path, help="also write cost_*.csv there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.cost import report
    from mosaicreid.analyses.cost.counted import SHARE
    from mosaicreid.config.parsing import parse_settings
    from mosaicreid.config.profiles import make_config
    from mosaicreid.datasets import DATASETS
    from mosaicreid.errors import InputError

    datasets = arguments.datasets or DATASETS
    measured = {
        "--steps": arguments.steps,
        "--batch-sizes": arguments.batch_sizes,
        "--precisions": arguments.precisions,
        "--compile": arguments.compile,
    }
    given = [name for name, value in measured.items() if value is not None]
    if arguments.count and given:
        raise InputError(f"--count measures nothing and has no use for {', '.join(given)}; expected one or the other")
    if arguments.root and len(datasets) != 1:
        raise InputError(f"--root is one dataset's folder, and there are {len(datasets)}; expected one with --datasets")
    # Of the profile `paper`, whose weights exist; the stage that would make some is no part of it.
    config = make_config("paper", {"data.dataset": datasets[0], **parse_settings(arguments.set)})
    works = {dataset: report.work_of(dataset, seeds=arguments.seeds, root=arguments.root) for dataset in datasets}
    disk = report.sweep_disk(config, works)
    if arguments.count:
        operations, estimated = report.estimates(config, works)
        tables = {"operations": operations, "estimates": estimated, "disk": disk}
        print(operations.assign(GFLOP=operations["flop"] / 1e9)[["stage", "GFLOP"]].round(1).to_string(index=False))
        print(estimated[["card", "dataset", "part", "times", "hours_each", "hours"]].round(2).to_string(index=False))
        print(
            f"Estimates: counted operations, where {SHARE:.0%} of a card's peak is assumed. Without --count: measured."
        )
    else:
        table = report.measured(
            config,
            batch_sizes=arguments.batch_sizes or [config.data.batch_size],
            precisions=arguments.precisions or [config.runtime.precision],
            compiled=[word == "yes" for word in arguments.compile or ()] or [config.runtime.compile],
            steps=arguments.steps or _STEPS,
        )
        shown = table.assign(memory_GiB=table["memory_bytes"] / _GIB if "memory_bytes" in table else float("nan"))
        columns = [*report.COMBINATION, "stage", "fits", "images_per_second", "memory_GiB", "device"]
        print(shown.reindex(columns=columns).round(2).to_string(index=False))
        chosen = report.best(table)
        first = chosen.iloc[0]
        speeds = dict(zip(chosen["stage"], chosen["images_per_second"], strict=True))
        print(
            f"fastest that fits: precision {first['precision']}, batch size {first['batch_size']}, "
            f"{'compiled' if first['compiled'] else 'not compiled'}"
        )
        hours = report.sweep_hours(speeds, config, works)
        print(hours.round(2).to_string(index=False))
        tables = {"measured": table, "measured_hours": hours.assign(device=first["device"])}
    print(disk.assign(GiB=disk["bytes"] / _GIB)[["dataset", "what", "GiB"]].round(2).to_string(index=False))
    if arguments.results:
        from mosaicreid.results import Table, write_tables

        about = {"profile": "paper", "seeds": arguments.seeds, "settings": arguments.set}
        write_tables(
            {f"cost_{name}": Table(frame=frame, parameters=about) for name, frame in tables.items()}, arguments.results
        )
        print(f"wrote {arguments.results}/cost_*.csv")
