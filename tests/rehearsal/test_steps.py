"""A rehearsal of two runs from nothing: real rules, both checkpoints, a kill, two processes, a card for each job."""

import json
from pathlib import Path

import pytest

from mosaicreid.errors import InputError
from mosaicreid.rehearsal.sizes import FULL, SMALL
from mosaicreid.rehearsal.steps import _SAYS, MARKER, RehearsalFailed, rehearse
from mosaicreid.runs import read_run

ROOT = Path(__file__).parents[2]


def state() -> dict[Path, int]:
    """What is committed of results and executed pages."""
    folders = [ROOT / "results", ROOT / "book" / "executed"]
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*")}


def test_a_small_rehearsal_passes_goes_on_and_writes_into_its_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before = state()
    folder = tmp_path / "rehearsal"
    rehearse(folder, size=SMALL, annotations=None, cores=2, book=False)
    said = capsys.readouterr().out
    assert "killed and resumed: resumed after the epoch that it was killed in" in said
    assert "two processes: 2 x " in said
    assert "the sweep: 2 runs" in said
    assert state() == before
    runs = [read_run(path.parent) for path in sorted((folder / "sweep").glob("*/[!_]*/seed0/metrics.json"))]
    assert [run.config.experts.configuration for run in runs] == ["baseline", "hat"]
    for run in runs:
        assert run.config.profile == "paper"
        assert run.config.runtime.precision == "bf16"
        # Pretended devices: a job sees one of them, and never both.
        assert run.environment["variables"]["CUDA_VISIBLE_DEVICES"] in ("0", "1")
    (from_checkpoint,) = (folder / "clip_reid").glob("*/all/seed0/config.json")
    assert json.loads(from_checkpoint.read_text())["config"]["model"]["clip_reid"].endswith("CLIP-ReID.pth")
    finished = {path: path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}
    rehearse(folder, size=SMALL, annotations=None, cores=2, book=False)
    assert "killed and resumed: done before" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("metrics.json")} == finished


def test_a_step_that_fails_is_named_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "rehearsal"
    for name in ("data/market1501", "data_alone/market1501"):
        (folder / name).mkdir(parents=True)
    (folder / MARKER).write_text(_SAYS, encoding="utf-8")
    monkeypatch.setattr("mosaicreid.rehearsal.steps.write_openai_archive", lambda path, **_: None)
    monkeypatch.setattr("mosaicreid.rehearsal.steps.write_clip_reid", lambda path, **_: None)
    with pytest.raises(RehearsalFailed, match=r"ended by itself, log .*interrupted\.log: mosaicreid: error: no folder"):
        rehearse(folder, size=SMALL, annotations=None, cores=1, book=False)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something that is no rehearsal; expected a new folder"):
        rehearse(tmp_path, size=SMALL, annotations=None, cores=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_of_the_marker_s_name_makes_no_folder_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    mine = tmp_path / "alone" / "market1501" / "_shared" / "seed0" / "baseline.pt"
    mine.parent.mkdir(parents=True)
    mine.write_text("weights of somebody")
    (tmp_path / MARKER).write_text("notes of my own rehearsal")
    with pytest.raises(InputError, match="holds something that is no rehearsal; expected a new folder"):
        rehearse(tmp_path, size=SMALL, annotations=None, cores=1)
    assert mine.read_text() == "weights of somebody"
    assert (tmp_path / MARKER).read_text() == "notes of my own rehearsal"


def test_it_is_given_in_the_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no workflow/Snakefile in .*expected the command in the folder of the clone"):
        rehearse(tmp_path / "rehearsal", size=FULL, annotations=None, cores=1)
    assert list(tmp_path.iterdir()) == []
