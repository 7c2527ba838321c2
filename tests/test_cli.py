"""The command line as a user meets it: what it prints, the status, and one line for every error."""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mosaicreid import __version__
from mosaicreid.attributes import Annotation
from mosaicreid.cli import build_parser, main
from mosaicreid.data.annotation import write_annotation
from mosaicreid.datasets import get_schema

FOLDER = Path(__file__).parents[1] / "mosaicreid" / "commands"
COMMANDS = sorted(
    ".".join(file.relative_to(FOLDER).with_suffix("").parts)
    for file in FOLDER.rglob("*.py")
    if file.stem not in ("__init__", "arguments")
)


@pytest.fixture
def small(tmp_path):
    """A DukeMTMC folder of two people in three images, with annotation."""
    schema = get_schema("dukemtmc")
    names = {
        "bounding_box_train": "0003_c1_f0000001.jpg",
        "query": "0005_c1_f0000001.jpg",
        "bounding_box_test": "0005_c2_f0000001.jpg",
    }
    root = tmp_path / "small"
    for folder, name in names.items():
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (8, 16)).save(root / folder / name)
    codes = np.ones((1, len(schema.groups)), dtype=np.int16)
    annotation = {
        split: Annotation(schema, split, np.array([pid]), codes) for split, pid in (("train", 3), ("test", 5))
    }
    write_annotation(root / "duke_attribute.mat", annotation)
    return root


def failed(capsys, *arguments: str) -> str:
    """The one line that a refused command prints."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mosaicreid: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"mosaicreid {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_module_of_commands_is_registered(command, capsys):
    group = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"mosaicreid.commands.{command}").add(group)
    assert group.choices
    for name in group.choices:
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        assert f"usage: mosaicreid {name}" in capsys.readouterr().out


def test_module_and_script_are_the_same_and_import_nothing_heavy():
    code = (
        "import sys; from mosaicreid.cli import build_parser; build_parser(); "
        "print(sorted({'torch', 'pandas', 'scipy', 'matplotlib', 'PIL', 'pooch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    done = subprocess.run([sys.executable, "-m", "mosaicreid.cli", "data", "check", "/nowhere"], capture_output=True)
    assert done.returncode == 2
    assert done.stderr.decode().count("\n") == 1


@pytest.mark.parametrize(
    ("module", "extra"),
    [("matplotlib", "book"), ("jupyter_book", "book"), ("snakemake", "sweep"), ("hatchling", "dev")],
)
def test_a_missing_extra_is_one_line_that_says_how_to_install_it(module, extra, monkeypatch, capsys):
    def run(arguments):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("mosaicreid.commands.verdicts.run", run)
    expected = f"verdicts needs {module}, which the extra {extra!r} installs: pip install 'mosaicreid[{extra}]'"
    assert failed(capsys, "verdicts") == f"mosaicreid: error: {expected}\n"


@pytest.mark.parametrize("module", ["torch", "matplotlib.no_such_part", "mosaicreid.no_such_part", None])
def test_a_missing_module_of_no_extra_stays_a_bug(module, monkeypatch):
    def run(arguments):
        raise ModuleNotFoundError("No module named something", name=module)

    monkeypatch.setattr("mosaicreid.commands.verdicts.run", run)
    with pytest.raises(ModuleNotFoundError):
        main(["verdicts"])


@pytest.mark.parametrize("arguments", [[], ["data"], ["no-such-command"], ["data", "check"]])
def test_usage_errors_have_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: mosaicreid" in capsys.readouterr().err


def test_data_check_lists_what_is_there_and_what_is_wrong(small, capsys):
    assert main(["data", "check", str(small)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"dukemtmc at {small}\n")
    # Everything is in order but the number of images, which is not DukeMTMC's.
    assert [line for line in out.splitlines() if line.startswith("problem")] == [
        "problem: train has 1 images, expected 16522",
        "problem: train has 1 identities, expected 702",
        "problem: query has 1 images, expected 2228",
        "problem: query has 1 identities, expected 702",
        "problem: gallery has 1 images, expected 17661",
        "problem: gallery has 1 identities, expected 1110",
    ]
    assert out.endswith("6 problems\n")


def test_data_check_refuses_what_it_cannot_read(small, capsys, tmp_path):
    assert f"{tmp_path} holds no images" in failed(capsys, "data", "check", str(tmp_path))
    assert "not an image name of market1501" in failed(capsys, "data", "check", str(small), "--dataset", "market1501")
    message = failed(capsys, "data", "check", str(small), "--dataset", "msmt17")
    assert "unknown dataset 'msmt17'; expected one of: market1501, dukemtmc" in message
    missing = str(tmp_path / "missing.mat")
    assert f"no annotation file at {missing}" in failed(capsys, "data", "check", str(small), "--annotation", missing)
    (small / "query" / "stranger.jpg").touch()
    assert "query/stranger.jpg is not an image name of dukemtmc" in failed(capsys, "data", "check", str(small))


@pytest.mark.parametrize("like", ["market1501", "dukemtmc"])
def test_a_synthesized_folder_passes_the_check(like, tmp_path, capsys):
    root = str(tmp_path / "world")
    arguments = ["data", "synthesize", root, "--like", like, "--identities", "4", "--seed", "3", "--size", "32x16"]
    assert main([*arguments, "--workers", "1"]) == 0
    assert main(["data", "check", root]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{like} at {root}\n")
    assert out.endswith("nothing wrong\n")


def test_options_of_a_world_are_a_line_of_settings(tmp_path, capsys):
    root = tmp_path / "world"
    arguments = ["data", "synthesize", str(root), "--like", "dukemtmc", "--identities", "6", "--seed", "3"]
    assert main([*arguments, "--size", "32x16", "--workers", "1", "--world", "marks=1 distractor_identities=0.3"]) == 0
    stated = json.loads((root / "synthetic.json").read_text())
    assert (stated["options"]["marks"], stated["options"]["distractor_identities"]) == (1, 0.3)
    assert stated["counts"]["query"]["identities"] == stated["counts"]["gallery"]["identities"] - 1 == 1
    assert "unknown setting of the world 'mark'" in failed(
        capsys, *arguments[:2], str(tmp_path / "x"), *arguments[3:], "--world", "mark=1"
    )
    assert not (tmp_path / "x").exists()


def test_image_size_is_height_by_width(capsys):
    parse = build_parser().parse_args
    arguments = ["data", "synthesize", "out", "--like", "dukemtmc", "--identities", "9", "--seed", "1"]
    assert parse([*arguments, "--size", "256x128"]).size == (256, 128)
    assert parse(arguments).size == (128, 64)
    with pytest.raises(SystemExit):
        parse([*arguments, "--size", "256"])
    assert "'256' is not an image size; expected height x width like 128x64" in capsys.readouterr().err


def test_priors_are_written_and_drawn_and_drawn_again(annotations, small, tmp_path, capsys):
    (small / "synthetic.json").write_text(json.dumps({"like": "dukemtmc", "identities": 2, "seed": 7}))
    arguments = ["--results", str(tmp_path)]
    assert main(["priors", "--annotations", str(annotations), "--synthetic", str(small), *arguments]) == 0
    priors = pd.read_csv(tmp_path / "priors.csv")
    assert priors.groupby("source")["dataset"].unique().map(list).to_dict() == {
        "real": ["market1501", "dukemtmc"],
        "synthetic": ["dukemtmc"],
    }
    images = pd.read_csv(tmp_path / "images.csv")
    assert images.query("source == 'real'")["images"].sum() == 12936 + 3368 + 19732 + 16522 + 2228 + 17661
    parameters = json.loads((tmp_path / "priors.json").read_text())["parameters"]
    assert parameters == {"synthetic": {"dukemtmc": {"identities": 2, "seed": 7}}}
    figure = tmp_path / "figures" / "priors-dukemtmc.svg"
    drawn = figure.read_bytes()
    figure.unlink()
    assert main(["priors", *arguments]) == 0
    assert figure.read_bytes() == drawn


def test_priors_refuse_what_is_missing(small, tmp_path, capsys):
    folder = str(tmp_path / "results")
    assert "no result table at" in failed(capsys, "priors", "--results", folder)
    assert "without --annotations" in failed(capsys, "priors", "--synthetic", str(small), "--results", folder)
    message = failed(capsys, "priors", "--annotations", str(tmp_path), "--results", folder)
    assert "no file list at" in message
    assert not Path(folder).exists()


def test_priors_take_one_synthetic_folder_of_each_kind(annotations, small, tmp_path, capsys):
    given = ["priors", "--annotations", str(annotations), "--results", str(tmp_path / "results"), "--synthetic"]
    assert "no synthetic.json in" in failed(capsys, *given, str(small))
    (small / "synthetic.json").write_text(json.dumps({"like": "dukemtmc", "identities": 2, "seed": 7}))
    assert "is a second synthetic folder like dukemtmc" in failed(capsys, *given, str(small), str(small))
    assert not (tmp_path / "results").exists()


def test_a_folder_of_results_that_cannot_be_written_is_refused_first(tmp_path, monkeypatch, capsys):
    (tmp_path / "results").write_text("a file")
    monkeypatch.setattr(
        "mosaicreid.commands.analyse._analyse", lambda arguments: pytest.fail("computed"), raising=False
    )
    assert main(["analyse", "--results", str(tmp_path / "results")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        f"mosaicreid: error: {tmp_path}/results cannot be written: {tmp_path}/results: Not a directory"
    )
    assert error.count("\n") == 1


@pytest.mark.parametrize("text", ["\uff142", "1_0", " 5", "1e3", "9" * 400, "", "0x1"])
def test_numbers_are_digits(text, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["data", "synthesize", "out", "--like", "market1501", "--seed", "0", "--identities", text])
    assert stop.value.code == 2
    assert "is not a whole number; expected up to twelve digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--size", "99999x99999"], "sides of 8192 at most"),
        (["--workers", "999999999999"], "1 to 1024 workers"),
        (["--workers", "0"], "1 to 1024 workers"),
    ],
)
def test_sizes_that_only_a_slip_has_are_refused(option, message, tmp_path, capsys):
    given = ["data", "synthesize", str(tmp_path / "out"), "--like", "market1501", "--identities", "8", "--seed", "0"]
    assert message in failed(capsys, *given, *option)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"), [(["--seed", "-1"], "-1 as seed"), (["--replications", "999999999999"], "at most 1000000")]
)
def test_a_study_that_cannot_be_is_refused(given, message, tmp_path, capsys):
    assert message in failed(capsys, "coverage", "--results", str(tmp_path), *given)


@pytest.mark.parametrize("command", [["experiment"], ["oracle", "collect", "--data", "data"]], ids=" ".join)
@pytest.mark.parametrize(("option", "value"), [("--datasets", "market1501"), ("--seeds", "0")])
def test_lists_hold_nothing_twice(command, option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--runs", "runs", option, value, value])
    assert ended.value.code == 2
    assert f"argument {option}: {value} is given more than once; expected each once" in capsys.readouterr().err
