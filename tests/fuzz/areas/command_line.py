"""Every subcommand with at least one bad value: status 2 and one line, before anything was written."""

import contextlib
import importlib
import io
from pathlib import Path
from random import Random

from fuzz.mutate import TEXTS

from mosaicreid.cli import main

_NUMBERS = ("-1", "x", "1.5", "nan", "inf", "1e3", "9" * 400, "", "４2", " ", "1 2", "0x10", "--", "\udcff")
_NAMES = ("msmt17", "Market1501", "", "market1501 ", "a\nb", "../market1501", "\udcff", "x" * 300, "٣")
_MISSING = ("nowhere", "no/where", "a\nb", "~", "$HOME", "x" * 300, "x/" * 2500, "\udcff", "'; touch PWNED; '")
_SETTINGS = (
    *(
        "rank",
        "experts.rank",
        "experts.rank=",
        "experts.rank=x",
        "experts.rank=-1",
        "experts.rank=NaN",
        "seed=1 seed=2",
    ),
    *(
        "experts={}",
        "data.height=99999999",
        "data.height=" + "9" * 400,
        "'",
        "a.b.c.d=1",
        "=1",
        "experts.rank=" + "[" * 4000,
    ),
    *("model.weights=nowhere.pt", "data.batch_size=3", "runtime.threads=-1", "stages.baseline.epochs=0"),
)


class Area:
    """``user`` holds what a command must not touch: its folders are given for data, runs and results."""

    def __init__(self, folder: Path, user: Path) -> None:
        # Which looks for fonts once, and keeps a list of them in the home folder.
        importlib.import_module("matplotlib.font_manager")
        self._user = user

    def attempt(self, random: Random, place: Path) -> None:
        arguments = self._arguments(random, place)
        said, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
            try:
                status = main(arguments)
            except SystemExit as stop:
                status = int(stop.code or 0)
                usage = True
            else:
                usage = False
        shown = [argument[:40] for argument in arguments]
        message = errors.getvalue()
        assert status == 2, f"{shown}: status {status}, {message[:200]!r}"
        assert said.getvalue() == "", f"{shown}: {said.getvalue()[:200]!r}"
        assert list(place.iterdir()) == [], f"{shown}: left {sorted(place.iterdir())}"
        lines = message.splitlines()
        if usage:
            # argparse shows how a command is used before what is wrong.
            assert message.startswith("usage: mosaicreid"), f"{shown}: {message[:200]!r}"
        else:
            one = len(lines) == 1 and message.startswith("mosaicreid: error: ") and len(message) > 25
            assert one, f"{shown}: {message[:300]!r}"

    def _arguments(self, random: Random, place: Path) -> list[str]:
        data, output = str(self._user), str(place / "out")
        missing = random.choice([*_MISSING, f"{data}/mine/notes.txt", f"{data}/mine/notes.txt/x"])
        number, name = random.choice(_NUMBERS), random.choice(_NAMES)
        settings, text = random.choice(_SETTINGS), random.choice(TEXTS)
        train = ["train", random.choice(["experts", "baseline"]), "--runs", output, "--cache", output]
        data_of = random.choice([data, missing])
        commands = [
            ["data", "check", missing],
            ["data", "check", data, "--dataset", name],
            ["data", "check", data, "--annotation", missing],
            ["data", "synthesize", output, "--like", name, "--identities", "8", "--seed", "0"],
            ["data", "synthesize", output, "--like", "market1501", "--identities", number, "--seed", "0"],
            ["data", "synthesize", output, "--like", "market1501", "--identities", "8", "--seed", number],
            ["data", "synthesize", output, "--like", "dukemtmc", "--identities", "3", "--seed", "0"],
            ["data", "synthesize", data, "--like", "market1501", "--identities", "8", "--seed", "0", "--replace"],
            ["data", "synthesize", data, "--like", "market1501", "--identities", "8", "--seed", "0"],
            [*_world(output), "--annotation", missing],
            [*_world(output), "--annotation", f"{data}/market_attribute.mat"],
            [
                *_world(output),
                "--size",
                random.choice(["0x0", "8x8", "x", "64", "-1x5", "64x32x3", f"{'9' * 400}x32", "٣x٣"]),
            ],
            [*_world(output), "--size", "99999999x99999999"],
            [
                *_world(output),
                "--visibility",
                random.choice(["hat", "hat=2", "hat=nan", "x=0.5", "=1", "hat=-1", "hat=1e400"]),
            ],
            [*_world(output), "--workers", random.choice([n for n in _NUMBERS if n != "1 2"])],
            [*train, "--dataset", name, "--root", data],
            [*train, "--dataset", "market1501", "--root", data_of],
            [*train, "--dataset", "market1501", "--root", data, "--set", settings],
            [*train, "--dataset", "market1501", "--root", data, "--seed", number],
            [*train, "--dataset", "market1501", "--root", data, "--profile", name],
            [
                *train,
                "--dataset",
                "dukemtmc",
                "--root",
                data,
                "--configuration",
                random.choice(["", "wings", "hat+", text]),
            ],
            ["train", text, "--dataset", "market1501", "--root", data],
            ["experiment", "--runs", random.choice([missing, data]), "--results", output],
            ["experiment", "--runs", data, "--results", output, "--datasets", name],
            ["experiment", "--runs", data, "--results", output, "--seeds", number],
            ["experiment", "--runs", data, "--results", output, "--datasets", "market1501", "market1501"],
            ["executed", missing, output, "--title", text],
            ["executed", f"{data}/mine/notes.txt", output, "--title", text],
            ["compare", "--runs", missing, "--committed", f"{data}/results"],
            ["compare", "--runs", data, "--results", f"{data}/results", "--committed", f"{data}/results"],
            ["coverage", "--results", output, "--replications", random.choice([n for n in _NUMBERS if n != "1 2"])],
            ["coverage", "--results", output, "--replications", "2", "--seed", number],
            ["oracle", "run", "--dataset", name, "--seed", "0", "--root", data, "--runs", output],
            ["oracle", "run", "--dataset", "market1501", "--seed", number, "--root", data, "--runs", output],
            ["oracle", "run", "--dataset", "market1501", "--seed", "0", "--root", data, "--runs", missing],
            ["oracle", "collect", "--runs", data, "--data", data, "--results", output],
            ["oracle", "collect", "--runs", data, "--data", data, "--results", output, "--seeds", number],
            ["oracle", "collect", "--runs", data, "--data", data, "--results", f"{data}/results", "--datasets", name],
            ["priors", "--results", output, "--annotations", missing],
            ["priors", "--results", output, "--synthetic", data],
            ["priors", "--results", random.choice([output, missing])],
            ["leakage", "--results", output, "--annotations", random.choice([missing, data])],
            ["leakage", "--results", random.choice([output, missing])],
            ["verdicts", "--results", random.choice([output, missing, data])],
            ["analyse", "--results", f"{data}/mine/notes.txt"],
            ["world", "--results", f"{data}/mine/notes.txt/x"],
            ["data", "annotations", "--folder", f"{data}/mine/notes.txt"],
            [random.choice([*TEXTS, "tarin"]), "--results", output],
            [random.choice(["verdicts", "compare"]), f"--{text}"],
            random.choice([["train"], ["data"], ["oracle"], ["data", "check"], [], ["train", "experts"]]),
        ]
        return random.choice(commands)


def _world(root: str) -> list[str]:
    return ["data", "synthesize", root, "--like", "market1501", "--identities", "8", "--seed", "0"]
