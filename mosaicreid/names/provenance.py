"""Whose data a number was measured on, and so what the dataset is called above it.

What kind of data runs had is seen from their folder (``synthetic.json``) when their tables are written, and recorded
with each table (``results``), so that a title is never guessed from a dataset's name.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mosaicreid.datasets import get_dataset, get_folder_dataset
from mosaicreid.datasets.marker import SYNTHETIC_MARKER
from mosaicreid.errors import one_of

SYNTHETIC, GIVEN, UNSTATED = "synthetic", "given", "unstated"
KINDS = (SYNTHETIC, GIVEN, UNSTATED)


def data_kind(root: Path) -> str:
    """``synthetic`` for a folder that this package drew, ``given`` for any other."""
    return SYNTHETIC if (Path(root) / SYNTHETIC_MARKER).is_file() else GIVEN


def data_kinds(data: Path | None, datasets: Iterable[str]) -> dict[str, str]:
    """The kind of each dataset whose folder lies in ``data``; ``unstated`` where no folder is known."""
    return {name: UNSTATED if data is None else data_kind(Path(data) / name) for name in datasets}


def data_title(dataset: str, kind: str = GIVEN) -> str:
    """What numbers measured on this data are headed by: ``Market-like world``, or a dataset's own title.

    Raises:
        InputError: unknown dataset or kind.
    """
    if kind not in KINDS:
        raise one_of("kind of data", kind, KINDS)
    if kind == SYNTHETIC:
        return get_folder_dataset(dataset).world_title
    title = get_dataset(dataset).title
    return f"{title} (or a world like it: its data is not stated)" if kind == UNSTATED else title


def data_titles(kinds: Mapping[str, str]) -> dict[str, str]:
    """The title of each dataset of ``kinds``."""
    return {dataset: data_title(dataset, kind) for dataset, kind in kinds.items()}
