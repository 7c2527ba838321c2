"""The folder of a synthetic dataset: whole or absent, and nobody else's is touched."""

import errno
import os
import shutil
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest

from mosaicreid.errors import InputError
from mosaicreid.files import working_name
from mosaicreid.world.folder import whole_folder
from mosaicreid.world.synthesize import synthesize

SMALL = {"like": "dukemtmc", "identities": 4, "seed": 0, "height": 32, "width": 16, "workers": 1}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    synthesize(tmp_path / "world", **SMALL)
    return tmp_path / "world"


def hidden(root: Path, number: int) -> Path:
    """Where the process of this number makes ``root``."""
    return root.with_name(working_name(root.name).replace(f"-{os.getpid()}-", f"-{number}-"))


def ended() -> int:
    """The number of a process that has ended."""
    process = get_context("fork").Process(target=int)
    process.start()
    process.join()
    return process.pid


@pytest.mark.parametrize("part", ["all", "half"])
def test_what_a_killed_call_left_goes_with_the_next(drawn: Path, part: str) -> None:
    before, name = content(drawn), hidden(drawn, ended()).name
    for end in ("new", "old"):
        left = shutil.copytree(drawn, drawn.with_name(f"{name}{end}"))
        if part == "half":
            shutil.rmtree(left / "query")
            (left / "synthetic.json").unlink()
    synthesize(drawn, **SMALL, replace=True)
    assert content(drawn) == before
    assert [path.name for path in drawn.parent.iterdir()] == ["world"]


def test_what_a_living_call_draws_and_what_a_user_put_there_are_kept(drawn: Path) -> None:
    living = shutil.copytree(drawn, drawn.with_name(f"{hidden(drawn, os.getppid()).name}new"))
    users = shutil.copytree(drawn, drawn.with_name(f"{hidden(drawn, ended()).name}new"))
    (users / "query" / "notes.txt").write_text("mine")
    before = content(living), content(users)
    synthesize(drawn, **SMALL, replace=True)
    assert (content(living), content(users)) == before


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


@pytest.mark.parametrize("place", ["notes.txt", "query/notes.txt"])
@pytest.mark.parametrize("replace", [True, False])
def test_what_a_user_puts_there_meanwhile_is_kept(drawn: Path, replace: bool, place: str) -> None:
    if not replace:
        shutil.rmtree(drawn)
    with pytest.raises((InputError, OSError)), whole_folder(drawn, "dukemtmc", replace=replace):
        put(drawn / place)
    assert (drawn / place).read_text() == "mine"
    assert [path.name for path in drawn.parent.iterdir()] == ["world"]


def test_a_disk_that_fills_up_is_named_and_nothing_stays(drawn: Path) -> None:
    before = content(drawn)
    message = "world cannot be written: no space is left on its disk"
    with pytest.raises(InputError, match=message), whole_folder(drawn, "dukemtmc", replace=True):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert content(drawn) == before
    assert [path.name for path in drawn.parent.iterdir()] == ["world"]


def test_a_disk_without_room_is_refused_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"world: this needs [0-9,]+ bytes .* the disk has 1,000 free"):
        synthesize(tmp_path / "world", **SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [{"height": 16, "width": 8}, {"height": 64, "width": 32}])
def test_no_more_room_is_asked_for_than_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: dict[str, int]
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("mosaicreid.world.synthesize.check_space", lambda needs: asked.extend(needs.values()))
    synthesize(tmp_path / "world", **SMALL | size)
    taken = sum(map(len, content(tmp_path / "world").values()))
    assert taken / 3 < asked[0] <= taken
