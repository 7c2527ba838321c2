"""Folders of images named after identity and camera, as Market-1501 and DukeMTMC-reID have them.

One reader serves both, and the synthetic world too, which is written in the same format.
"""

import gzip
import os
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.attributes import Annotation, ImageAnnotation
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.formats import read_foreign
from mosaicreid.data.tables import read_attribute_table, read_image_table
from mosaicreid.datasets.definition import Counts, Dataset, FolderDataset, ForeignDataset, TableDataset
from mosaicreid.datasets.marker import SYNTHETIC_MARKER, read_marker
from mosaicreid.errors import InputError
from mosaicreid.tables import TEXT, check_columns

FOLDERS: Mapping[str, str] = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
JUNK, DISTRACTOR = -1, 0

# Left among images by Windows (in the authors' archive of Market-1501 too), macOS, and the systems of network drives,
# beside everything hidden and the locks of documents that are open.
_SYSTEMS_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
    | {"icon\r", "__macosx", "lost+found", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"}
)
_SYSTEMS_PREFIXES = (".", "~$")

# The lists of the real datasets have two megabytes.
_MOST_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class Images:
    """Images in a fixed order: ``paths`` relative to the root, ``pids`` and ``camids`` (N,) int64.

    ``pids`` are -1 for junk and 0 for distractors, where a dataset has them; ``camids`` start at 1, as file names do.
    """

    paths: tuple[str, ...]
    pids: npt.NDArray[np.int64]
    camids: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """The number of images N."""
        return len(self.paths)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Images":
        """The images whose entry in ``mask`` (N,) is set, in the same order."""
        kept = np.flatnonzero(mask)
        return Images(tuple(self.paths[index] for index in kept), self.pids[kept], self.camids[kept])

    def without_junk(self) -> "Images":
        """All images but junk: boxes that are neither a good view of a person nor a fair distractor."""
        return self.where(self.pids != JUNK)

    def counts(self) -> Counts:
        """Images and people among them."""
        return Counts(len(self), len(np.unique(self.pids[self.pids > DISTRACTOR])))


@dataclass(frozen=True, eq=False)
class ReidData:
    """A dataset on disk: ``gallery`` without junk, with distractors; ``annotation`` by split, None without a file."""

    name: str
    root: Path
    train: Images
    query: Images
    gallery: Images
    annotation: Mapping[str, Annotation] | Mapping[str, ImageAnnotation] | None

    @property
    def cameras(self) -> int:
        """The number of cameras: they are numbered from 1, over all splits."""
        return int(max(images.camids.max() for images in (self.train, self.query, self.gallery)))


def parse_images(names: Iterable[str], dataset: FolderDataset) -> Images:
    """Identity and camera of image paths, in the order given; only the last part of a path counts.

    Raises:
        InputError: a file name does not parse (its path is named).
    """
    form = dataset.images
    paths = tuple(names)
    matches = [form.pattern.fullmatch(path.rpartition("/")[2]) for path in paths]
    if None in matches:
        path = _shown(paths[matches.index(None)])
        raise InputError(f"{path} is not an image name of {dataset.name}, which look like {form.example}")
    numbers = np.array([match.groups() for match in matches if match], dtype=np.int64).reshape(-1, 2)
    return Images(paths, numbers[:, 0].copy(), numbers[:, 1].copy())


def read_file_list(path: Path, dataset: FolderDataset) -> dict[str, Images]:
    """A list of image paths, one a line (plain or .gz), as ``{"train", "query", "gallery"}``: sorted, junk included.

    Raises:
        InputError: no such file, one that is cut short, too large or not UTF-8, a line outside the three folders or
            twice, or a name that does not parse.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file list at {path}; expected one image path a line, like {FOLDERS['train']}/...")
    names: dict[str, list[str]] = {folder: [] for folder in FOLDERS.values()}
    # Not splitlines, which knows nine more ends of a line than a list has.
    for number, line in enumerate(_read_text(path).removesuffix("\n").split("\n"), start=1):
        line = line.removesuffix("\r")
        folder = line.rpartition("/")[0]
        if folder not in names:
            raise InputError(
                f"{path}, line {number}: unknown image folder of {line[:100]!r}; expected one of: {', '.join(names)}"
            )
        names[folder].append(line)
    twice = [line for folder in names for line, number in Counter(names[folder]).items() if number > 1]
    if twice:
        raise InputError(f"{path}: {_shown(twice[0])} is listed more than once; expected every image once")
    try:
        return {split: parse_images(sorted(names[folder]), dataset) for split, folder in FOLDERS.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_folders(dataset: FolderDataset, root: Path) -> dict[str, Images]:
    """List the image folders under ``root`` as ``{"train", "query", "gallery"}``: sorted, junk included, none opened.

    What a system leaves in a folder is passed over (see ``passed_over``).

    Raises:
        InputError: a folder is missing, or holds anything that is not an image of this dataset (its path is named).
    """
    root = Path(root)
    result = {}
    for split, folder in FOLDERS.items():
        if not (root / folder).is_dir():
            raise InputError(
                f"no folder {root / folder}; {dataset.name} has {', '.join(FOLDERS.values())} below its root"
                f"{'' if root.is_absolute() else f' (the working folder is {Path.cwd()})'}"
            )
        entries = [entry for entry in list_folder(root / folder) if not _is_systems(entry.name)]
        try:
            result[split] = parse_images([f"{folder}/{entry.name}" for entry in entries], dataset)
        except InputError as error:
            raise InputError(f"{root}: {error}") from None
        for entry in entries:
            if not entry.is_file():
                raise InputError(f"{root}: {folder}/{entry.name} is not a file; expected an image")
    return result


def passed_over(root: Path) -> list[str]:
    """What systems and not people left in the image folders under ``root``, as paths below it.

    Hidden files (``._NAME``, ``.DS_Store``, ``.nfs...``, ``.ipynb_checkpoints``), locks (``~$NAME``), and what Windows,
    macOS and network drives put beside images (``Thumbs.db``, ``__MACOSX``, ``@eaDir`` and the like, in any case).
    """
    return [
        f"{folder}/{entry.name}"
        for folder in FOLDERS.values()
        if (Path(root) / folder).is_dir()
        for entry in list_folder(Path(root) / folder)
        if _is_systems(entry.name)
    ]


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot read the folder {folder} ({error.strerror}); expected images in it") from error


def expected_counts(dataset: FolderDataset, root: Path) -> Mapping[str, Counts]:
    """What the folders should hold: the published numbers, or those a synthetic dataset's description states.

    Raises:
        InputError: the synthetic world's marker is damaged or was written for another dataset.
    """
    marker = Path(root) / SYNTHETIC_MARKER
    if not marker.is_file():
        return dataset.counts
    stated = read_marker(root)
    if stated.like != dataset.name:
        raise InputError(f"{marker} says the folder is like {_shown(stated.like)}, but it is read as {dataset.name}")
    counts = stated.counts
    if counts is None:
        raise InputError(f"{marker} does not state like and counts; synthesize the folder again")
    return {split: Counts(part.images, part.identities) for split, part in counts}


def count_differences(folders: Mapping[str, Images], expected: Mapping[str, Counts]) -> list[str]:
    """One line per number of images or identities that differs, naming both numbers."""
    return [
        f"{split} has {found} {what}, expected {wanted}"
        for split, images in folders.items()
        for what in ("images", "identities")
        if (found := getattr(images.counts(), what)) != (wanted := getattr(expected[split], what))
    ]


def read_dataset(dataset: Dataset, root: Path, *, annotation: Path | None = None) -> ReidData:
    """Read a dataset, from its folders or tables, or in its authors' own form.

    ``annotation``, a .mat file, is looked for in the root under its authors' name where it is not given.

    Counts other than the published ones (or those a synthetic folder's description states) are a UserWarning.

    Raises:
        InputError: as ``read_folders``, ``expected_counts`` and ``read_annotation`` do, or other forms' readers.
    """
    root = Path(root)
    labels: Mapping[str, Annotation] | Mapping[str, ImageAnnotation] | None = None
    if isinstance(dataset, TableDataset):
        table = read_image_table(root, dataset)
        images, labels = split_images(table), read_attribute_table(root, dataset, table)
    elif isinstance(dataset, ForeignDataset):
        table, labels = read_foreign(dataset, root)
        images = split_images(table)
    else:
        assert isinstance(dataset, FolderDataset)
        images = read_folders(dataset, root)
        for difference in count_differences(images, expected_counts(dataset, root)):
            warnings.warn(f"{dataset.name} at {root}: {difference}", stacklevel=2)
        file = annotation or root / dataset.annotation.file_name
        if annotation or file.is_file():
            labels = read_annotation(file, dataset)
    return ReidData(
        name=dataset.name,
        root=root,
        train=images["train"],
        query=images["query"],
        gallery=images["gallery"].without_junk(),
        annotation=labels,
    )


def split_images(table: pd.DataFrame) -> dict[str, Images]:
    """The rows of ``tables.read_image_table`` as ``{"train", "query", "gallery"}``, junk included."""
    splits = {split: table[table["split"] == split] for split in FOLDERS}
    return {
        split: Images(tuple(rows["path"]), rows["pid"].to_numpy(), rows["camid"].to_numpy())
        for split, rows in splits.items()
    }


def read_truth(data: Path | None, dataset: str) -> pd.DataFrame | None:
    """The ground truth of a synthetic world, a row per attribute; None of anything else, a rehearsal's images too.

    Raises:
        InputError: the synthetic world's marker is damaged.
    """
    marker = None if data is None else Path(data) / dataset / SYNTHETIC_MARKER
    stated = read_marker(marker.parent) if marker is not None and marker.is_file() else None
    if marker is None or stated is None or stated.rehearsal:
        return None
    truth = stated.truth
    if not truth:
        raise InputError(f"{marker} does not state truth; synthesize the folder again")
    if any(row.keys() != truth[0].keys() for row in truth):
        raise InputError(f"{marker} does not state truth: its attributes differ in what is known of them")
    table = pd.DataFrame(truth)
    check_columns(table, {"attribute": TEXT}, where=f"{marker}, truth", key=("attribute",))
    return table


def _is_systems(name: str) -> bool:
    return name.startswith(_SYSTEMS_PREFIXES) or name.casefold() in _SYSTEMS_NAMES


def _shown(path: str) -> str:
    """A path as it is, or quoted where it would break the line or hide something."""
    return path if path.isprintable() else repr(path)


def _read_text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) <= _MOST_BYTES:
            return content.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(f"cannot read {path} ({error}); expected UTF-8 text, plain or a whole .gz") from error
    raise InputError(f"{path} holds more than {_MOST_BYTES >> 20} MiB of text; expected a list of image paths")
