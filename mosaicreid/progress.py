"""Bars for waits of more than two seconds: for a person who looks, never in a log file or an executed notebook."""

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_DELAY = 2.0  # seconds without a bar


def watched() -> bool:
    """Whether somebody sees the standard error stream: a terminal, or a notebook in a front end that takes input.

    Papermill and other programs that execute notebooks take none, and what is printed there stays in the notebook. Of
    several processes that share a batch (``torchrun``, ``accelerate launch``), the first one shows.
    """
    if os.environ.get("RANK", "0") != "0":
        return False
    if sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None
    return bool(getattr(kernel, "_allow_stdin", False))


def bar(items: Iterable[T], what: str, *, total: int, unit: str) -> "tqdm[T]":
    """``items``, ``total`` of them, with a bar called ``what`` that appears after two seconds and goes at the end.
    It is hidden where nobody is there to see it.
    """
    hidden = not watched()
    return tqdm(items, desc=what, total=total, unit=unit, leave=False, delay=_DELAY, mininterval=1, disable=hidden)
