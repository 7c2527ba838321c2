"""``mosaicreid train STAGE``: the shared stages of a sweep, or one whole run. ``mosaicreid evaluate``: a saved one."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosaicreid.commands.arguments import whole_number

if TYPE_CHECKING:
    from mosaicreid.config.settings import Config

_STAGES = ("pretrain", "prompts", "baseline", "experts")


def add(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add both commands to the top-level parser."""
    train = subparsers.add_parser("train", help="run the training stages up to one of them; `experts` is a whole run")
    train.add_argument("stage", choices=_STAGES, help="the last stage to run; what is there already is not run again")
    train.add_argument("--dataset", required=True, metavar="NAME", help="the dataset's name")
    train.add_argument("--root", required=True, type=Path, help="the dataset's folder")
    train.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs (default: runs)")
    train.add_argument("--cache", type=Path, help="the folder of decoded images (default: _cache in the runs' folder)")
    train.add_argument("--profile", default="tiny", help="tiny or paper (default: tiny)")
    train.add_argument(
        "--configuration", default="all", help="all, baseline, or attributes and clusters joined by + (default: all)"
    )
    train.add_argument("--seed", type=whole_number, default=0, help="the seed of every generator (default: 0)")
    train.add_argument(
        "--set", default="", metavar="SETTINGS", help='other settings: "experts.rank=4 stages.baseline.epochs=20"'
    )
    train.set_defaults(run=_train)
    _add_evaluate(subparsers)


def _add_evaluate(subparsers: "argparse._SubParsersAction[Any]") -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="evaluate a finished run, or the PEFT experts that it exported, with labels of any origin",
        description="Write the run files of a saved model to OUTPUT/DATASET/NAME/SEED; nothing is overwritten.",
    )
    parser.add_argument("source", type=Path, help="the folder of a run, or of the experts that it exported")
    parser.add_argument("--root", required=True, type=Path, help="the dataset's folder")
    parser.add_argument("--output", required=True, type=Path, help="the folder to write to, as one of all runs")
    parser.add_argument("--dataset", metavar="NAME", help="the dataset's name (default: the experts' own)")
    parser.add_argument(
        "--labels",
        default="oracle",
        metavar="oracle|predicted|TABLE.csv",
        help="the annotation, predictions of linear heads, or a table with pid or path and a column per attribute "
        "(default: oracle)",
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="FILE",
        help="the frozen encoder: baseline.pt of a sweep, or the weights that experts were trained on (a run knows it)",
    )
    parser.add_argument(
        "--off", nargs="+", default=[], metavar="NAME", help="attributes or experts (hat=yes) to switch off"
    )
    parser.add_argument("--cache", type=Path, help="the folder of decoded images (default: _cache in OUTPUT)")
    parser.set_defaults(run=_evaluate)


def _train(arguments: argparse.Namespace) -> int:
    from accelerate import PartialState

    from mosaicreid.config.profiles import from_parameters
    from mosaicreid.training.loop import TrainingDivergedError

    config = from_parameters(
        profile=arguments.profile,
        dataset=arguments.dataset,
        configuration=arguments.configuration,
        seed=arguments.seed,
        settings=arguments.set,
    )
    folders = {"root": arguments.root, "runs": arguments.runs, "cache": arguments.cache}
    try:
        report = _report(config, arguments.stage, folders)
    except TrainingDivergedError as error:
        print(f"mosaicreid: error: {error}", file=sys.stderr)
        return 1
    if PartialState().is_main_process:
        print(report)
    return 0


def _report(config: "Config", stage: str, folders: dict[str, Any]) -> str:
    """Run everything up to ``stage``; what to tell about it."""
    if stage != "experts":
        from mosaicreid.training.shared import train_shared

        return train_shared(config, stage, **folders).to_string(index=False)
    from mosaicreid.training.run import train_run

    run = train_run(config, **folders).run
    return f"{run.folder}: mAP {100 * run.scores['mAP']:.1f} %, Rank-1 {100 * run.scores['rank1']:.1f} %"


def _evaluate(arguments: argparse.Namespace) -> None:
    from mosaicreid.analyses.saved.evaluate import evaluate_saved

    run = evaluate_saved(
        arguments.source,
        root=arguments.root,
        output=arguments.output,
        labels=arguments.labels,
        dataset=arguments.dataset,
        encoder=arguments.encoder,
        off=arguments.off,
        cache=arguments.cache,
    )
    print(f"{run.folder}: mAP {100 * run.scores['mAP']:.1f} %, Rank-1 {100 * run.scores['rank1']:.1f} %")
