"""Fetching the annotation files from their authors; the images themselves come from elsewhere (see the book)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaicreid.annotation import FILE_NAMES
from mosaicreid.errors import InputError


@dataclass(frozen=True)
class Source:
    """Where a file comes from: its page for people, its address for programs, and the sha256 of its bytes."""

    page: str
    url: str
    sha256: str


ANNOTATION_SOURCES: Mapping[str, Source] = {
    "market1501": Source(
        page="https://github.com/vana77/Market-1501_Attribute",
        url="https://raw.githubusercontent.com/vana77/Market-1501_Attribute/master/market_attribute.mat",
        sha256="d9fdbdd2e33ed2c4e3a073b77b1d16ac9fae5d93dd597ccd4e38bf75b2efaa95",
    ),
    "dukemtmc": Source(
        page="https://github.com/vana77/DukeMTMC-attribute",
        url="https://raw.githubusercontent.com/vana77/DukeMTMC-attribute/master/duke_attribute.mat",
        sha256="06b9833be1c6339362ccf2112a8cf885c7c64db8f038da9e12896f86bec51e8c",
    ),
}


def fetch_annotations(folder: Path, *, sources: Mapping[str, Source] = ANNOTATION_SOURCES) -> dict[str, Path]:
    """Download the annotation file of every dataset in ``sources`` into ``folder``; one that is there whole stays.

    Returns the path by dataset. Every file is checked against its sha256 (Lin et al. 2019; DukeMTMC's annotation is
    CC BY-NC-SA 4.0).

    Raises:
        InputError: no network, or bytes other than those this project was written for; says what to do by hand.
    """
    # Imported here: pooch brings in the network stack, which nothing else needs.
    import pooch

    folder = Path(folder)
    pooch.get_logger().setLevel("WARNING")
    paths = {}
    for dataset, source in sources.items():
        path = folder / FILE_NAMES[dataset]
        by_hand = f"download it by hand from {source.page} to {path}"
        try:
            pooch.retrieve(source.url, known_hash=f"sha256:{source.sha256}", fname=path.name, path=folder)
        except OSError as error:
            raise InputError(f"could not fetch {source.url} ({_reason(error)}); {by_hand}") from error
        except ValueError as error:
            raise InputError(
                f"{source.url} is not the file with sha256 {source.sha256}: it changed or was cut short; {by_hand}"
            ) from error
        paths[dataset] = path
    return paths


def _reason(error: BaseException) -> str:
    """The first cause in one short line: requests wraps the reason in long messages."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).splitlines()[0] if str(error) else type(error).__name__
