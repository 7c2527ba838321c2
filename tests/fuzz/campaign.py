"""The campaign: every input ends in one line of ours or in a right answer, and nothing else happens meanwhile.

An area makes one input at a time from a generator, hands it to the package and compares the answer with an
independent oracle. What it may do is fixed here: raise an ``InputError`` of one line, or return. Anything else is a
failure: another exception, a wrong answer (an AssertionError of the area's), a file outside the input's own folder that
is written, moved or removed, a user's file that is not as it was, and a program that is started.
"""

import faulthandler
import hashlib
import importlib
import os
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from mosaicreid.errors import InputError

AREAS = tuple(sorted(path.stem for path in (Path(__file__).parent / "areas").glob("*.py")))
# No input takes a second; what takes this long will never end.
_SECONDS = 60
_LONGEST = 4000

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# How many of an event's arguments are paths, and where the folders are that they may be relative to.
_CHANGES = {
    **{"os.remove": (1, 1), "os.rmdir": (1, 1), "os.mkdir": (1, 2), "os.chmod": (1, 2), "os.symlink": (2, 2)},
    **{"os.rename": (2, 2), "os.link": (2, 2), "os.truncate": (1, 9), "shutil.rmtree": (1, 1)},
}
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "socket.connect")


class Area(Protocol):
    """A border of the package: ``prepare`` is its valid inputs, ``attempt`` one bad one."""

    def __init__(self, folder: Path, user: Path) -> None: ...

    def attempt(self, random: Random, place: Path) -> None: ...


@dataclass(frozen=True)
class Ending:
    """How an input ended: ``refused`` in one line, ``right``, or ``failed`` and why."""

    outcome: str
    reason: str = ""


class _Watch:
    """Sees every file that Python opens for writing or changes, and every program that it starts."""

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.allowed is None:
            return
        if event in _PROGRAMS:
            self.seen.append(f"{event}{arguments[:2]}")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            self._check(event, arguments[:1])
        elif event in _CHANGES:
            paths, folders = _CHANGES[event]
            # Within a folder that is open already, shutil.rmtree has said which.
            if all(folder in (-1, None) for folder in arguments[folders:]):
                self._check(event, arguments[:paths])

    def _check(self, event: str, paths: tuple[Any, ...]) -> None:
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike):
                where = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
                if not where.startswith(self.allowed or ()):
                    self.seen.append(f"{event} {where}")

    @contextmanager
    def only_in(self, *folders: Path) -> Iterator[list[str]]:
        self.seen, self.allowed = [], (*map(str, folders), os.devnull)
        try:
            yield self.seen
        finally:
            self.allowed = None


_watches: list[_Watch] = []


def _watch() -> _Watch:
    """The process's own: an audit hook cannot be taken off again."""
    if not _watches:
        _watches.append(_Watch())
    return _watches[0]


class Campaign:
    """Areas, each prepared once in a folder of its own, and a user's files beside them."""

    def __init__(self, folder: Path, areas: Iterable[str], *, seed: int) -> None:
        self._folder, self._seed = folder.resolve(), seed
        self._user = self._folder / "user"
        _write_users_files(self._user)
        self._before = _state(self._user)
        self._areas: dict[str, Area] = {}
        for name in areas:
            (self._folder / name).mkdir()
            module = importlib.import_module(f"fuzz.areas.{name}")
            self._areas[name] = module.Area(self._folder / name, self._user)

    def attempt(self, name: str, index: int) -> Ending:
        """Input number ``index`` of an area; the same for the same seed."""
        area = self._areas[name]
        place = self._folder / "input"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        # What happens to a user's files is seen by what they are like afterwards.
        with _surroundings(self._user, place), _watch().only_in(place, self._user) as seen:
            ending = _ending(lambda: area.attempt(Random(f"{self._seed} {name} {index}"), place))
        after = _state(self._user)
        changed = sorted(
            path for path in after.keys() | self._before.keys() if after.get(path) != self._before.get(path)
        )
        if changed:
            shutil.rmtree(self._user)
            _write_users_files(self._user)
            return Ending("failed", f"a user's files changed: {', '.join(changed)} ({ending})")
        if seen:
            return Ending("failed", f"outside of its folder: {'; '.join(seen[:3])} ({ending})")
        return ending


def must(call: Callable[[], Any]) -> Any:
    """The answer to an input that is valid; to refuse it is a failure."""
    try:
        return call()
    except InputError as error:
        raise AssertionError(f"refused what is right: {error}") from error


def _ending(call: Callable[[], None]) -> Ending:
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except InputError as error:
        message = str(error)
        if not message.strip() or len(message) > _LONGEST or not message.replace("\u202e", "").isprintable():
            return Ending("failed", f"not a line of at most {_LONGEST} characters: {message!r}"[:600])
        return Ending("refused")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = "wrong" if isinstance(error, AssertionError) else type(error).__name__
        return Ending("failed", f"{said}: {str(error)[:600]} ({Path(where.filename).name}:{where.lineno})")
    finally:
        faulthandler.cancel_dump_traceback_later()
    return Ending("right")


@contextmanager
def _surroundings(user: Path, place: Path) -> Iterator[None]:
    """A user's home and working folder, and a folder for temporary files that is the input's own."""
    folder, home, temporary = Path.cwd(), os.environ.get("HOME"), tempfile.tempdir
    sys.dont_write_bytecode = True
    os.chdir(user / "mine")
    os.environ["HOME"], tempfile.tempdir = str(user), str(place)
    try:
        yield
    finally:
        os.chdir(folder)
        tempfile.tempdir = temporary
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home


def _write_users_files(user: Path) -> None:
    for name in (
        "query/0002_c1s1_000451_03.jpg",
        "results/experiment_runs.csv",
        "market_attribute.mat",
        "mine/notes.txt",
    ):
        (user / name).parent.mkdir(parents=True, exist_ok=True)
        (user / name).write_text(f"the only copy of {name}")


def _state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }
