"""What is in a dataset folder, and what is wrong with it; opens every image."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mosaicreid.attributes import Annotation
from mosaicreid.data.annotation import read_annotation
from mosaicreid.data.decode import read_image
from mosaicreid.data.folders import (
    DISTRACTOR,
    FOLDERS,
    JUNK,
    Images,
    count_differences,
    expected_counts,
    parse_images,
    read_folders,
)
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.errors import InputError


@dataclass(frozen=True, eq=False)
class Report:
    """What ``check_dataset`` found.

    ``table``: as ``summarise`` makes it. ``problems``: one line each, empty where all is well.
    """

    dataset: str
    table: pd.DataFrame
    problems: tuple[str, ...]


def detect_dataset(root: Path) -> str:
    """The dataset whose file names the folders under ``root`` carry.

    Raises:
        InputError: no image folder with an image whose name parses.
    """
    for folder in FOLDERS.values():
        for file in sorted((Path(root) / folder).glob("*.jpg"))[:1]:
            for dataset in DATASETS:
                try:
                    parse_images([file.name], dataset)
                except InputError:
                    continue
                return dataset
    raise InputError(
        f"{root} holds no images of {' or '.join(DATASETS)}; expected the folders {', '.join(FOLDERS.values())} in it"
    )


def check_dataset(root: Path, *, dataset: str | None = None, annotation: Path | None = None) -> Report:
    """Read the folders, the annotation and every image under ``root``, and compare them with what should be there.

    ``dataset`` is recognised by its file names where it is not given; ``annotation`` is looked for in ``root``.

    Raises:
        InputError: what keeps the folder from being read at all: as ``read_folders`` and ``read_annotation`` do.
    """
    root = Path(root)
    dataset = dataset or detect_dataset(root)
    folders = read_folders(dataset, root)
    problems = count_differences(folders, expected_counts(dataset, root))
    people = {split: np.unique(images.pids[images.pids > DISTRACTOR]) for split, images in folders.items()}
    for split in ("query", "gallery"):
        shared = np.intersect1d(people["train"], people[split])
        if len(shared):
            problems.append(f"{len(shared)} identities are in both train and {split}: {_listed(shared)}")
    strangers = np.setdiff1d(people["query"], people["gallery"])
    if len(strangers):
        problems.append(f"{len(strangers)} identities are in query but not in gallery: {_listed(strangers)}")
    problems += unreadable_images(root, folders.values())

    file = annotation or root / get_dataset(dataset).annotation.file_name
    annotations: Mapping[str, Annotation] = {}
    if annotation or file.is_file():
        annotations = read_annotation(file, dataset)
        problems += _uncovered(people, annotations)
    else:
        problems.append(f"no annotation file {file}: `mosaicreid data annotations` fetches it, or use --annotation")
    return Report(dataset, summarise(folders, annotations), tuple(problems))


def summarise(folders: Mapping[str, Images], annotations: Mapping[str, Annotation]) -> pd.DataFrame:
    """One row per split: images (junk included), identities, cameras, junk, distractors, annotated identities.

    ``annotations`` by train and test, or empty where there are none.
    """
    return pd.DataFrame([_row(split, images, annotations) for split, images in folders.items()])


def _annotation_split(split: str) -> str:
    """Query and gallery share the test identities."""
    return "train" if split == "train" else "test"


def _row(split: str, images: Images, annotations: Mapping[str, Annotation]) -> dict[str, object]:
    counts = images.counts()
    annotated = annotations[_annotation_split(split)].pids if annotations else np.zeros(0, dtype=np.int64)
    return {
        "split": split,
        "images": counts.images,
        "identities": counts.identities,
        "cameras": len(np.unique(images.camids)),
        "junk": int((images.pids == JUNK).sum()),
        "distractors": int((images.pids == DISTRACTOR).sum()),
        "annotated": len(np.intersect1d(images.pids, annotated)),
    }


def _uncovered(people: Mapping[str, np.ndarray], annotations: Mapping[str, Annotation]) -> list[str]:
    problems = []
    for split, pids in people.items():
        missing = np.setdiff1d(pids, annotations[_annotation_split(split)].pids)
        if len(missing):
            problems.append(f"{len(missing)} identities of {split} have no annotation: {_listed(missing)}")
    seen = {"train": people["train"], "test": np.union1d(people["query"], people["gallery"])}
    for split, annotation in annotations.items():
        unseen = np.setdiff1d(annotation.pids, seen[split])
        if len(unseen):
            problems.append(f"{len(unseen)} annotated {split} identities have no image: {_listed(unseen)}")
    return problems


def unreadable_images(root: Path, images: Iterable[Images]) -> list[str]:
    """One line per image under ``root`` that ``decode`` refuses, naming its path."""
    paths = [Path(root) / path for part in images for path in part.paths]
    # Threads: the decoder runs outside the interpreter's lock.
    with ThreadPoolExecutor() as pool:
        return [problem for problem in pool.map(_decoding_problem, paths) if problem]


def _decoding_problem(path: Path) -> str | None:
    try:
        read_image(path)
    except InputError as error:
        return str(error)
    return None


def _listed(pids: np.ndarray) -> str:
    shown = ", ".join(map(str, pids[:5].tolist()))
    return shown if len(pids) <= 5 else f"{shown}, ..."
