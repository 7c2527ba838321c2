"""``mosaicreid train STAGE``: the shared stages of a sweep, or one whole run, without a notebook."""

import argparse
from pathlib import Path
from typing import Any

_STAGES = ("pretrain", "prompts", "baseline", "experts")


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command ``train``."""
    train = subparsers.add_parser("train", help="run the training stages up to one of them; `experts` is a whole run")
    train.add_argument("stage", choices=_STAGES, help="the last stage to run; what is there already is not run again")
    train.add_argument("--dataset", required=True, metavar="NAME", help="market1501 or dukemtmc")
    train.add_argument("--root", required=True, type=Path, help="the dataset's folder")
    train.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs (default: runs)")
    train.add_argument("--cache", type=Path, help="the folder of decoded images (default: _cache in the runs' folder)")
    train.add_argument("--profile", default="tiny", help="tiny or paper (default: tiny)")
    train.add_argument("--configuration", default="all", help="a name of Table 3, or attributes joined by +")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument(
        "--set", default="", metavar="SETTINGS", help='other settings: "experts.rank=4 stages.baseline.epochs=20"'
    )
    train.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    from mosaicreid.profiles import from_parameters

    config = from_parameters(
        profile=arguments.profile,
        dataset=arguments.dataset,
        configuration=arguments.configuration,
        seed=arguments.seed,
        settings=arguments.set,
    )
    folders = {"root": arguments.root, "runs": arguments.runs, "cache": arguments.cache}
    if arguments.stage == "experts":
        from mosaicreid.training.run import train_run

        run = train_run(config, **folders).run
        print(f"{run.folder}: mAP {100 * run.scores['mAP']:.1f} %, Rank-1 {100 * run.scores['rank1']:.1f} %")
    else:
        from mosaicreid.training.session import train_shared

        print(train_shared(config, arguments.stage, **folders).to_string(index=False))
