"""What ``synthetic.json`` states of a synthetic world, and proves by being there: that this package drew it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mosaicreid.errors import InputError
from mosaicreid.records import Record, read_record

SYNTHETIC_MARKER = "synthetic.json"

_Whole = Annotated[int, Field(ge=0, le=2**53)]


class _Counted(Record):
    images: _Whole
    identities: _Whole


class _Splits(Record):
    train: _Counted
    query: _Counted
    gallery: _Counted


class _Options(Record):
    """As ``world_options.WorldOptions``."""

    legibility: float
    nuisance: float
    private_cues: float
    marks: _Whole
    train_share: float
    images_per_camera: tuple[_Whole, _Whole]
    distractor_identities: float


class Marker(Record):
    """``synthetic.json``: the dataset that a synthetic world is like, how it was drawn, and what is known of it.

    ``rehearsal``: the pictures are drawn under a real dataset's names to see that a sweep runs; no truth is known.
    """

    like: str
    rehearsal: bool = False
    identities: _Whole | None = None
    seed: _Whole | None = None
    height: _Whole | None = None
    width: _Whole | None = None
    options: _Options | None = None
    counts: _Splits | None = None
    priors: dict[str, list[float]] | None = None
    truth: tuple[dict[str, str | float], ...] = ()


def read_marker(root: Path) -> Marker:
    """What ``synthetic.json`` in the folder ``root`` of a synthetic world states.

    Raises:
        InputError: there is none, or it is damaged.
    """
    marker = Path(root) / SYNTHETIC_MARKER
    try:
        return read_record(marker, Marker)
    except InputError as error:
        raise InputError(f"{marker} does not state like and counts ({error}); synthesize the folder again") from error
