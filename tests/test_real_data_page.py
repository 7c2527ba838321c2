"""Every command on the page *Real data* is one that its program takes, and those on files run on made-up ones."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from mosaicreid.cli import build_parser, main
from mosaicreid.config.parsing import parse_settings
from mosaicreid.config.profiles import make_config
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.rehearsal.images import draw_rehearsal
from mosaicreid.sweep.request import read_sweep

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "book" / "real_data.md").read_text()
LINES = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


def of_program(name: str) -> list[list[str]]:
    """The arguments of every call of a program, wherever in a line it stands."""
    found = [line[line.index(name) + 1 :] for line in LINES if name in line]
    assert found, name
    return found


@pytest.mark.parametrize("words", [*of_program("mosaicreid"), *of_program("mosaicreid.cli")], ids=" ".join)
def test_the_package_takes_its_commands(words: list[str]) -> None:
    arguments = build_parser().parse_args(words)
    make_config("paper", parse_settings(getattr(arguments, "set", "")))


@pytest.mark.parametrize("words", of_program("snakemake"), ids=" ".join)
def test_the_sweep_takes_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    given = words[words.index("--config") + 1 :]
    sweep = read_sweep(dict(word.split("=", 1) for word in given))
    assert sweep.profile == "paper"
    assert str(sweep.runs) == "runs/smooth"


@pytest.mark.parametrize("words", of_program("make"), ids=" ".join)
def test_make_knows_its_targets_and_hands_variables_on(words: list[str]) -> None:
    said = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for word in words[1:]:
        name, _, value = word.partition("=")
        assert {"GPUS": f"gpu={value}", "DATA": f'data="{value}"', "SEEDS": f'seeds="{value}"'}.get(
            name, f'datasets="{value}"'
        ) in said
    if words[0] == "paper":
        assert "jupyter-book build book/" in said


def test_checks_pass_on_made_up_files_that_lie_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for dataset in DATASETS:
        draw_rehearsal(tmp_path / "DIR" / dataset, like=dataset, people=4, annotations=None, height=64, width=32)
    monkeypatch.chdir(tmp_path)
    checks = [words for words in of_program("mosaicreid") if words[:2] == ["data", "check"]]
    assert len(checks) == len(DATASETS)
    for words in checks:
        assert main(words) == 0
        assert capsys.readouterr().out.endswith("nothing wrong\n")


def test_the_page_has_the_sums_and_places_of_the_registry() -> None:
    for dataset in DATASETS:
        definition = get_dataset(dataset)
        assert f"sha256 `{definition.source.sha256}`" in PAGE
        assert f"DIR/{dataset}/{definition.annotation.file_name}" in PAGE
        assert definition.source.page in PAGE


def test_the_folder_of_results_that_the_page_names_is_read(tmp_path: Path) -> None:
    """As the shell hands it to the build."""
    (line,) = [line for line in LINES if line[0].startswith("MOSAICREID_OWN_RESULTS=")]
    assert line[0] == "MOSAICREID_OWN_RESULTS=$PWD/runs/smooth/results"
    assert 'os.environ.get("MOSAICREID_OWN_RESULTS")' in (ROOT / "book" / "_ext" / "own.py").read_text()
