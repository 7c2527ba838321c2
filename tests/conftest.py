"""Fixtures shared by every test: the reference material beside the repository, where a machine has it."""

import json
import os
from pathlib import Path

import pytest

# Before anything imports torch: how sums are split among threads decides their last digits, and Adam magnifies those.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def annotations() -> Path:
    """The folder of the real annotation files and file lists."""
    folder = SHARED / "annotations"
    if not folder.is_dir():
        pytest.skip("the real annotation files are not beside this checkout (../shared/annotations)")
    return folder


@pytest.fixture(scope="session")
def reference_values() -> dict:
    """What CLIP-ReID's own code computes on inputs anyone can rebuild."""
    file = SHARED / "reference" / "clip_reid_values.json"
    if not file.is_file():
        pytest.skip("CLIP-ReID's reference values are not beside this checkout (../shared/reference)")
    return json.loads(file.read_text())
