"""A slice of the campaign, and that the campaign notices what it is there for."""

import importlib
import os
from pathlib import Path

import pytest
from fuzz import campaign
from fuzz.campaign import AREAS, Campaign, Ending

from mosaicreid.errors import InputError

_SEED, _INPUTS = 2026, 12
# The areas that load or compute more.
_FEWER = {"adapters": 5, "command_line": 8, "settings": 8}


@pytest.mark.parametrize("area", AREAS)
def test_a_slice_of_every_area_ends_well(area: str, tmp_path: Path) -> None:
    attacks = Campaign(tmp_path, [area], seed=_SEED)
    endings = [attacks.attempt(area, index) for index in range(_FEWER.get(area, _INPUTS))]
    assert [(index, end.reason) for index, end in enumerate(endings) if end.outcome == "failed"] == []
    assert {end.outcome for end in endings} <= {"refused", "right"}


def _wrong() -> None:
    assert 2 + 2 == 5, "the oracle's answer"


def _bare() -> None:
    {}["missing"]


def _broken_line() -> None:
    error = InputError("two lines")
    error.args = ("two\nlines",)
    raise error


def _elsewhere(user: Path) -> None:
    (user.parent / "elsewhere.txt").write_text("not asked for")


def _overwritten(user: Path) -> None:
    (user / "mine" / "notes.txt").write_text("gone")


def _removed(user: Path) -> None:
    (user / "market_attribute.mat").unlink()


def _program() -> None:
    os.system("true")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda user: _wrong(), "wrong: the oracle's answer"),
        (lambda user: _bare(), "KeyError: 'missing'"),
        (lambda user: _broken_line(), "not a line"),
        (_elsewhere, "outside of its folder: open"),
        (_overwritten, "a user's files changed: mine/notes.txt"),
        (_removed, "a user's files changed: market_attribute.mat"),
        (lambda user: _program(), "outside of its folder: os.system"),
        (lambda user: campaign.must(lambda: (_ for _ in ()).throw(InputError("no"))), "refused what is right: no"),
    ],
)
def test_a_planted_fault_is_noticed(fault, reason, tmp_path, monkeypatch) -> None:
    """Each of the things that must not happen, in place of an attempt; the next input is attempted as before."""
    area = importlib.import_module("fuzz.areas.schemas").Area
    attacks = Campaign(tmp_path, ["schemas"], seed=_SEED)
    usual = attacks.attempt("schemas", 1)
    with monkeypatch.context() as patched:
        patched.setattr(area, "attempt", lambda self, random, place: fault(tmp_path.resolve() / "user"))
        ending = attacks.attempt("schemas", 1)
    assert ending.outcome == "failed"
    assert reason in ending.reason
    assert attacks.attempt("schemas", 1) == usual


def test_a_fault_of_the_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that are a hundredth too high: nothing but the textbook can tell."""
    from mosaicreid.retrieval.ties import TieBlocks

    usual = TieBlocks.average_precision
    monkeypatch.setattr(TieBlocks, "average_precision", lambda self, queries: 1.01 * usual(self, queries))
    attacks = Campaign(tmp_path, ["retrieval"], seed=_SEED)
    endings = [attacks.attempt("retrieval", index) for index in range(12)]
    assert any(end.outcome == "failed" and end.reason.startswith("wrong") for end in endings)


def test_an_input_is_the_same_whatever_ran_before(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = (Campaign(tmp_path / name, ["schemas"], seed=3) for name in ("one", "two"))
    forward = [one.attempt("schemas", index) for index in range(8)]
    backward = [two.attempt("schemas", index) for index in reversed(range(8))]
    assert forward == backward[::-1]
    assert {Ending("refused"), Ending("right")} == set(forward)
