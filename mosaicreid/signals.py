"""Ending by a signal: at once, what is half done removed as after an error; or where whoever works can go on later."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# A cluster's time limit and a closed terminal; Windows lacks the second.
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class EndedBySignal(BaseException):
    """The program was told to end; not an Exception, so that nothing on the way takes it for a failure of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Raise ``EndedBySignal`` in the main thread when the process is told to end, within a ``with`` block only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        # A second signal during the clearing up must not break that off.
        for ending in _ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise EndedBySignal(number)

    before = {ending: signal.signal(ending, end) for ending in _ENDING}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


@contextmanager
def ending_noted() -> Iterator[Callable[[], bool]]:
    """Within a ``with`` block, a signal to end is noted and does not end anything: whether one has come, as a function.

    Whoever works looks at it where the work can be left and gone on with later. If the block is then left,
    ``EndedBySignal`` is raised after it. Outside of the main thread no signal is noted.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {ending: signal.signal(ending, lambda number, frame: noted.append(number)) for ending in _ENDING}
    try:
        yield lambda: bool(noted)
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
    if noted:
        raise EndedBySignal(noted[0])
