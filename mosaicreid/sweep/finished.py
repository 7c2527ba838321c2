"""Whether a run that looks finished is the one that a sweep asks for.

Snakemake records what it was asked for when one of its jobs ends. A job on a cluster that outlives it leaves results
without a record, or with that of an earlier request.
"""

from pathlib import Path
from typing import Any

from mosaicreid.config.settings import Config
from mosaicreid.errors import InputError
from mosaicreid.records import Record, read_record

# What a run's numbers do not depend on.
_ELSEWHERE = {"data": ("workers", "evaluation_batch_size"), "runtime": ("device", "threads", "compile", "tensorboard")}


class _Description(Record):
    config: dict[str, Any]
    environment: dict[str, Any]


def is_another(folder: Path, expected: Config) -> bool:
    """Whether the finished run in ``folder`` is of other settings than ``expected``; without such a run, False."""
    folder = Path(folder)
    if not (folder / "metrics.json").is_file():
        return False
    try:
        found = Config.from_dict(read_record(folder / "config.json", _Description).config)
    except InputError:
        return True
    return _numbers(found) != _numbers(expected)


def is_other_text(path: Path, expected: str) -> bool:
    """Whether the file at ``path`` ends with another line than ``expected``; without such a file, False."""
    path = Path(path)
    return path.is_file() and path.read_text(encoding="utf-8").splitlines()[-1:] != [expected]


def _numbers(config: Config) -> dict[str, Any]:
    values = config.to_dict()
    for group, names in _ELSEWHERE.items():
        values[group] = {name: value for name, value in values[group].items() if name not in names}
    return values
