"""Fetching the annotation files from their authors; the images themselves come from elsewhere (see the book)."""

from collections.abc import Mapping
from pathlib import Path

from mosaicreid.datasets import DATASETS, get_folder_dataset
from mosaicreid.datasets.definition import Source
from mosaicreid.errors import InputError
from mosaicreid.files import sha256


def fetch_annotations(
    folder: Path, *, sources: Mapping[str, Source] | None = None, flat: bool = False
) -> dict[str, Path]:
    """Download the annotation file of every dataset to ``folder/DATASET/``, where its reader looks for it.

    With ``flat``, all go into ``folder`` itself, as analyses of annotations alone want them. A file that is there
    stays. ``sources``, by dataset, stand in for the registry's own.

    Returns the path by dataset. Every file is checked against its sha256 (Lin et al. 2019; DukeMTMC's annotation is
    CC BY-NC-SA 4.0).

    Raises:
        InputError: a file or folder of that name is there and is not the authors' (nothing has been fetched then); no
            network, or bytes other than those this project was written for; says what to do by hand.
    """
    # Imported here: pooch brings in the network stack, which nothing else needs.
    import pooch

    if sources is None:
        sources = {name: get_folder_dataset(name).source for name in DATASETS}
    folder = Path(folder)
    pooch.get_logger().setLevel("WARNING")
    paths = {
        dataset: (folder if flat else folder / dataset) / get_folder_dataset(dataset).annotation.file_name
        for dataset in sources
    }
    for dataset, path in paths.items():
        _check_authors(path, sources[dataset])
    for dataset, source in sources.items():
        path = paths[dataset]
        by_hand = f"download it by hand from {source.page} to {path}"
        try:
            pooch.retrieve(source.url, known_hash=f"sha256:{source.sha256}", fname=path.name, path=path.parent)
        except OSError as error:
            raise InputError(f"could not fetch {source.url} ({_reason(error)}); {by_hand}") from error
        except ValueError as error:
            raise InputError(
                f"{source.url} is not the file with sha256 {source.sha256}: it changed or was cut short; {by_hand}"
            ) from error
    return paths


def _check_authors(path: Path, source: Source) -> None:
    """InputError where ``path`` holds something else than the file of ``source``."""
    if not path.is_symlink() and not path.exists():
        return
    try:
        got = f"its sha256 is {sha256(path)}"
    except OSError as error:
        got = error.strerror or "it cannot be read"
    if got != f"its sha256 is {source.sha256}":
        raise InputError(
            f"{path} is there already and not the authors' file ({got}, expected {source.sha256}); it stays: "
            "move it away, or name another --folder"
        )


def _reason(error: BaseException) -> str:
    """The first cause in one short line: requests wraps the reason in long messages."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error).splitlines()[0] if str(error) else type(error).__name__
