"""The peak of memory is measured on every system, and no module needs a system to be imported."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

import mosaicreid
from mosaicreid.training.run import peak_memory

ON_CPU = torch.device("cpu")
UNIX_ONLY = {"resource", "fcntl", "pwd", "grp", "termios", "posix"}


def test_peak_is_the_largest_resident_set_in_bytes():
    resource = pytest.importorskip("resource", reason="this system has no module resource to compare with")
    held = psutil.Process().memory_info().rss
    peak = peak_memory(ON_CPU)
    # Within a factor that a mistaken unit exceeds.
    assert held / 2 < peak < 100 * held
    assert peak <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_peak_on_windows_is_the_peak_working_set(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "resource", None)
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=123456789))
    monkeypatch.setattr(psutil, "Process", lambda: process)
    assert peak_memory(ON_CPU) == 123456789


def test_no_module_imports_what_windows_lacks():
    for path in Path(mosaicreid.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module}
                assert not names & UNIX_ONLY, path
