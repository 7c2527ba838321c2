"""Folders of images named after identity and camera, as Market-1501 and DukeMTMC-reID have them.

One reader serves both, and the synthetic world too, which is written in the same format.
"""

import gzip
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation
from mosaicreid.datasets import get_dataset
from mosaicreid.datasets.definition import Counts
from mosaicreid.errors import InputError, one_of

FOLDERS: Mapping[str, str] = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
SYNTHETIC_MARKER = "synthetic.json"
JUNK, DISTRACTOR = -1, 0

# Left behind in image folders by Windows, in the authors' archive of Market-1501 too, and by macOS.
_NOT_IMAGES = frozenset({"Thumbs.db", "desktop.ini", ".DS_Store"})


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
    annotation: dict[str, Annotation] | None


def parse_images(names: Iterable[str], dataset: str) -> Images:
    """Identity and camera of image paths, in the order given; only the last part of a path counts.

    Raises:
        InputError: ``dataset`` is unknown, or a file name does not parse (its path is named).
    """
    form = get_dataset(dataset).images
    paths = tuple(names)
    matches = [form.pattern.fullmatch(path.rpartition("/")[2]) for path in paths]
    if None in matches:
        path = paths[matches.index(None)]
        raise InputError(f"{path} is no image name of {dataset}, which look like {form.example}")
    numbers = np.array([match.groups() for match in matches if match], dtype=np.int64).reshape(-1, 2)
    return Images(paths, numbers[:, 0].copy(), numbers[:, 1].copy())


def read_file_list(path: Path, dataset: str) -> dict[str, Images]:
    """A list of image paths, one a line (plain or .gz), as ``{"train", "query", "gallery"}``: sorted, junk included.

    Raises:
        InputError: no such file, a line outside the three folders, or a name that does not parse.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file list at {path}; expected one image path a line, like {FOLDERS['train']}/...")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    names: dict[str, list[str]] = {folder: [] for folder in FOLDERS.values()}
    for line in text.splitlines():
        folder = line.rpartition("/")[0]
        if folder not in names:
            raise one_of(f"image folder of {line!r} in {path}", folder, names)
        names[folder].append(line)
    return {split: parse_images(sorted(names[folder]), dataset) for split, folder in FOLDERS.items()}


def read_folders(dataset: str, root: Path) -> dict[str, Images]:
    """List the image folders under ``root`` as ``{"train", "query", "gallery"}``: sorted, junk included, none opened.

    Raises:
        InputError: a folder is missing, or holds a file that is no image of this dataset (the path is named).
    """
    get_dataset(dataset)
    root = Path(root)
    result = {}
    for split, folder in FOLDERS.items():
        if not (root / folder).is_dir():
            raise InputError(f"no folder {root / folder}; {dataset} has {', '.join(FOLDERS.values())} below its root")
        names = sorted({file.name for file in (root / folder).iterdir()} - _NOT_IMAGES)
        try:
            result[split] = parse_images([f"{folder}/{name}" for name in names], dataset)
        except InputError as error:
            raise InputError(f"{root}: {error}") from None
    return result


def expected_counts(dataset: str, root: Path) -> Mapping[str, Counts]:
    """What the folders should hold: the published numbers, or those a synthetic dataset states of itself.

    Raises:
        InputError: ``dataset`` is unknown, or the synthetic world's marker is damaged or was written for another one.
    """
    published = get_dataset(dataset).counts
    marker = Path(root) / SYNTHETIC_MARKER
    if not marker.is_file():
        return published
    try:
        stated = json.loads(marker.read_text())
        like = stated["like"]
        counts = {split: Counts(**stated["counts"][split]) for split in FOLDERS}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{marker} does not state like and counts ({error!r}); synthesize the folder again") from error
    if like != dataset:
        raise InputError(f"{marker} says the folder is like {like}, but it is read as {dataset}")
    return counts


def count_differences(folders: Mapping[str, Images], expected: Mapping[str, Counts]) -> list[str]:
    """One line per number of images or identities that differs, naming both numbers."""
    return [
        f"{split} has {found} {what}, expected {wanted}"
        for split, images in folders.items()
        for what in ("images", "identities")
        if (found := getattr(images.counts(), what)) != (wanted := getattr(expected[split], what))
    ]


def read_dataset(dataset: str, root: Path, *, annotation: Path | None = None) -> ReidData:
    """Read a dataset folder. ``annotation`` is looked for in the root under its authors' name where it is not given.

    Counts other than the published ones (or those a synthetic folder states of itself) are a UserWarning.

    Raises:
        InputError: as ``read_folders``, ``expected_counts`` and ``read_annotation`` do.
    """
    root = Path(root)
    folders = read_folders(dataset, root)
    for difference in count_differences(folders, expected_counts(dataset, root)):
        warnings.warn(f"{dataset} at {root}: {difference}", stacklevel=2)
    file = annotation or root / get_dataset(dataset).annotation.file_name
    return ReidData(
        name=dataset,
        root=root,
        train=folders["train"],
        query=folders["query"],
        gallery=folders["gallery"].without_junk(),
        annotation=read_annotation(file, dataset) if annotation or file.is_file() else None,
    )


def read_truth(data: Path | None, dataset: str) -> pd.DataFrame | None:
    """The ground truth of a synthetic dataset, a row per attribute; None where the dataset is not synthetic."""
    marker = None if data is None else Path(data) / dataset / SYNTHETIC_MARKER
    if marker is None or not marker.is_file():
        return None
    return pd.DataFrame(json.loads(marker.read_text())["truth"])
