"""A run of other settings is not the one that was asked for, whatever Snakemake has recorded."""

import json
from pathlib import Path

import pytest

from mosaicreid.config.profiles import make_config
from mosaicreid.sweep.finished import is_another, is_other_text


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"config": make_config("tiny").to_dict(), "environment": {}}))
    (tmp_path / "metrics.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        {"stages.experts.epochs": 5},
        {"stages.baseline.epochs": 5},
        {"data.height": 32},
        {"model.stride": 4},
        {"runtime.precision": "bf16"},
        {"experts.rank": 2},
        {"experts.configuration": "hat"},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_settings_are_seen(run: Path, change: dict[str, object]):
    assert is_another(run, make_config("tiny", change))


def test_what_numbers_do_not_depend_on_is_not(run: Path):
    assert not is_another(run, make_config("tiny"))
    same = {"data.workers": 7, "data.evaluation_batch_size": 9, "runtime.threads": 3, "runtime.tensorboard": True}
    assert not is_another(run, make_config("tiny", same))


def test_an_unfinished_run_is_nobodys(run: Path):
    (run / "metrics.json").unlink()
    assert not is_another(run, make_config("tiny", {"seed": 1}))


@pytest.mark.parametrize("content", ["", "{}", '{"config": {"old": 1}, "environment": {}}'])
def test_a_description_that_cannot_be_read_is_of_another_run(run: Path, content: str):
    (run / "config.json").write_text(content)
    assert is_another(run, make_config("paper"))


def test_the_last_line_of_a_file_says_what_was_asked_for(tmp_path: Path):
    path = tmp_path / "ready.txt"
    assert not is_other_text(path, "asked")
    path.write_text("123 456 baseline.pt\nasked\n")
    assert not is_other_text(path, "asked")
    assert is_other_text(path, "asked for more")
    path.write_text("")
    assert is_other_text(path, "asked")
